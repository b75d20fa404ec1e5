"""Copies tables and their parts: everything of one or nothing, in the claim's transaction.

Under a new snapshot a table that was copied before is first compared; only what differs is emptied and copied again.
A large table travels in ranges of its integer key, which select the same rows on both sides: each is proven, deleted
and copied again by itself. All deleting of a table comes before all copying of it, since a row may have moved.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
import pymysql

from jobs.core.errors import Permanent
from jobs.core.model import Scope
from jobs.engines.mysql_postgres import reader
from jobs.engines.mysql_postgres.perform import escape
from jobs.engines.mysql_postgres.perform.hands import Hands
from jobs.engines.mysql_postgres.perform.verify import compare, equal
from jobs.engines.postgres import quote, wire, worktable
from jobs.engines.postgres.perform.empty import muted
from jobs.ports.engine import Done, Task, Watch

FREEZE_BYTES = 4 << 20
"""Below this a new file for the table costs more than frozen rows save."""
REPORT_BYTES = 1 << 20


@dataclass(frozen=True)
class Brought:
    """Rows that are now in the target, bytes that travelled for it, and how."""

    rows: int
    bytes: int
    method: str


def copy(hands: Hands, task: Task, watch: Watch) -> Done:
    """Copies or proves each table of the task."""
    rows = moved = 0
    documents = []
    for table in task.payload["tables"]:
        began = time.monotonic()
        try:
            brought = _part(hands, table, watch) if "part" in table else _table(hands, task, table, watch)
        except psycopg.Error as error:
            raise hands.explain(error, task, label_of(table)) from None
        except (pymysql.MySQLError, OSError) as error:
            raise hands.explain_source(error, task, label_of(table)) from None
        rows, moved = rows + brought.rows, moved + brought.bytes
        document = {"table": table["label"], "rows": brought.rows, "bytes": brought.bytes, "method": brought.method}
        documents.append({**document, "seconds": round(time.monotonic() - began, 4)})
    return Done(rows=rows, bytes=moved, result=documents)


def label_of(table: dict[str, Any]) -> str:
    """The table, and which part of it."""
    return str(table["label"]) + (f" (part {table['part'][0]} of {table['part'][1]})" if "part" in table else "")


def look_at_parts(hands: Hands, task: Task, watch: Watch) -> Done:
    """Under a new snapshot: which ranges are still right; all others go, before any is copied again."""
    table, ranges = task.payload["table"], task.payload["ranges"]
    try:
        if not (hands.again or task.payload.get("refresh")):
            if hands.asked.options.scope is Scope.data_only:
                _must_be_empty(hands, table, watch)
            return Done(result={"proven": []})
        proven = []
        with muted(hands.target, table["schema"], table["name"]):
            for number, cut in enumerate(ranges, 1):
                watch.report("parts", f"proving {table['label']}", 0, 0)
                if equal(compare(hands, table, watch, cut)):
                    proven.append(number)
                    continue
                relation = quote.qualified(table["schema"], table["name"])
                wire.run(hands.target, f"delete from only {relation} where {cut['target']}", watch.check)  # noqa: S608
        return Done(result={"proven": proven})
    except psycopg.Error as error:
        raise hands.explain(error, task, table["label"]) from None
    except (pymysql.MySQLError, OSError) as error:
        raise hands.explain_source(error, task, table["label"]) from None


def _part(hands: Hands, table: dict[str, Any], watch: Watch) -> Brought:
    """A range, unless what an earlier snapshot brought of it was found to be right."""
    known = worktable.result(hands.target, table["parts"])
    if table["part"][0] in known["proven"]:
        count = wire.run(hands.target, _count(table, table["range"]["target"]), watch.check)
        return Brought(int(count[0][0] or 0), 0, "proven equal")
    with muted(hands.target, table["schema"], table["name"]):
        return _stream(hands, table, watch, table["range"]["source"], freeze=False)


def _count(table: dict[str, Any], where: str) -> str:
    return f"select count(*) from only {quote.qualified(table['schema'], table['name'])} where {where}"  # noqa: S608


def _table(hands: Hands, task: Task, table: dict[str, Any], watch: Watch) -> Brought:
    again = hands.again or bool(task.payload.get("refresh"))
    if again:
        proof = compare(hands, table, watch)
        if equal(proof):
            return Brought(proof["target_rows"], 0, "proven equal")
    if not again and hands.asked.options.scope is not Scope.data_only:
        fresh = table["bytes"] >= FREEZE_BYTES
        if fresh:
            hands.target.execute(f"truncate only {quote.qualified(table['schema'], table['name'])}", prepare=False)
        return _stream(hands, table, watch, "", freeze=fresh)
    with muted(hands.target, table["schema"], table["name"]):
        if not again:
            _must_be_empty(hands, table, watch)
        return _stream(hands, table, watch, "", freeze=_emptied(hands, table, watch))


_REFERENCED = """select exists (select from pg_constraint
    where contype = 'f' and confrelid = %s::regclass and conrelid <> confrelid)"""


def _emptied(hands: Hands, table: dict[str, Any], watch: Watch) -> bool:
    """Leaves the table without rows; True when it has a new file, into which COPY may freeze."""
    relation = quote.qualified(table["schema"], table["name"])
    row = hands.target.execute(_REFERENCED, [relation]).fetchone()
    if not (row and row[0]):
        wire.run(hands.target, f"truncate only {relation}", watch.check)
        return True
    # TRUNCATE refuses a referenced table; with the session in replica mode DELETE asks no foreign key.
    wire.run(hands.target, f"delete from only {relation}", watch.check)  # noqa: S608 - quoted
    return False


def _must_be_empty(hands: Hands, table: dict[str, Any], watch: Watch) -> None:
    relation = quote.qualified(table["schema"], table["name"])
    if wire.run(hands.target, f"select exists (select from only {relation})", watch.check)[0][0] == "t":  # noqa: S608
        raise Permanent(
            f"{table['label']} holds rows in the target",
            remedy="Empty it or leave it out.",
            object=table["label"],
        )


def _stream(hands: Hands, table: dict[str, Any], watch: Watch, where: str, *, freeze: bool) -> Brought:
    """One query of the source into one COPY of the target."""
    condition = f" where {where}" if where else ""
    query = f"select {table['rendered']} from {table['from']}{condition}"  # noqa: S608 - quoted
    relation = quote.qualified(table["schema"], table["name"])
    into = f"copy {relation} ({quote.names(table['columns'])}) from stdin{' with (freeze)' if freeze else ''}"
    label = label_of(table)
    rows = moved = reported = 0
    blocks = reader.blocks(hands.source, hands.asked.source, query, escape.ROW, watch.check)
    with closing(blocks), hands.target.cursor() as cursor:
        with cursor.copy(into.encode()) as sink:
            for count, block in blocks:
                lines = escape.lines(block)
                sink.write(lines)
                rows, moved = rows + count, moved + len(lines)
                if moved - reported >= REPORT_BYTES:
                    reported = moved
                    watch.report(f"copy {label}", label, rows, moved)
        arrived = cursor.rowcount
    if arrived != rows:
        raise Permanent(f"Copying {label}: {rows} rows left the source, {arrived} arrived", object=label)
    return Brought(rows, moved, "rows as text")
