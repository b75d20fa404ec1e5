"""Parts of a large table without an integer key: ranges of its key in the source, transactions in the target.

The two sides sort texts otherwise, so no boundary means the same on both. As in decision 18 a part's rows carry the
number of the transaction that wrote them (xmin). Under a new snapshot one pass over the target sums rows by
transaction, and each part's range is summed in the source: what agrees stays, every other row is deleted at once.
"""

from __future__ import annotations

from typing import Any

from jobs.engines.mysql_postgres import rows
from jobs.engines.mysql_postgres.perform.hands import Hands
from jobs.engines.mysql_postgres.perform.verify import compare, equal, in_source
from jobs.engines.postgres import quote, wire, worktable
from jobs.engines.postgres.perform.empty import muted
from jobs.ports.engine import Task, Watch

# Rows show the lower half of a transaction's number.
_XID = "select (txid_current() & 4294967295)::text"


def keep_the_proven(hands: Hands, task: Task, watch: Watch) -> dict[str, Any]:
    """`proven`: transaction -> rows of each part that is right; `all`: rows, where the whole table is."""
    table = task.payload["table"]
    watch.report("parts", f"proving {table['label']}", 0, 0)
    if task.payload.get("refresh"):
        # What an earlier run brought is known by no transaction.
        whole = compare(hands, table, watch)
        if equal(whole):
            return {"proven": {}, "all": whole["target_rows"]}
    found = {xid: (count, total) for xid, count, total in _by_transaction(hands, table, watch)}
    proven: dict[str, int] = {}
    for number, xid in worktable.parts_brought(hands.target, task.id):
        if xid in found:
            cut = task.payload["ranges"][number - 1]
            count, total = in_source(hands, table, watch, cut)
            if (str(count), total) == found[xid]:
                proven[xid] = int(count)
    if found.keys() - proven.keys():
        kept = ", ".join(f"{quote.text(xid)}::xid" for xid in proven)
        gone = f"delete from {rows.relation(table)} where not xmin = any(array[{kept}]::xid[])"  # noqa: S608 - quoted
        with muted(hands.target, table["schema"], table["name"]):
            wire.run(hands.target, gone, watch.check)
    return {"proven": proven}


def _by_transaction(hands: Hands, table: dict[str, Any], watch: Watch) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in wire.run(hands.target, rows.sums_by_transaction(table), watch.check)]


def proven_rows(hands: Hands, table: dict[str, Any], known: dict[str, Any]) -> int | None:
    """How many rows of this part are there and right; None where it must be copied."""
    if "all" in known:
        return int(known["all"]) if table["part"][0] == 1 else 0
    proven = known["proven"]
    return int(proven[before(hands)]) if before(hands) in proven else None


def before(hands: Hands) -> str:
    """The transaction that brought this part under an earlier snapshot; empty where none did."""
    return str(hands.before[0].get("xid", "")) if hands.again and hands.before else ""


def transaction(hands: Hands) -> str:
    """The number that rows written now will carry."""
    row = hands.target.execute(_XID).fetchone()
    assert row
    return str(row[0])
