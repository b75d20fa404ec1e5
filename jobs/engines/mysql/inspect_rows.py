"""What only the tables themselves can say: may they be read, do they hold rows, orphans, zero dates.

Only counted: no value leaves the server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

import pymysql

from jobs.engines.mysql import quote
from jobs.engines.mysql.catalog import ForeignKey, Table
from jobs.engines.mysql.facts import Orphans, Zeros
from jobs.engines.mysql.inventory import Inventory
from jobs.engines.mysql.reader import Reader

T = TypeVar("T")

LARGE_BYTES = 512 << 20
"""Tables together: what is larger is not searched while a person waits for the checks."""
ONE_SECONDS = 5.0
ALL_SECONDS = 20.0
ENOUGH = 1000
"""More orphans than this are not counted: the look ends there."""

_DENIED = (1142, 1143, 1044, 1370)
_TOO_LONG = (1969, 3024, 1317)
_DATES = frozenset({"date", "datetime", "timestamp"})


def unreadable(reader: Reader, inventory: Inventory) -> tuple[str, ...]:
    """Chosen tables of which this account may not read every column: asked of each, since grants nest in roles."""
    database = inventory.source.catalog.get().database
    shut: list[str] = []
    for table in inventory.selected:
        try:
            reader.rows(f"select * from {quote.qualified(database, table.name)} limit 0")  # noqa: S608 - quoted
        except pymysql.MySQLError as error:
            if not error.args or error.args[0] not in _DENIED:
                reader.reason(error)
                continue  # a broken table: said by its own check
            shut.append(table.name)
    return tuple(shut)


def filled(reader: Reader, inventory: Inventory) -> tuple[str, ...]:
    """Tables of the target with at least one row, of those that the data goes to."""
    there = inventory.target.catalog.get()
    names = [name for name in sorted(table.name for table in inventory.filled) if name in there.by_name]
    asked = "select exists (select 1 from {})"
    return tuple(name for name in names if reader.rows(asked.format(quote.qualified(there.database, name)))[0][0])


def orphans(reader: Reader, inventory: Inventory) -> tuple[Orphans, ...]:
    """Every foreign key of the tables that move, as far as time and size allow."""
    database = inventory.source.catalog.get().database
    tables = {table.name: table for table in inventory.filled}
    keys = [
        (table, key)
        for table in inventory.filled
        for key in table.foreign_keys
        if key.other_database == database and key.other_table in tables
    ]
    return tuple(_look(reader, sorted(((t, k, tables[k.other_table]) for t, k in keys), key=_size)))


def _size(pair: tuple[Table, ForeignKey, Table]) -> int:
    return pair[0].data_bytes + pair[2].data_bytes


def _look(reader: Reader, pairs: Sequence[tuple[Table, ForeignKey, Table]]) -> Iterator[Orphans]:
    """The small first, so that time is spent on as many keys as it can."""
    end = time.monotonic() + ALL_SECONDS
    for table, key, other in pairs:
        query = orphan_rows(table, key)
        left = min(ONE_SECONDS, end - time.monotonic())
        reason = _unseen(table.data_bytes + other.data_bytes, left)
        if reason:
            yield Orphans(table.name, key, query, None, reason=reason)
            continue
        try:
            reader.limit(left)
            asked = f"select count(*) from (select 1 {query} limit {ENOUGH + 1}) orphan"  # noqa: S608 - quoted
            found = int(reader.rows(asked)[0][0])
        except pymysql.MySQLError as error:
            yield Orphans(table.name, key, query, None, reason=_why(reader, error, left))
            continue
        yield Orphans(table.name, key, query, min(found, ENOUGH), capped=found > ENOUGH)


def _unseen(size: int, left: float) -> str:
    if size > LARGE_BYTES:
        return f"more than {LARGE_BYTES >> 20} MiB"
    return f"the checks took {ALL_SECONDS:.0f} s for others" if left <= 0 else ""


def _why(reader: Reader, error: pymysql.MySQLError, seconds: float) -> str:
    if error.args and error.args[0] in _TOO_LONG:
        return f"it took more than {seconds:.0f} s"
    return reader.reason(error)


def orphan_rows(table: Table, key: ForeignKey) -> str:
    """What follows SELECT to get them; the other table is always in the same database."""
    same = " and ".join(
        f"o.{quote.name(theirs)} = t.{quote.name(ours)}"
        for theirs, ours in zip(key.other_columns, key.columns, strict=True)
    )
    filled = " and ".join(f"t.{quote.name(ours)} is not null" for ours in key.columns)
    missing = f"not exists (select 1 from {quote.name(key.other_table)} o where {same})"  # noqa: S608 - quoted
    return f"from {quote.name(table.name)} t where {filled} and {missing}"


def zeros(reader: Reader, inventory: Inventory) -> tuple[Zeros, ...]:
    """Columns with at least one zero date or a date with a zero in it."""
    return tuple(_zeros(reader, sorted(inventory.filled, key=lambda table: table.data_bytes)))


def _zeros(reader: Reader, tables: Sequence[Table]) -> Iterator[Zeros]:
    end = time.monotonic() + ALL_SECONDS
    for table in tables:
        columns = [column.name for column in table.columns if column.data_type in _DATES]
        if not columns:
            continue
        left = min(ONE_SECONDS, end - time.monotonic())
        reason = _unseen(table.data_bytes, left)
        some: list[bool] = []
        if not reason:
            try:
                reader.limit(left)
                found = reader.rows(f"select {', '.join(map(_any_zero, columns))} from {quote.name(table.name)}")  # noqa: S608 - quoted
                some = [bool(value) for value in found[0]]
            except pymysql.MySQLError as error:
                reason = _why(reader, error, left)
        for number, name in enumerate(columns):
            yield Zeros(table.name, name, some[number] if some else None, reason)


def _any_zero(column: str) -> str:
    name = quote.name(column)
    return f"max(month({name}) = 0 or dayofmonth({name}) = 0)"
