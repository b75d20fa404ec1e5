"""No bookkeeping of another migration's run is left on the target."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, listed
from jobs.engines.mysql.checks.remedies import asked
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    leftover = asked(inventory.target.leftover, inventory.target.server, "target")
    if not leftover.present or inventory.own_run:
        return
    whose = f"the run of migration {listed(leftover.migrations)}" if leftover.migrations else "an unknown run"
    yield found(
        Severity.block,
        f"The target holds tables _ferrybot_*, left by {whose}.",
        object="_ferrybot_run",
        remedy="Finish or cancel that migration. If it is long gone:\n"
        "DROP TABLE IF EXISTS _ferrybot_task, _ferrybot_need, _ferrybot_made, _ferrybot_run, _ferrybot_found;\n"
        "-- in the target's database, while no migration is at work in it",
        side="target",
        field="target",
    )


def measured(inventory: Inventory) -> str:
    return "an unfinished run of this migration, to be continued" if inventory.own_run else "none"


CHECK = MyCheck("leftover", "No earlier run is left over", find, measured)
