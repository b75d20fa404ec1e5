"""Whether the target could be taken back to a point in time."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    if not server.archiving:
        yield found(
            Severity.inform,
            "The target does not archive its WAL: no point in time to go back to is known.",
            object=server.database,
            remedy="If anything else on this server matters, take a backup or a snapshot of it first. "
            "A target that was found empty can be emptied again.",
            side="target",
        )


CHECK = PgCheck("restore_point", "A restore point exists", find, lambda _: "the target archives its WAL")
