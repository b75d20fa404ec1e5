"""What was asked for and cannot be done with these servers yet."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    if inventory.options.hold_source:
        yield found(
            Severity.block,
            "A MySQL or MariaDB source cannot be held read-only by Ferrybot yet.",
            object=inventory.source_address.label,
            remedy="Check again without the hold, and stop its writers yourself.",
            side="source",
            field="hold_source",
        )


CHECK = MyCheck("hold_source", "Source can be held", find, lambda _: "no hold was asked for")
