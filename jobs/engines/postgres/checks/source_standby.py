"""A standby as the source may cancel a long copy."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    server = inventory.source.server
    if server.in_recovery:
        yield found(
            Severity.warn,
            "The source is a standby: its replay can cancel a long copy (recovery conflict).",
            object=server.database,
            remedy="On the standby set hot_standby_feedback = on and max_standby_streaming_delay = -1 for the move"
            " (by its administrator), or use the primary.",
            side="source",
            field="host",
        )


CHECK = PgCheck("source_standby", "Source is a primary", find, lambda _: "a primary")
