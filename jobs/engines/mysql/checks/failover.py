"""Another server could take a side's place during the run: the run pauses then, which people should know before."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, reached
from jobs.engines.mysql.checks.remedies import asked
from jobs.engines.mysql.facts import SideName
from jobs.engines.mysql.inventory import Inventory, Side
from jobs.engines.shared.failover import REMEDY


def find(inventory: Inventory) -> Findings:
    for name, side in reached(inventory):
        yield from of(name, side)


def of(name: SideName, side: Side) -> Findings:
    """One side's findings. Raises `Unread`."""
    upstream = side.replication.value.upstream if side.replication.value else ""
    if upstream and side.server.on("read_only"):
        yield found(
            Severity.inform,
            f"The {name} is a read-only replica of {upstream}: if it is promoted during the run, the run pauses.",
            object=side.server.database,
            remedy=REMEDY[name],
            side=name,
        )
    replicas = asked(side.replicas, side.server, name)
    if replicas:
        yield found(
            Severity.inform,
            f"{counted(replicas, 'server')} read{'s' if replicas == 1 else ''} the {name}'s binary log. If one takes"
            " its place during the run, the run pauses.",
            object=side.server.database,
            remedy=REMEDY[name],
            side=name,
        )


CHECK = MyCheck("failover", "No failover is in sight", find, lambda _: "no server replicates from either side")
