"""Event triggers fire on DDL, and only a superuser can create them."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    triggers = [o for o in inventory.source.oddities.get() if o.kind == "event trigger"]
    if not triggers or inventory.options.scope is Scope.data_only:
        return
    server = inventory.target.server
    able = server.superuser or server.managed_admin
    for trigger in triggers:
        yield found(
            Severity.warn if able else Severity.block,
            f"Event trigger {trigger.name} ({trigger.note}) is created last and fires on the target from then on."
            if able
            else f"Event trigger {trigger.name} can be created by a superuser only; {server.role} is none.",
            object=trigger.name,
            remedy="Make sure that it is wanted on the target."
            if able
            else "Use a superuser as the target's user, or drop the event trigger on the source.",
            side="target",
            field="" if able else "user",
        )


CHECK = PgCheck("event_triggers", "Event triggers", find, lambda _: "none")
