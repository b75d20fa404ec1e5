"""Whether the target could be taken back to a point in time."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    if not server.on("log_bin"):
        yield found(
            Severity.inform,
            "The target writes no binary log: no point in time to go back to is known.",
            object=server.database,
            remedy="If anything else on this server matters, take a backup of it first. A target that was found empty"
            " can be emptied again.",
            side="target",
        )


CHECK = MyCheck("restore_point", "A restore point exists", find, lambda _: "the target writes a binary log")
