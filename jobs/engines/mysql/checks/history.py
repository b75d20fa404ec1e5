"""The history of system-versioned tables."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.inventory import Inventory


def lost(inventory: Inventory) -> list[str]:
    """System-versioned tables whose history stays behind."""
    if inventory.options.scope is Scope.schema_only:
        return []
    both = (inventory.source.server.flavour, inventory.target.server.flavour)
    kept = all(known.can("insert history") for known in both)
    return [] if kept else [table.name for table in inventory.filled if table.versioned]


def find(inventory: Inventory) -> Findings:
    names = lost(inventory)
    if names:
        yield found(
            Severity.warn,
            f"The history of {counted(len(names), 'system-versioned table')} stays behind: {listed(names)}. Only"
            " current rows travel.",
            object=names[0],
            remedy="History travels between servers of MariaDB 10.11 or newer.",
        )


CHECK = MyCheck("history", "System versioning keeps its history", find, lambda _: "nothing is lost")
