"""Cutting tables: every row in exactly one part, and only where it helps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.core import chunks
from jobs.engines.postgres.catalog import Table
from jobs.engines.postgres.splits import conditions

MB = 1 << 20
SIZES = st.integers(1, 1 << 45)
LANES = st.integers(1, 32)


def table(size: int, *, pages: int = 10_000, rows: int = 1000, bounds: tuple[int, ...] = ()) -> Table:
    return Table(
        *(1, "s", "t", "r", 0, size, pages, rows, ("i",), ("i",), (), (), ()),
        key_column="i" * bool(bounds),
        bounds=bounds,
    )


@given(SIZES, SIZES, LANES)
def test_a_chunk_is_neither_tiny_nor_endless(size: int, others: int, lanes: int) -> None:
    total = size + others
    count = chunks.chunk_count(size, total, lanes)
    assert count >= 1
    if count > 1:
        assert size / count >= chunks.LEAST_BYTES / 2
        assert size / count <= 2 * chunks.MOST_BYTES
    if size >= 2 * chunks.HUGE_BYTES:
        assert size / count <= 1.5 * chunks.MOST_BYTES, "a crash never costs more than that"


@given(st.integers(0, 10_000), st.integers(1, 64))
def test_ranges_cover_everything_once(length: int, count: int) -> None:
    found = list(chunks.ranges(length, count))
    assert found[0][0] == 0 and found[-1][1] is None and len(found) == count
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]


def test_only_a_table_that_would_keep_a_lane_busy_alone_is_cut() -> None:
    wide = table(900 * MB)
    assert len(conditions(wide, 1000 * MB, 2, 150000)) == 7
    assert conditions(wide, 3000 * MB, 2, 150000) == [], "two others of its size keep the other lane busy"
    assert conditions(wide, 1000 * MB, 1, 150000) == [], "one lane has nothing to share"
    assert conditions(table(90 * MB), 90 * MB, 2, 150000) == [], "too small"
    assert conditions(table(900 * MB, rows=10_000_000), 900 * MB, 2, 150000) == [], "rows too narrow to gain"
    assert len(conditions(table(900 * MB, rows=10_000_000), 900 * MB, 4, 150000)) > 1
    assert len(conditions(table(8 << 30, rows=1 << 30), 80 << 30, 1, 150000)) == 8, "huge: for the sake of a resume"


def test_addresses_where_the_server_can_else_keys() -> None:
    cut = table(900 * MB, bounds=tuple(range(0, 1000, 10)))
    addresses = conditions(cut, 1000 * MB, 2, 140000)
    assert addresses[0] == "ctid >= '(0,0)' and ctid < '(1428,0)'"
    assert addresses[-1] == "ctid >= '(8571,0)'"
    keys = conditions(cut, 1000 * MB, 2, 130000)
    assert keys[0] == '"i" < 140' and keys[-1] == '"i" >= 850' and len(keys) == 7
    assert conditions(table(900 * MB), 1000 * MB, 2, 130000) == [], "no integer key, no ranges"


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=2, max_size=101), st.integers())
def test_key_ranges_hold_every_number_once(bounds: list[int], number: int) -> None:
    found = conditions(table(900 * MB, bounds=tuple(sorted(bounds))), 1000 * MB, 2, 130000)
    held = [eval(cut.replace('"i"', str(number))) for cut in found]
    assert not found or sum(held) == 1
