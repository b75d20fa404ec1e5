"""Large tables in parts: each copied by a task of its own, each proven and copied again by itself after a crash.

A part is a condition in the source and a transaction in the target: its rows carry the number of the transaction
that wrote them (xmin), which stays when rows are frozen. So parts need no key, and one pass over the target tells
what each holds. Whatever moved between parts in the source since makes both differ, and both are copied again.
"""

from __future__ import annotations

from typing import Any

from jobs.core.model import Scope
from jobs.engines.postgres import quote, wire, worktable
from jobs.engines.postgres.perform.checksum import Compared, by_transaction, of_part
from jobs.engines.postgres.perform.empty import empty, muted
from jobs.engines.postgres.perform.hands import Hands
from jobs.engines.postgres.perform.rows import Brought, copy_rows, label_of
from jobs.ports.engine import Done, Task, Watch

# Rows show the lower half of a transaction's number.
_XID = "select (txid_current() & 4294967295)::text"


def look_at_parts(hands: Hands, task: Task, watch: Watch) -> Done:
    """Under a new snapshot: which parts are still right; all other rows go, before any part is copied again.

    All at once, since a row that moved from one part to another would meet itself. In the first run: that nothing
    is there yet."""
    table = task.payload["table"]
    if hands.again:
        return Done(result={"proven": _keep_the_proven(hands, task, table, watch)})
    if hands.asked.options.scope is Scope.data_only:
        with muted(hands.target, table["schema"], table["name"]):
            empty(hands, table, must_be_empty=True, check=watch.check)
    return Done()


def _keep_the_proven(hands: Hands, task: Task, table: dict[str, Any], watch: Watch) -> dict[str, int]:
    """Transaction -> rows of the parts that are as the source's; every other row is deleted."""
    compared, cuts = Compared.of(table), task.payload["cuts"]
    watch.report(task.kind, f"proving {label_of(table)}", 0, 0)
    ours = "\nunion all\n".join(of_part(compared, hands.oldest, cut, number) for number, cut in enumerate(cuts, 1))
    theirs = by_transaction(compared, hands.oldest)
    source, target = wire.together([(hands.source, ours), (hands.target, theirs)], watch.check)
    wanted = {number: (count, total) for number, count, total in source}
    found = {xid: (count, total) for xid, count, total in target}
    brought = worktable.parts_brought(hands.target, task.id)
    proven = {xid: int(found[xid][0] or 0) for number, xid in brought if found.get(xid) == wanted[str(number)]}
    if found.keys() - proven.keys():
        kept = ", ".join(f"{quote.text(xid)}::xid" for xid in proven)
        stays = f"where not xmin = any(array[{kept}]::xid[])"
        relation = quote.qualified(table["schema"], table["name"])
        with muted(hands.target, table["schema"], table["name"]):
            wire.run(hands.target, f"delete from only {relation} {stays}", watch.check)  # noqa: S608 - quoted
    return proven


def bring_part(hands: Hands, table: dict[str, Any], watch: Watch) -> Brought:
    """Copies a part, unless what an earlier snapshot brought of it was found to be right."""
    if hands.again and hands.before:
        xid = str(hands.before[0]["xid"])
        proven = worktable.result(hands.target, table["parts"])["proven"]
        if xid in proven:
            return Brought(proven[xid], 0, "proven equal", xid)
    if not hands.again and hands.asked.options.scope is not Scope.data_only:
        return _copy(hands, table, watch)
    with muted(hands.target, table["schema"], table["name"]):
        return _copy(hands, table, watch)


def _copy(hands: Hands, table: dict[str, Any], watch: Watch) -> Brought:
    row = hands.target.execute(_XID).fetchone()
    assert row
    brought = copy_rows(hands, table, watch, freeze=False)
    return Brought(brought.rows, brought.bytes, brought.method, str(row[0]))
