"""Counts, in the source, the values that decide a type or that PostgreSQL refuses. No value leaves the server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pymysql

from jobs.engines.mysql import quote
from jobs.engines.mysql.catalog import Catalog, Column, Table
from jobs.engines.mysql.inspect_rows import LARGE_BYTES
from jobs.engines.mysql.reader import Reader
from jobs.engines.mysql_postgres import spatial, types, values

ONE_SECONDS = 20.0
"""Longer than a look at orphans: a whole pass over a table of `LARGE_BYTES`, with a condition or two a column."""
ALL_SECONDS = 60.0
_TOO_LONG = (1969, 3024, 1317)
PACKET_SHARE = 2
"""Bytes travel as two hexadecimal digits."""


@dataclass(frozen=True)
class Look:
    """What was counted of one column; `rows` None: not looked at, for `reason`. `about` as in questions."""

    table: str
    column: str
    about: str
    rows: int | None
    reason: str = ""

    @property
    def label(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class _Asked:
    column: Column
    about: str
    sql: str
    """a condition, which is counted; for `srid` the number itself"""

    @property
    def total(self) -> str:
        found = self.sql if self.about == "srid" else f"coalesce(sum({self.sql}), 0)"
        return f"cast({found} as signed)"


def look(reader: Reader, catalog: Catalog, tables: Sequence[Table], packet: int) -> tuple[Look, ...]:
    """One pass over each table, the small first. `packet` is the source's max_allowed_packet, bytes."""
    end = time.monotonic() + ALL_SECONDS
    found: list[Look] = []
    for table in sorted(tables, key=lambda table: table.data_bytes):
        found += _of_table(reader, catalog, table, packet, end)
    return tuple(found)


def asked(table: Table, packet: int) -> Iterator[_Asked]:
    """Every condition that is counted of a table."""
    for column in table.columns:
        if column.generated == "virtual" and column.data_type not in values.DATES:
            continue
        variants = types.variants(column)
        if variants is not None:
            yield _Asked(column, "type", variants.beyond)
        for fault in values.faults(column, types.members(column), json=types.is_json(table, column)):
            yield _Asked(column, fault.about, fault.condition)
        if column.data_type in types.SPATIAL:
            yield _Asked(column, "srid", spatial.common_srid(column))
        if column.data_type in types.LONG or column.data_type in ("mediumblob", "longblob"):
            name = quote.name(column.name)
            yield _Asked(column, "packet", f"length({name}) > {packet // (PACKET_SHARE + 1)}")


def _of_table(reader: Reader, catalog: Catalog, table: Table, packet: int, end: float) -> Iterator[Look]:
    questions = list(asked(table, packet))
    if not questions:
        return
    left = min(ONE_SECONDS, end - time.monotonic())
    counts: Sequence[object] = ()
    reason = f"more than {LARGE_BYTES >> 20} MiB" if table.data_bytes > LARGE_BYTES else ""
    if not reason and left <= 0:
        reason = f"the checks took {ALL_SECONDS:.0f} s for others"
    if not reason:
        sums = ", ".join(one.total for one in questions)
        try:
            reader.limit(left)
            counts = reader.rows(f"select {sums} from {quote.qualified(catalog.database, table.name)}")[0]  # noqa: S608
        except pymysql.MySQLError as error:
            long = error.args and error.args[0] in _TOO_LONG
            reason = f"it took more than {left:.0f} s" if long else reader.reason(error)
    for number, one in enumerate(questions):
        rows = int(str(counts[number])) if counts else None
        yield Look(table.name, one.column.name, one.about, rows, reason)
