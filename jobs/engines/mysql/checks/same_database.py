"""Source and target are two databases."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    source, target = inventory.source.server, inventory.target.server
    names = [server.database.lower() if server.lower_case else server.database for server in (source, target)]
    if source.identity == target.identity and names[0] == names[1]:
        yield found(
            Severity.block,
            "Source and target are the same database.",
            object=source.database,
            remedy="Choose another database as the source, or another target.",
            field="database",
        )


def measured(inventory: Inventory) -> str:
    source, target = inventory.source.server, inventory.target.server
    one = "one server" if source.identity == target.identity else "two servers"
    return f"{source.database} and {target.database} on {one}"


CHECK = MyCheck("same_database", "Source and target differ", find, measured)
