"""Compares tables on both sides at the same time; what differs is kept, not raised: the verdict says it.

Where only PostgreSQL can bring a value to one form (jsonb sorts keys and drops spaces), the source's text of it goes
once more to the target, into a temporary table, and is brought to that form there.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import psycopg
import pymysql

from jobs.engines.mysql_postgres import reader, rows
from jobs.engines.mysql_postgres.perform import escape
from jobs.engines.mysql_postgres.perform.hands import Hands
from jobs.engines.mysql_postgres.perform.view_rows import count_views
from jobs.engines.postgres import wire
from jobs.ports.engine import Done, Task, Watch

Range = dict[str, str]
"""A condition for each side, which selects the same rows."""


def verify(hands: Hands, task: Task, watch: Watch) -> Done:
    """Counts and checksums of the task's tables or their parts, the source's within the snapshot."""
    if "views" in task.payload:
        return count_views(hands, task, watch)
    documents = []
    for table in task.payload["tables"]:
        watch.report("verify", table["label"], 0, 0)
        began = time.monotonic()
        try:
            proof = compare(hands, table, watch, table.get("range"))
            if table.get("mended"):
                proof["mended"] = _mended(hands, table, watch, table.get("range"))
        except psycopg.Error as error:
            raise hands.explain(error, task, table["label"]) from None
        except (pymysql.MySQLError, OSError) as error:
            raise hands.explain_source(error, task, table["label"]) from None
        seconds = time.monotonic() - began
        size = table["bytes"] // (table["part"][1] if "part" in table else 1)
        documents.append({"table": table["label"], **proof, "bytes": size, "seconds": seconds})
    return Done(rows=sum(d["target_rows"] for d in documents), bytes=task.size, result=documents)


def _mended(hands: Hands, table: dict[str, Any], watch: Watch, cut: Range | None) -> list[tuple[str, str, int]]:
    """Column, kind, and how many values of it the source holds, within the snapshot."""
    query = rows.mended_counts(table, cut["source"] if cut else "")
    counts = reader.ask(hands.source, hands.asked.source, query, watch.check)[0]
    return [(c, about, int(_text(n))) for (c, about, _), n in zip(table["mended"], counts, strict=True)]


def compare(hands: Hands, table: dict[str, Any], watch: Watch, cut: Range | None = None) -> dict[str, Any]:
    """source_rows, target_rows, source_sum, target_sum."""
    cut = cut or {"source": "", "target": ""}
    if table["echo"]:
        source: tuple[Any, ...] = in_source(hands, table, watch, cut)
        target = wire.run(hands.target, rows.target_sums(table, cut["target"]), watch.check)[0]
    else:
        sent = reader.send(hands.source, rows.source_sums(table, cut["source"]))
        with reader.killing(hands.source, hands.asked.source):
            target = wire.run(hands.target, rows.target_sums(table, cut["target"]), watch.check)[0]
        source = reader.answer(hands.source, hands.asked.source, sent, watch.check)[0]
    return {
        "source_rows": int(source[0]),
        "target_rows": int(target[0] or 0),
        "source_sum": _text(source[1]),
        "target_sum": _text(target[1]),
    }


def in_source(hands: Hands, table: dict[str, Any], watch: Watch, cut: Range) -> tuple[int, str]:
    """Count and checksum of a range of the source alone."""
    if table["echo"]:
        count, total = _echoed(hands, table, watch, cut)
    else:
        query = rows.source_sums(table, cut["source"])
        count, total = reader.ask(hands.source, hands.asked.source, query, watch.check)[0]
    return int(count or 0), _text(total)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _echoed(hands: Hands, table: dict[str, Any], watch: Watch, cut: Range) -> tuple[Any, ...]:
    """What the source says, counted and summed by the target."""
    wire.run(hands.target, f"drop table if exists {rows.ECHO}; {rows.echo_table(table)}", watch.check)
    query = rows.echo_query(table, cut["source"])
    blocks = reader.blocks(hands.source, hands.asked.source, query, escape.ROW, watch.check)
    with (
        closing(blocks),
        hands.target.cursor() as cursor,
        cursor.copy(f"copy {rows.ECHO} from stdin".encode()) as sink,
    ):
        for _, block in blocks:
            sink.write(escape.lines(block))
    found = wire.run(hands.target, rows.echo_sums(table), watch.check)[0]
    wire.run(hands.target, f"drop table {rows.ECHO}", watch.check)
    return found


def equal(proof: dict[str, Any]) -> bool:
    return bool(proof["source_rows"] == proof["target_rows"] and proof["source_sum"] == proof["target_sum"])
