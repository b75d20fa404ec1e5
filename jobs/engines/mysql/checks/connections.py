"""Both servers have enough free connections for the lanes."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, reached
from jobs.engines.mysql.facts import SideName
from jobs.engines.mysql.inventory import Inventory

_BESIDE_LANES = 3
"""The conductor's own, one for a look in between, and one that measures the disk."""


def need(inventory: Inventory, side: SideName) -> int:
    """Connections that a run holds: a lane holds two in the target, since DDL commits whatever is open beside it."""
    return inventory.options.parallelism * (2 if side == "target" else 1) + _BESIDE_LANES


def find(inventory: Inventory) -> Findings:
    for name, side in reached(inventory):
        free, wanted = side.connections.get().free, need(inventory, name)
        if free < wanted:
            yield found(
                Severity.warn,
                f"The {name} has {free} free connections; {inventory.options.parallelism} lanes need {wanted}.",
                object=side.server.database,
                remedy="Choose fewer lanes, close idle sessions, or raise max_connections or the user's"
                " MAX_USER_CONNECTIONS.",
                side=name,
                field=name,
            )


def measured(inventory: Inventory) -> str:
    told = (
        f"{side.connections.get().free} of {need(inventory, name)} on the {name}" for name, side in reached(inventory)
    )
    return "free and needed: " + ", ".join(told)


CHECK = MyCheck("connections", "Enough free connections", find, measured)
