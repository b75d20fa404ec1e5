"""The source is not about to stop for transaction wraparound while the snapshot holds its vacuum back."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory

_STOP = 2_000_000_000
"""PostgreSQL refuses new transactions some 3 million before 2^31."""

_NEAR = 0.5


def find(inventory: Inventory) -> Findings:
    server = inventory.source.server
    if server.freeze_age > _STOP * _NEAR:
        yield found(
            Severity.warn,
            f"The source has used {server.freeze_age:,} of some {_STOP:,} transactions since its last freeze.",
            object=server.database,
            remedy="VACUUM (FREEZE);\n"
            "-- run by a superuser on the source, before the move: the copy's snapshot holds it back",
            side="source",
        )


def measured(inventory: Inventory) -> str:
    return f"{inventory.source.server.freeze_age / _STOP:.0%} of the way to wraparound"


CHECK = PgCheck("wraparound", "Source is far from wraparound", find, measured)
