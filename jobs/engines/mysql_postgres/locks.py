"""Small statements on the source beside the snapshot: where large tables are cut, a sign of life."""

from __future__ import annotations

import pymysql

from jobs.core.chunks import chunk_count
from jobs.core.errors import Transient
from jobs.core.model import Endpoint
from jobs.engines.mysql import parts, quote
from jobs.engines.mysql.catalog import Column
from jobs.engines.mysql.columns import key_type
from jobs.engines.mysql.connect import Connection, run
from jobs.engines.mysql_postgres import reader
from jobs.engines.mysql_postgres.shape import MovedTable, Shape
from jobs.engines.mysql_postgres.worklist import Bounds, key_column
from jobs.ports.engine import Watch

CUT_BYTES = 64 << 20
LEAST_ROWS = 1000
"""In a part of a table whose key is walked."""


def bounds(connection: Connection, endpoint: Endpoint, shape: Shape, watch: Watch) -> dict[str, Bounds]:
    """Where the tables are cut that are large enough for it: evenly by an integer, else at every n-th key."""
    found = {}
    total = sum(table.source.bytes for table in shape.tables)
    for table in shape.tables:
        count = chunk_count(table.source.data_bytes, total, shape.options.parallelism)
        if count == 1 or table.source.data_bytes < CUT_BYTES:
            continue
        even = _even(connection, endpoint, table, count, watch)
        if even is not None:
            found[table.label] = even
        elif (known := _key(table)) is not None:
            found[table.label] = _walked(connection, endpoint, table, *known, count, watch)
    return found


def _even(connection: Connection, endpoint: Endpoint, table: MovedTable, count: int, watch: Watch) -> Bounds | None:
    """None where the key does not begin with an integer, or with one that has few values (a tenant's number)."""
    column = key_column(table)
    if column is None:
        return None
    name = quote.name(column.source.name)
    query = f"select min({name}), max({name}) from {_place(table)}"  # noqa: S608 - quoted
    least, greatest = reader.ask(connection, endpoint, query, watch.check)[0]
    if least is None or int(greatest) - int(least) < count:
        return None
    return Bounds(int(least), int(greatest))


def _place(table: MovedTable) -> str:
    return quote.qualified(table.database, table.source.name)


def _key(table: MovedTable) -> tuple[str, parts.Key] | None:
    """The index by which the source keeps the table, where ranges of it can be written down for the source alone.

    Without a primary key that is the first unique one whose columns are never NULL."""
    if table.source.versioned or table.source.engine != "InnoDB":
        return None
    unique = [table.source.primary_key] if table.source.primary_key else [i for i in table.source.indexes if i.unique]
    for index in unique:
        columns = tuple(table.source.column(part.column) for part in index.parts if part.column)
        plain = not any(part.prefix or part.descending or part.expression for part in index.parts)
        kinds = tuple(map(_kind, columns))
        if plain and all(kinds) and not any(column.nullable for column in columns):
            return index.name, parts.Key(columns, kinds)
    return None


def _kind(column: Column) -> str:
    if column.generated:
        return ""
    # As a time's, their text is compared as what it means.
    return "time" if column.data_type in ("uuid", "inet4", "inet6") else key_type(column, column)


def _walked(
    connection: Connection,
    endpoint: Endpoint,
    table: MovedTable,
    index: str,
    key: parts.Key,
    count: int,
    watch: Watch,
) -> Bounds:
    """Every n-th key, each found from the one before: the source reads its clustered index once."""
    step = max(LEAST_ROWS, table.source.rows // count)
    order = quote.names(column.name for column in key.columns)
    found: list[tuple[str, ...]] = []
    while True:
        after = f" where {parts.from_key(key, found[-1])}" if found else ""
        query = f"select {key.listed} from {_place(table)} force index ({quote.name(index)}){after}"  # noqa: S608
        query += f" order by {order} limit 1 offset {step}"
        watch.report("parts", f"cutting {table.label}", 0, 0)
        rows = reader.ask(connection, endpoint, query, watch.check)
        if not rows:
            return Bounds(conditions=tuple(parts.between_keys(key, found)))
        found.append(tuple(_text(value) for value in rows[0]))


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def alive(connection: Connection) -> None:
    """Raises `Transient` when the session is gone."""
    try:
        run(connection, "do 0")
    except (pymysql.MySQLError, OSError):
        raise Transient(
            "The conductor lost its connection to the source", remedy="The run resumes by itself."
        ) from None
