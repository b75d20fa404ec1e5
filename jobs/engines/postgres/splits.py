"""Conditions that cut a large table into parts, each row in exactly one.

From PostgreSQL 14 on a range of row addresses (ctid) is read without touching the rest, whatever keys a table has;
before, ranges of an integer primary key are, cut where the planner's statistics say.
"""

from __future__ import annotations

from itertools import pairwise

from jobs.core.chunks import HUGE_BYTES, chunk_count, ranges
from jobs.engines.postgres import quote
from jobs.engines.postgres.catalog import TID_RANGES_FROM, Table

NARROW_BYTES = 200
"""Measured on two cores with two lanes: rows of 110 bytes gain nothing from a second stream (the target's work per
row fills a core, and frozen rows are lost), rows of 430 bytes a fifth."""


def conditions(table: Table, total: int, lanes: int, source_version: int) -> list[str]:
    """SQL conditions of the parts; none where the table stays whole. `total` is the bytes of all tables."""
    count = chunk_count(table.bytes, total, lanes)
    if count == 1 or not table.columns or _narrow(table, lanes):
        return []
    if source_version >= TID_RANGES_FROM:
        return [_addresses(start, end) for start, end in ranges(table.pages, count)] if table.pages > count else []
    return _keys(table, count)


def _narrow(table: Table, lanes: int) -> bool:
    return lanes <= 2 and table.bytes < HUGE_BYTES and table.rows > 0 and table.bytes / table.rows < NARROW_BYTES


def _addresses(start: int, end: int | None) -> str:
    return f"ctid >= '({start},0)'" + (f" and ctid < '({end},0)'" if end is not None else "")


def _keys(table: Table, count: int) -> list[str]:
    if not table.key_column or len(table.bounds) <= count:
        return []
    bounds = sorted({table.bounds[len(table.bounds) * number // count] for number in range(1, count)})
    column = quote.name(table.key_column)
    inner = [f"{column} >= {low} and {column} < {high}" for low, high in pairwise(bounds)]
    return [f"{column} < {bounds[0]}", *inner, f"{column} >= {bounds[-1]}"]
