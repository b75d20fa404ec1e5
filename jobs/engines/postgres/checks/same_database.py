"""Source and target are two databases."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory, Side


def find(inventory: Inventory) -> Findings:
    source, target = inventory.source, inventory.target
    if source.server.database != target.server.database:
        return
    running_as_one = (source.server.started, source.server.address) == (target.server.started, target.server.address)
    if running_as_one or source.identifier.get() == target.identifier.get():
        twin = "" if source.server.started == target.server.started else " (one is a physical copy of the other)"
        yield found(
            Severity.block,
            f"Source and target are the same database{twin}.",
            object=source.server.database,
            remedy="Choose another database as the source, or another target.",
            field="database",
        )


def measured(inventory: Inventory) -> str:
    return f"{_named(inventory.source)} and {_named(inventory.target)}"


def _named(side: Side) -> str:
    return f"{side.server.database} of system {side.identifier.value or 'unknown'}"


CHECK = PgCheck("same_database", "Source and target differ", find, measured)
