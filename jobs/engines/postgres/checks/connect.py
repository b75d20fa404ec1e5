"""Both servers can be reached with these credentials and this TLS mode."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, sides
from jobs.engines.postgres.facts import Unreachable
from jobs.engines.postgres.inventory import Inventory, Side


def find(inventory: Inventory) -> Findings:
    addresses = {"source": inventory.source_address, "target": inventory.target_address}
    for name, side in sides(inventory):
        if isinstance(side, Unreachable) and not side.pooled:
            yield found(
                Severity.block,
                side.message,
                object=addresses[name].label,
                remedy=side.remedy,
                side=name,
                field=side.field or name,
            )


def measured(inventory: Inventory) -> str:
    known = [s.server.version if isinstance(s, Side) else "a pooler" for _, s in sides(inventory)]
    return f"PostgreSQL {known[0]} to PostgreSQL {known[1]}"


CHECK = PgCheck("connect", "Both servers answer", find, measured)
