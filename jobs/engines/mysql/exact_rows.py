"""Rows that the dump program would change: written once more, exactly, by statements that replace them.

It prints six digits of a FLOAT, and it turns texts into UTF-8 and back, which is not always the way back.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from jobs.core.model import Endpoint
from jobs.engines.mysql import columns as values
from jobs.engines.mysql import quote
from jobs.engines.mysql.catalog import Catalog, Column, Table
from jobs.engines.mysql.connect import SQL_MODE, connect, run
from jobs.engines.mysql.perform.inserts import MOST_BYTES, values_of
from jobs.engines.mysql.perform.stream import Stream

_SAME = frozenset({"", "utf8", "utf8mb3", "utf8mb4", "ascii", "latin1", "binary"})
"""Character sets whose every value is the same after a way through UTF-8."""

HEAD = (
    f"SET NAMES utf8mb4;\nSET SESSION time_zone = '+00:00', sql_mode = '{SQL_MODE}',"
    " foreign_key_checks = 0, unique_checks = 0;\n"
)


def delicate(table: Table) -> bool:
    """Whether the dump program would change a value of it."""
    return any(map(_changes, table.columns))


def _changes(column: Column) -> bool:
    return not column.generated and (column.data_type == "float" or column.charset not in _SAME)


def write(endpoint: Endpoint, catalog: Catalog, put: Callable[[bytes], None], check: Callable[[], None]) -> None:
    """Statements for the rows of every delicate table, which nobody writes to meanwhile."""
    chosen = [table for table in catalog.tables if delicate(table)]
    if not chosen:
        return
    put(HEAD.encode())
    with closing(connect(endpoint, purpose="restore point")) as reader:
        # Values leave as the bytes that are stored.
        run(reader, "set session character_set_results = null")
        for table in chosen:
            _table(Stream(reader, endpoint, _select(table)), table, put, check)


def _select(table: Table) -> str:
    return f"select {values.cells(values.stored(table))} from {quote.name(table.name)}"  # noqa: S608 - quoted


def _table(stream: Stream, table: Table, put: Callable[[bytes], None], check: Callable[[], None]) -> None:
    columns = values.stored(table)
    how = [values.written(column) for column in columns]
    name = quote.name(table.name)
    put(f"DELETE FROM {name};\n".encode())  # noqa: S608 - quoted
    head = f"INSERT INTO {name} ({quote.names(c.name for c in columns)}) VALUES ".encode()  # noqa: S608 - quoted
    size = 0
    for payload in stream.packets():
        check()
        row = values_of(payload, how)
        put(b"," + row if size else head + row)
        size += len(row)
        if size > MOST_BYTES:
            put(b";\n")
            size = 0
    if size:
        put(b";\n")
