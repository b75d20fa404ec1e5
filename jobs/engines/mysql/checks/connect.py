"""Both servers can be reached with these credentials and this TLS mode."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, reached, sides
from jobs.engines.mysql.facts import Unreachable
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    addresses = {"source": inventory.source_address, "target": inventory.target_address}
    for name, side in sides(inventory):
        if isinstance(side, Unreachable):
            yield found(
                Severity.block,
                side.message,
                object=addresses[name].label,
                remedy=side.remedy,
                side=name,
                field=side.field or name,
            )


def measured(inventory: Inventory) -> str:
    return " to ".join(side.server.flavour.label for _, side in reached(inventory))


CHECK = MyCheck("connect", "Both servers answer", find, measured)
