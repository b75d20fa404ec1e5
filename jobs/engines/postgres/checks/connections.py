"""Both servers have enough free connections for the lanes."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, sides
from jobs.engines.postgres.inventory import Inventory, Side

_BESIDE_LANES = 4
"""The conductor's connection, pg_dump or the fence, one for a look in between, and one that measures the disk."""


def need(inventory: Inventory) -> int:
    """Connections that a run holds on each side."""
    return inventory.options.parallelism + _BESIDE_LANES


def find(inventory: Inventory) -> Findings:
    wanted = need(inventory)
    for name, _ in sides(inventory):
        free = _of(inventory, name).connections.get().free
        if free < wanted:
            yield found(
                Severity.warn,
                f"The {name} has {free} free connections; {inventory.options.parallelism} lanes need {wanted}.",
                object=_of(inventory, name).server.database,
                remedy="Choose fewer lanes, close idle sessions, or raise max_connections or the role's limit.",
                side=name,
                field=name,
            )


def _of(inventory: Inventory, name: str) -> Side:
    return inventory.source if name == "source" else inventory.target


def measured(inventory: Inventory) -> str:
    source, target = inventory.source.connections.get().free, inventory.target.connections.get().free
    return f"need {need(inventory)}; free {source} on the source, {target} on the target"


CHECK = PgCheck("connections", "Enough free connections", find, measured)
