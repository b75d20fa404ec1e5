"""Every collation that is used exists on the target; for others the plan asks."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.collations import nearest, unknown, used
from jobs.engines.mysql.definers import COLLATION
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    if inventory.options.scope is Scope.data_only:
        return
    known = inventory.target.collations.get()
    for name, users in unknown(inventory).items():
        proposed = nearest(name, known)
        if not proposed:
            yield found(
                Severity.block,
                f"The target knows neither collation {name}, used by {listed(users, 3)}, nor its character set.",
                object=name,
                remedy="Convert it on the source: ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4.",
                side="target",
            )
            continue
        chosen = dict(inventory.options.decisions).get(f"{COLLATION}{name}", "")
        other = chosen if chosen in proposed else proposed[0]
        yield found(
            Severity.warn,
            f"The target does not know collation {name}, used by {listed(users, 3)}; {other} takes its place: values"
            " may be sorted differently, and values that were different may become equal.",
            object=name,
            remedy="Choose among the nearest ones in step 3, or convert the columns on the source first.",
            side="target",
        )


def measured(inventory: Inventory) -> str:
    return f"{counted(len(used(inventory)), 'collation')}, all known to the target"


CHECK = MyCheck("collations", "Collations are known", find, measured)
