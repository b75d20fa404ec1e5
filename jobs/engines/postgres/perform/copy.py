"""Copies tables: everything of a table or nothing, in the claim's transaction.

Under a new snapshot a table that was copied before is first compared; only what differs is emptied and copied
again. Triggers do not fire, rules do not act, row security hides nothing.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg

from jobs.core.model import Scope
from jobs.engines.postgres import quote
from jobs.engines.postgres.perform.checksum import Compared
from jobs.engines.postgres.perform.empty import empty, muted
from jobs.engines.postgres.perform.hands import Hands
from jobs.engines.postgres.perform.parts import bring_part
from jobs.engines.postgres.perform.rows import Brought, copy_rows, label_of
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
        try:
            brought = bring_part(hands, table, watch) if "part" in table else _bring(hands, table, watch)
        except psycopg.Error as error:
            raise hands.explain(error, task, label_of(table)) from None
        rows, moved = rows + brought.rows, moved + brought.bytes
        documents.append(
            {
                "table": f"{table['schema']}.{table['name']}",
                "rows": brought.rows,
                "bytes": brought.bytes,
                "seconds": round(time.monotonic() - began, 4),
                "method": brought.method,
                "xid": brought.xid,
            }
        )
    return Done(rows=rows, bytes=moved, result=documents)


def _bring(hands: Hands, table: dict[str, Any], watch: Watch) -> Brought:
    if hands.again:
        proof = compare(hands, [Compared.of(table)], watch)[0]
        if equal(proof):
            return Brought(proof["target_rows"], 0, "proven equal")
    if not hands.again and hands.asked.options.scope is not Scope.data_only:
        return copy_rows(hands, table, watch, freeze=_fresh(hands, table))
    with muted(hands.target, table["schema"], table["name"]):
        truncated = empty(hands, table, must_be_empty=not hands.again, check=watch.check)
        return copy_rows(hands, table, watch, freeze=truncated)


def _fresh(hands: Hands, table: dict[str, Any]) -> bool:
    """A new file within this transaction lets COPY FREEZE spare the first vacuum."""
    if table["bytes"] < FREEZE_BYTES:
        return False
    hands.target.execute(f"truncate only {quote.qualified(table['schema'], table['name'])}", prepare=False)
    return True
