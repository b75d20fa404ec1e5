"""Rows whose foreign key points nowhere: counted on the source, since a key that was never proven, or whose triggers
were off for a while, says nothing. Only counted: no value leaves the server."""

from __future__ import annotations

import time
from contextlib import closing

import psycopg

from jobs.core.errors import FerrybotError
from jobs.core.model import Endpoint, Scope
from jobs.engines.postgres import quote
from jobs.engines.postgres.connect import Connection, connect, first_line, scrub
from jobs.engines.postgres.facts import Fact, ForeignKey, Orphans, Unread
from jobs.engines.postgres.inventory import Inventory

LARGE_BYTES = 512 << 20
"""Both tables together: a hash join over this much takes some seconds; a person waits for the checks."""
KEY_SECONDS = 5.0
ALL_SECONDS = 20.0
ENOUGH = 1000
"""More orphans than this are not counted: the look ends there."""

_TIMEOUT = "select set_config('statement_timeout', %s, false)"


def count_orphans(endpoint: Endpoint, inventory: Inventory) -> Fact[tuple[Orphans, ...]]:
    """Every foreign key of the tables that move, as far as time and size allow; nothing for the schema alone."""
    try:
        keys = _moving(inventory)
        if not keys:
            return Fact[tuple[Orphans, ...]](value=())
        with closing(connect(endpoint, purpose="inspect orphans")) as connection:
            connection.execute("set default_transaction_read_only = on")
            connection.execute("set lock_timeout = '5s'")
            return Fact[tuple[Orphans, ...]](value=tuple(_look(connection, endpoint, keys, _sizes(inventory))))
    except Unread as error:
        return Fact[tuple[Orphans, ...]](reason=str(error))
    except FerrybotError as error:
        return Fact[tuple[Orphans, ...]](reason=error.what)
    except psycopg.Error as error:
        return Fact[tuple[Orphans, ...]](reason=first_line(scrub(str(error), endpoint)))


def _moving(inventory: Inventory) -> list[ForeignKey]:
    """Keys of which both tables move: the others do not arrive."""
    if inventory.options.scope is Scope.schema_only:
        return []
    ours = inventory.selected_keys
    keys = inventory.source.foreign_keys.get()
    return [k for k in keys if {(k.schema_name, k.table_name), (k.to_schema, k.to_table)} <= ours]


def _sizes(inventory: Inventory) -> dict[tuple[str, str], int]:
    """Bytes of each table, a partitioned one with all that hangs on it."""
    tables = {t.key: t for t in inventory.source.tables.get()}
    sizes = dict.fromkeys(tables, 0)
    for table in tables.values():
        at: tuple[str, str] | None = table.key
        while at in tables:
            sizes[at] += table.table_bytes
            at = tables[at].parent
    return sizes


def _look(
    connection: Connection, endpoint: Endpoint, keys: list[ForeignKey], sizes: dict[tuple[str, str], int]
) -> list[Orphans]:
    """The small first, so that time is spent on as many keys as it can."""
    found: list[Orphans] = []
    end = time.monotonic() + ALL_SECONDS

    def size(key: ForeignKey) -> int:
        return sizes.get((key.schema_name, key.table_name), 0) + sizes.get((key.to_schema, key.to_table), 0)

    for key in sorted(keys, key=size):
        left = min(KEY_SECONDS, end - time.monotonic())
        if size(key) > LARGE_BYTES:
            found.append(_unseen(key, f"both tables together hold more than {LARGE_BYTES >> 20} MiB"))
        elif left <= 0:
            found.append(_unseen(key, f"the checks took {ALL_SECONDS:.0f} s for other keys"))
        else:
            found.append(_count(connection, endpoint, key, left))
    return found


def _unseen(key: ForeignKey, reason: str) -> Orphans:
    return Orphans(key=key, query=orphan_rows(key), rows=None, reason=reason)


def _count(connection: Connection, endpoint: Endpoint, key: ForeignKey, seconds: float) -> Orphans:
    query = f"select count(*) from (select {orphan_rows(key)} limit {ENOUGH + 1}) orphan"  # noqa: S608 - quoted
    try:
        connection.execute(_TIMEOUT, [f"{max(1, int(seconds * 1000))}ms"])
        row = connection.execute(query.encode()).fetchone()
    except psycopg.errors.QueryCanceled:
        return _unseen(key, f"it took more than {seconds:.0f} s")
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return _unseen(key, first_line(scrub(error.diag.message_primary or "it was refused", endpoint)))
    rows = int(row[0]) if row else 0
    return Orphans(key=key, query=orphan_rows(key), rows=min(rows, ENOUGH), capped=rows > ENOUGH)


def orphan_rows(key: ForeignKey) -> str:
    """What follows SELECT to get them. The key's own operators: those of its types may be an extension's."""
    table, other = quote.qualified(key.schema_name, key.table_name), quote.qualified(key.to_schema, key.to_table)
    pairs = zip(key.to_columns, key.operators, key.columns, strict=True)
    same = " and ".join(f"o.{quote.name(theirs)} {operator} t.{quote.name(ours)}" for theirs, operator, ours in pairs)
    filled = " and ".join(f"t.{quote.name(ours)} is not null" for ours in key.columns)
    mine, theirs = "only " if key.only else "", "only " if key.to_only else ""
    found = f"select from {theirs}{other} o where {same}"
    if key.period:
        # As the server asks it (ri_triggers.c, RI_FKey_check): the periods of all rows that fit, put together.
        ours, its = quote.name(key.columns[-1]), quote.name(key.to_columns[-1])
        found += f" having t.{ours} operator(pg_catalog.<@) pg_catalog.range_agg(o.{its})"
    return f"from {mine}{table} t where {filled} and not exists ({found})"
