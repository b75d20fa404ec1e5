"""What else hangs on the two servers: replicas, slots, and who could take a side's place."""

from __future__ import annotations

from jobs.engines.mysql.checks import failover as my_failover
from jobs.engines.mysql_postgres.checks.base import Findings, PairCheck
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.postgres.checks import failover, replication, slots


def _replication(inventory: Inventory) -> Findings:
    yield from replication.of("target", inventory.target)


def _slots(inventory: Inventory) -> Findings:
    yield from slots.of("target", inventory.target)


def _failover(inventory: Inventory) -> Findings:
    yield from my_failover.of("source", inventory.source)
    yield from failover.of("target", inventory.target)


REPLICATION = PairCheck(
    "replication", "Target's replicas keep up", _replication, lambda i: replication.said("target", i.target)
)
SLOTS = PairCheck("slots", "Target's replication slots are read", _slots, lambda i: slots.said("target", i.target))
FAILOVER = PairCheck(
    "failover", "No failover is in sight", _failover, lambda _: "no server replicates from either side"
)
