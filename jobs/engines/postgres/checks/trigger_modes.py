"""Triggers that do not fire in the usual way: always, on replicas only, or never."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    for trigger in inventory.source.oddities.get():
        if trigger.kind == "trigger mode" and inventory.moves(trigger.schema_name, trigger.table_name):
            label = f"{trigger.schema_name}.{trigger.table_name}.{trigger.name}"
            yield found(
                Severity.inform if trigger.note == "disabled" else Severity.warn,
                f"Trigger {label} is set to {trigger.note.upper()} and arrives so.",
                object=label,
                remedy="An ALWAYS trigger fires for replicated rows too, a REPLICA trigger only for them."
                " Make sure that this is wanted on the target.",
                side="source",
            )


CHECK = PgCheck("trigger_modes", "Triggers fire as usual", find, lambda _: "all in the usual mode")
