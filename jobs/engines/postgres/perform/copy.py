"""Copies tables: everything of a table or nothing, in the claim's transaction.

Under a new snapshot a table that was copied before is first compared; only what differs is emptied and copied
again. Triggers do not fire, rules do not act, row security hides nothing.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg

from jobs.core.errors import Permanent
from jobs.core.model import Scope
from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.perform.checksum import Compared
from jobs.engines.postgres.perform.empty import empty, muted
from jobs.engines.postgres.perform.hands import Hands
from jobs.engines.postgres.perform.stream import copy_stream
from jobs.engines.postgres.perform.verify import compare, equal
from jobs.ports.engine import Done, Task, Watch

FREEZE_BYTES = 4 << 20
"""Below this a new file for the table costs more than frozen rows save."""


def copy(hands: Hands, task: Task, watch: Watch) -> Done:
    """Copies or proves each table of the task."""
    rows = moved = 0
    documents = []
    for table in task.payload["tables"]:
        began = time.monotonic()
        label = f"{table['schema']}.{table['name']}"
        try:
            count, size, how = _bring(hands, table, watch, label)
        except psycopg.Error as error:
            raise hands.explain(error, task, label) from None
        rows, moved = rows + count, moved + size
        seconds = round(time.monotonic() - began, 4)
        documents.append({"table": label, "rows": count, "bytes": size, "seconds": seconds, "method": how})
    return Done(rows=rows, bytes=moved, result=documents)


def _bring(hands: Hands, table: dict[str, Any], watch: Watch, label: str) -> tuple[int, int, str]:
    if hands.again:
        proof = compare(hands, [Compared.of(table)], watch)[0]
        if equal(proof):
            return proof["target_rows"], 0, "proven equal"
    if not hands.again and hands.asked.options.scope is not Scope.data_only:
        return _copy_rows(hands, table, watch, label, freeze=_fresh(hands, table))
    with muted(hands.target, table["schema"], table["name"]):
        truncated = empty(hands, table, must_be_empty=not hands.again, check=watch.check)
        return _copy_rows(hands, table, watch, label, freeze=truncated)


def _fresh(hands: Hands, table: dict[str, Any]) -> bool:
    """A new file within this transaction lets COPY FREEZE spare the first vacuum."""
    if table["bytes"] < FREEZE_BYTES:
        return False
    hands.target.execute(f"truncate only {quote.qualified(table['schema'], table['name'])}", prepare=False)
    return True


def _copy_rows(
    hands: Hands, table: dict[str, Any], watch: Watch, label: str, *, freeze: bool
) -> tuple[int, int, str]:
    relation = quote.qualified(table["schema"], table["name"])
    if not table["columns"]:
        return _copy_count(hands, relation, bool(table["all"]), watch)
    columns = quote.names(table["columns"])
    options = ["format binary"] if table["binary"] else []
    out = f"copy {relation} ({columns}) to stdout{_with(options)}"
    into = f"copy {relation} ({columns}) from stdin{_with([*options, 'freeze'] if freeze else options)}"
    rows, moved = copy_stream(
        hands.source,
        out,
        hands.target,
        into,
        lambda rows, moved: watch.report(f"copy {label}", label, rows, moved),
        watch.check,
    )
    return rows, moved, "copy binary" if table["binary"] else "copy text"


def _with(options: list[str]) -> str:
    return f" with ({', '.join(options)})" if options else ""


def _copy_count(hands: Hands, relation: str, generated_only: bool, watch: Watch) -> tuple[int, int, str]:
    """A table without columns to write still has a number of rows."""
    found = wire.run(hands.source, f"select count(*) from only {relation}", watch.check)  # noqa: S608 - quoted
    count = int(found[0][0] or 0)
    if generated_only:
        raise Permanent("A table of generated columns only cannot be copied", object=relation)
    # A select list may be empty, which is just what such a table takes.
    wire.run(hands.target, f"insert into {relation} select from generate_series(1, {count})", watch.check)
    return count, 0, "count"
