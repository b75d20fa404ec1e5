"""The target takes writes, and nobody else writes to it by replication."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.checks.remedies import asked, who
from jobs.engines.mysql.inventory import Inventory

_SHUT = ("super_read_only", "read_only", "innodb_read_only")


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    shut = [name for name in _SHUT if server.on(name)]
    if shut:
        yield found(
            Severity.block,
            f"The target is read-only ({shut[0]} is on).",
            object=server.database,
            remedy="Choose the primary server of this database; or, if it is the primary:\n"
            f"SET GLOBAL {shut[0]} = OFF;\n{who('target')}",
            side="target",
            field="target",
        )
        return
    replication = asked(inventory.target.replication, server, "target")
    if replication.upstream:
        yield found(
            Severity.block if replication.running else Severity.warn,
            f"The target is a replica of {replication.upstream}"
            f"{'' if replication.running else '; it is stopped'}: what is written here exists nowhere else.",
            object=server.database,
            remedy="Choose the primary server, or end the replication for good:\n"
            f"STOP REPLICA; RESET REPLICA ALL;\n{who('target')}",
            side="target",
            field="target",
        )


CHECK = MyCheck("target_writable", "Target takes writes", find, lambda _: "a primary, not read-only")
