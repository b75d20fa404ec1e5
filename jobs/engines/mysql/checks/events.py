"""Events must not run on two servers at once: they arrive disabled."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql import quote
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    if inventory.options.scope is Scope.data_only:
        return
    active = [event.name for event in inventory.source.catalog.get().events if event.status == "ENABLED"]
    if active:
        server = inventory.target.server
        off = "" if server.on("event_scheduler") else " (its event_scheduler is off, too)"
        place = quote.qualified(server.database, active[0])
        yield found(
            Severity.inform,
            f"{counted(len(active), 'event')} will arrive DISABLED on the target{off}: {listed(active)}.",
            object=active[0],
            remedy=f"When the target is the one in use:\nALTER EVENT {place} ENABLE;",
            side="target",
        )


CHECK = MyCheck("events", "Events", find, lambda _: "none is active")
