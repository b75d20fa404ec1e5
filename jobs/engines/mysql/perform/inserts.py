"""Rows as INSERT statements, for targets that refuse LOAD DATA LOCAL: the plan says so, since it is much slower."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jobs.engines.mysql.connect import Connection, one, rows
from jobs.engines.mysql.perform.stream import Loaded, cells_of

MOST_BYTES = 1 << 20
"""Of one statement: larger ones bring nothing, and every server takes this much unless somebody made it less."""


def insert(
    target: Connection, head: bytes, payloads: Iterator[bytes], how: Sequence[str], moved: Callable[[int], None]
) -> Loaded:
    """Many rows a statement, in the caller's transaction; `how` says for each column how its value is written."""
    most = min(MOST_BYTES, int(one(target, "select @@max_allowed_packet")[0]) // 2)
    pending: list[bytes] = []
    count = size = total = 0
    codes: set[int] = set()
    for payload in payloads:
        row = values_of(payload, how)
        if pending and size + len(row) > most:
            codes |= _send(target, head, pending)
            pending, size = [], 0
        pending.append(row)
        count, size, total = count + 1, size + len(row) + 1, total + len(row)
        moved(total)
    if pending:
        codes |= _send(target, head, pending)
    return Loaded(count, 0, frozenset(codes))


def values_of(payload: bytes, how: Sequence[str]) -> bytes:
    """One row as it stands after VALUES."""
    return b"(" + b",".join(map(_literal, cells_of(payload, len(how)), how)) + b")"


def _literal(cell: bytes | None, how: str) -> bytes:
    """A number as it is, a time or word in quotes, everything else as the bytes that are stored."""
    if cell is None:
        return b"null"
    if how == "number":
        return cell
    if how == "word":
        return b"'" + cell + b"'"
    literal = b"x'" + cell.hex().encode() + b"'"
    return b"convert(" + literal + b" using utf8mb4)" if how == "json" else literal


def _send(target: Connection, head: bytes, pending: Sequence[bytes]) -> set[int]:
    raw: Any = target
    raw.query(head + b",".join(pending))
    if not raw._result.warning_count:
        return set()
    return {int(row[1]) for row in rows(target, "show warnings")}
