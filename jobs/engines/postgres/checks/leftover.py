"""No bookkeeping of another migration's run is left on the target."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, listed
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    leftover = inventory.target.leftover.get()
    if not leftover.present or inventory.own_run:
        return
    whose = f"the run of migration {listed(leftover.migrations)}" if leftover.migrations else "an unknown run"
    yield found(
        Severity.block,
        f"The target holds schema ferrybot, left by {whose}.",
        object="ferrybot",
        remedy="Finish or cancel that migration. If it is long gone:\nDROP SCHEMA ferrybot CASCADE;\n"
        "-- run by the schema's owner or a superuser, while no migration is at work in this database",
        side="target",
        field="target",
    )


def measured(inventory: Inventory) -> str:
    return "an unfinished run of this migration, to be continued" if inventory.own_run else "none"


CHECK = PgCheck("leftover", "No earlier run is left over", find, measured)
