"""Keys: the one that names a row of a table, and foreign keys that rows break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from jobs.core.verdict import BrokenKey
from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.facts import ForeignKey
from jobs.engines.postgres.inspect_orphans import orphan_rows
from jobs.engines.postgres.queries import query

EXAMPLES = 10
KEY_LETTERS = 60
"""Of a key's text: enough to find the row, short enough for ten of them in a message."""


def row_key(connection: Connection, schema: str, table: str) -> tuple[str, ...]:
    """The columns of the table's primary key, else of its smallest unique key without NULLs; else none."""
    row = connection.execute(query("row_key"), [quote.qualified(schema, table)]).fetchone()
    return tuple(row[0]) if row else ()


def shown(columns: Sequence[str]) -> str:
    """SQL for a row's key as text, one letter longer than is shown."""
    named = [f"t.{quote.name(column)}" for column in columns]
    text = f"{named[0]}::text" if len(named) == 1 else f"row({', '.join(named)})::text"
    return f"left({text}, {KEY_LETTERS + 1})"


def clipped(text: str | None) -> str:
    """A key's text on one line, the cut marked."""
    said = " ".join((text or "").split())
    return said if len(said) <= KEY_LETTERS else said[:KEY_LETTERS] + "…"


def foreign_keys(connection: Connection) -> list[ForeignKey]:
    """Every foreign key that is enforced."""
    cursor = connection.execute(query("foreign_keys"))
    names = [column.name for column in cursor.description or ()]
    return [ForeignKey(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def foreign_key(connection: Connection, label: str) -> ForeignKey | None:
    """The foreign key that is called `schema.table.constraint`."""
    return next((key for key in foreign_keys(connection) if key.label == label), None)


def census_name(connection: Connection, schema: str, table: str, name: str) -> str:
    """What the census calls it."""
    parts = (schema, table, name)
    row = connection.execute("select concat_ws('.', quote_ident(%s), quote_ident(%s), quote_ident(%s))", parts)
    return str((row.fetchone() or ("",))[0])


def broken(connection: Connection, key: ForeignKey, check: Callable[[], None]) -> BrokenKey:
    """How many rows break it, how to find them, and the own keys of some."""
    rows = orphan_rows(key)
    counted = wire.run(connection, f"select count(*) {rows}", check)
    columns = row_key(connection, key.schema_name, key.table_name)
    examples: list[str] = []
    if columns:
        found = wire.run(connection, f"select {shown(columns)} {rows} limit {EXAMPLES}", check)
        examples = [clipped(text) for (text,) in found]
    return BrokenKey(
        name=key.label, orphans=int(counted[0][0] or 0), find=f"select t.* {rows}", examples=tuple(examples)
    )


def try_to_validate(connection: Connection, key: ForeignKey, check: Callable[[], None]) -> bool:
    """Proves a foreign key over all rows; False where rows break it. Leaves an open transaction usable."""
    only = "only " if key.only else ""
    table, name = quote.qualified(key.schema_name, key.table_name), quote.name(key.name)
    try:
        with connection.transaction():
            wire.run(connection, f"alter table {only}{table} validate constraint {name}", check)
    except psycopg.errors.ForeignKeyViolation:
        return False
    return True


_STANDS = """
select k.convalidated, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint')
from pg_constraint k where k.conrelid = %s::regclass and k.conname = %s and k.contype = 'f'"""


def stands(connection: Connection, schema: str, table: str, name: str) -> bool:
    """The server takes the key for proven."""
    row = connection.execute(_STANDS, [quote.qualified(schema, table), name]).fetchone()
    return bool(row and row[0])


def disproven(connection: Connection, key: ForeignKey, check: Callable[[], None]) -> BrokenKey | None:
    """Of a key that the server takes for proven: what breaks it, and then it is NOT VALID; None when nothing does.

    Rows that came while keys were silenced are believed unseen: VALIDATE does nothing to a valid key."""
    found = broken(connection, key, check)
    if not found.orphans:
        return None
    table, name = quote.qualified(key.schema_name, key.table_name), quote.name(key.name)
    row = connection.execute(_STANDS, [table, key.name]).fetchone()
    assert row is not None
    only = "only " if key.only else ""
    anew = f"alter table {only}{table} drop constraint {name}, add constraint {name} {row[1]} not valid"
    wire.run(connection, anew, check)
    if row[2]:
        wire.run(connection, f"comment on constraint {name} on {table} is {quote.text(row[2])}", check)
    return found


def document(connection: Connection, found: BrokenKey, key: ForeignKey) -> dict[str, Any]:
    """What a task keeps of a key that stayed NOT VALID."""
    return {
        **found.model_dump(mode="json"),
        "census": census_name(connection, key.schema_name, key.table_name, key.name),
    }
