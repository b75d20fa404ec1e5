"""The rows of one table, or of one part of it, from the source into the target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.perform.hands import Hands
from jobs.engines.postgres.perform.padding import Padding, look
from jobs.engines.postgres.perform.stream import copy_stream
from jobs.ports.engine import Watch


@dataclass(frozen=True)
class Brought:
    """Rows that are now in the target, bytes that travelled for it, and how; `xid` wrote the rows of a part."""

    rows: int
    bytes: int
    method: str
    xid: str = ""


def label_of(table: dict[str, Any]) -> str:
    """The table, and which part of it."""
    part = f" (part {table['part'][0]} of {table['part'][1]})" if "part" in table else ""
    return f"{table['schema']}.{table['name']}{part}"


def copy_rows(hands: Hands, table: dict[str, Any], watch: Watch, *, freeze: bool) -> Brought:
    """One COPY into one COPY; `freeze` where the table's file is of this transaction."""
    relation = quote.qualified(table["schema"], table["name"])
    if not table["columns"]:
        return _copy_count(hands, relation, watch)
    label, padding = label_of(table), look(hands.source, table, watch.check)
    out, into = statements(table, padding, freeze=freeze)

    def progress(rows: int, moved: int) -> None:
        # What stays behind counts as moved, since a table's size counts it: half of the rows are half of the bytes.
        watch.report(f"copy {label}", label, rows, moved + int(rows * padding.bytes_per_row))

    with _as_they_are(hands.source, hands.target):
        rows, moved = copy_stream(hands.source, out, hands.target, into, progress, watch.check)
    method = "copy binary" if table["binary"] else "copy text"
    return Brought(rows, moved, f"{method} without padding" if padding.columns else method)


def statements(table: dict[str, Any], padding: Padding, *, freeze: bool) -> tuple[str, str]:
    """The COPY of the source and that of the target."""
    relation, columns = quote.qualified(table["schema"], table["name"]), quote.names(table["columns"])
    options = ["format binary"] if table["binary"] else []
    what = f"{relation} ({columns})"
    if padding.columns or "where" in table:
        sent = ", ".join(map(padding.sent, table["columns"]))
        where = f" where {table['where']}" if "where" in table else ""
        what = f"(select {sent} from only {relation}{where})"  # noqa: S608 - quoted
    into = f"copy {relation} ({columns}) from stdin{_with([*options, 'freeze'] if freeze else options)}"
    return f"copy {what} to stdout{_with(options)}", into


@contextmanager
def _as_they_are(*connections: Connection) -> Iterator[None]:
    """Between two databases of SQL_ASCII no byte is looked at: whatever it means, it need not be UTF-8.

    After an error each server takes the setting back together with the transaction."""
    if any(connection.info.parameter_status("server_encoding") != "SQL_ASCII" for connection in connections):
        yield
        return
    for connection in connections:
        connection.execute("set client_encoding = 'SQL_ASCII'")
    yield
    for connection in connections:
        connection.execute("set client_encoding = 'UTF8'")


def _with(options: list[str]) -> str:
    return f" with ({', '.join(options)})" if options else ""


def _copy_count(hands: Hands, relation: str, watch: Watch) -> Brought:
    """A table without columns to write, be it that all are generated, still has a number of rows."""
    found = wire.run(hands.source, f"select count(*) from only {relation}", watch.check)  # noqa: S608 - quoted
    count = int(found[0][0] or 0)
    # A select list may be empty, which is just what such a table takes.
    wire.run(hands.target, f"insert into {relation} select from generate_series(1, {count})", watch.check)
    return Brought(count, 0, "count")
