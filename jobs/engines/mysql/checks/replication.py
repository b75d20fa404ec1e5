"""Servers that replicate from the target must keep up with the load."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found
from jobs.engines.mysql.checks.remedies import asked
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    if server.on("wsrep_on"):
        yield found(
            Severity.warn,
            "The target is a node of a Galera cluster: its locks hold on this node only, and large transactions stop"
            " the others.",
            object=server.database,
            remedy="Give the address of one node, never of a balancer, and let nobody migrate to another node.",
            side="target",
        )
    replicas = asked(inventory.target.replicas, server, "target")
    if replicas:
        yield found(
            Severity.warn,
            f"{counted(replicas, 'server')} read{'s' if replicas == 1 else ''} the target's binary log: the load and"
            " its indexes are repeated there and will lag behind.",
            object=server.database,
            remedy="Watch their lag and their disks, or attach them after the migration.",
            side="target",
        )


CHECK = MyCheck("replication", "Target's replicas keep up", find, lambda _: "no server replicates from it")
