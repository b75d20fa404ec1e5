"""The target is not of an older major version than the source."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, sides
from jobs.engines.postgres.inventory import Inventory, Side

OLDEST = 10


def find(inventory: Inventory) -> Findings:
    for name, side in sides(inventory):
        if isinstance(side, Side) and side.server.major < OLDEST:
            yield found(
                Severity.block,
                f"The {name} is PostgreSQL {side.server.version}; versions before {OLDEST} are not supported.",
                remedy=f"Upgrade it to PostgreSQL {OLDEST} or newer.",
                side=name,
                field=name,
            )
    source, target = inventory.source.server, inventory.target.server
    if target.major < source.major:
        yield found(
            Severity.block,
            f"The target, PostgreSQL {target.version}, is older than the source, PostgreSQL {source.version}.",
            remedy=f"Choose a target of PostgreSQL {source.major} or newer: older ones lack what it may use.",
            side="target",
            field="target",
        )


def measured(inventory: Inventory) -> str:
    return f"{inventory.source.server.version} to {inventory.target.server.version}"


CHECK = PgCheck("versions", "Target is not older", find, measured)
