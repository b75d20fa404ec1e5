"""How large tables are cut: so that lanes end together, and a crash costs minutes instead of hours. Pure."""

from __future__ import annotations

from collections.abc import Iterator

LEAST_BYTES = 64 << 20
"""Below this a chunk's fixed cost (a transaction, a look at the task table) is felt."""
MOST_BYTES = 1 << 30
"""What one crash may cost: about ten seconds of copying at 100 MB/s."""
PER_LANE = 4
"""Chunks per lane where sizes allow: the last ones are then a quarter of a lane's share apart at most."""
HUGE_BYTES = 4 << 30
"""From here on a table is cut whatever it brings in time."""


def chunk_bytes(total: int, lanes: int) -> int:
    """The size to aim at, in bytes, for a run of `total` bytes."""
    return min(MOST_BYTES, max(LEAST_BYTES, total // (lanes * PER_LANE)))


def chunk_count(size: int, total: int, lanes: int) -> int:
    """Into how many chunks a table of `size` bytes is cut; 1 leaves it whole.

    Only tables that would keep a lane busy after the others have ended are cut, and huge ones."""
    if size * lanes <= total and size < HUGE_BYTES:
        return 1
    if lanes == 1 and size < HUGE_BYTES:
        return 1
    return max(1, round(size / chunk_bytes(total, lanes)))


def ranges(length: int, count: int) -> Iterator[tuple[int, int | None]]:
    """`count` half-open ranges that cover everything from 0; the last has no end, whatever grew meanwhile."""
    for number in range(count):
        end = length * (number + 1) // count
        yield length * number // count, end if number < count - 1 else None
