"""Copies tables and their parts: everything of one or nothing, in the claim's transaction.

Under a new snapshot a table that was copied before is first compared; only what differs is emptied and copied again.
A large table travels in ranges of its integer key, which select the same rows on both sides: each is proven, deleted
and copied again by itself; or in ranges of another key, whose rows are known in the target by the transaction that
brought them (`tagged.py`). All deleting of a table comes before all copying of it, since a row may have moved.
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
from jobs.engines.mysql_postgres import reader, rows
from jobs.engines.mysql_postgres.perform import escape, tagged
from jobs.engines.mysql_postgres.perform.hands import Hands
from jobs.engines.mysql_postgres.perform.verify import compare, equal
from jobs.engines.postgres import quote, wire, worktable
from jobs.engines.postgres.perform.empty import muted
from jobs.engines.shared.saying import Saying
from jobs.ports.engine import Done, Task, Watch

FREEZE_BYTES = 4 << 20
"""Below this a new file for the table costs more than frozen rows save."""


@dataclass(frozen=True)
class Brought:
    """Rows that are now in the target, bytes that travelled for it, and how."""

    rows: int
    bytes: int
    method: str
    xid: str = ""


def copy(hands: Hands, task: Task, watch: Watch) -> Done:
    """Copies or proves each table of the task."""
    count = moved = 0
    documents = []
    for table in task.payload["tables"]:
        began = time.monotonic()
        try:
            brought = _part(hands, table, watch) if "part" in table else _table(hands, task, table, watch)
        except psycopg.Error as error:
            raise hands.explain(error, task, label_of(table)) from None
        except (pymysql.MySQLError, OSError) as error:
            raise hands.explain_source(error, task, label_of(table)) from None
        count, moved = count + brought.rows, moved + brought.bytes
        document = {"table": table["label"], "rows": brought.rows, "bytes": brought.bytes, "method": brought.method}
        documents.append({**document, "xid": brought.xid, "seconds": round(time.monotonic() - began, 4)})
    return Done(rows=count, bytes=moved, result=documents)


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
        if task.payload.get("tagged"):
            return Done(result=tagged.keep_the_proven(hands, task, watch))
        proven = []
        with muted(hands.target, table["schema"], table["name"]):
            for number, cut in enumerate(ranges, 1):
                watch.report("parts", f"proving {table['label']}", 0, 0)
                if equal(compare(hands, table, watch, cut)):
                    proven.append(number)
                    continue
                wire.run(hands.target, f"delete from {rows.relation(table)} where {cut['target']}", watch.check)  # noqa: S608
        return Done(result={"proven": proven})
    except psycopg.Error as error:
        raise hands.explain(error, task, table["label"]) from None
    except (pymysql.MySQLError, OSError) as error:
        raise hands.explain_source(error, task, table["label"]) from None


def _part(hands: Hands, table: dict[str, Any], watch: Watch) -> Brought:
    """A range, unless what an earlier snapshot brought of it was found to be right."""
    known = worktable.result(hands.target, table["parts"])
    if table.get("tagged"):
        return _tagged(hands, table, known, watch)
    if table["part"][0] in known["proven"]:
        count = wire.run(hands.target, _count(table, table["range"]["target"]), watch.check)
        return Brought(int(count[0][0] or 0), 0, "proven equal")
    with muted(hands.target, table["schema"], table["name"]):
        return _stream(hands, table, watch, table["range"]["source"], freeze=False)


def _tagged(hands: Hands, table: dict[str, Any], known: dict[str, Any], watch: Watch) -> Brought:
    rows_there = tagged.proven_rows(hands, table, known)
    if rows_there is not None:
        return Brought(rows_there, 0, "proven equal", tagged.before(hands))
    with muted(hands.target, table["schema"], table["name"]):
        xid = tagged.transaction(hands)
        brought = _stream(hands, table, watch, table["range"]["source"], freeze=False)
    return Brought(brought.rows, brought.bytes, brought.method, xid)


def _count(table: dict[str, Any], where: str) -> str:
    return f"select count(*) from {rows.relation(table)} where {where}"  # noqa: S608


def _table(hands: Hands, task: Task, table: dict[str, Any], watch: Watch) -> Brought:
    again = hands.again or bool(task.payload.get("refresh"))
    if again:
        proof = compare(hands, table, watch)
        if equal(proof):
            return Brought(proof["target_rows"], 0, "proven equal")
    if not again and hands.asked.options.scope is not Scope.data_only:
        fresh = table["bytes"] >= FREEZE_BYTES and not table.get("partitioned")
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
    if not (row and row[0]) and not table.get("partitioned"):
        wire.run(hands.target, f"truncate only {relation}", watch.check)
        return True
    # TRUNCATE refuses a referenced table; with the session in replica mode DELETE asks no foreign key.
    wire.run(hands.target, f"delete from {rows.relation(table)}", watch.check)  # noqa: S608 - quoted
    return False


def _must_be_empty(hands: Hands, table: dict[str, Any], watch: Watch) -> None:
    if wire.run(hands.target, f"select exists (select from {rows.relation(table)})", watch.check)[0][0] == "t":  # noqa: S608
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
    count, moved, saying = 0, 0, Saying()
    blocks = reader.blocks(hands.source, hands.asked.source, query, escape.ROW, watch.check)
    with closing(blocks), hands.target.cursor() as cursor:
        with cursor.copy(into.encode()) as sink:
            for more, block in blocks:
                lines = escape.lines(block)
                sink.write(lines)
                count, moved = count + more, moved + len(lines)
                if saying.due(moved):
                    watch.report(f"copy {label}", label, count, moved)
        arrived = cursor.rowcount
    if arrived != count:
        raise Permanent(f"Copying {label}: {count} rows left the source, {arrived} arrived", object=label)
    return Brought(count, moved, "rows as text")
