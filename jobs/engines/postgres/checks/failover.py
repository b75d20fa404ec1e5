"""Another server could take a side's place during the run: the run pauses then, which people should know before."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.facts import SideName
from jobs.engines.postgres.inventory import Inventory, Side
from jobs.engines.shared.failover import REMEDY


def find(inventory: Inventory) -> Findings:
    yield from of("source", inventory.source)
    yield from of("target", inventory.target)


def of(name: SideName, side: Side) -> Findings:
    """One side's findings. Raises `Unread`."""
    if side.server.in_recovery:
        yield found(
            Severity.inform,
            f"The {name} is a standby: if it is promoted during the run, the run pauses.",
            object=side.server.database,
            remedy=REMEDY[name],
            side=name,
        )
        return
    # What is hidden may be one.
    names = [r.name for r in side.replication.get().replicas if r.standby or r.state is None]
    if names:
        yield found(
            Severity.inform,
            f"The {name} has {counted(len(names), 'standby')} that could take its place ({listed(names)}):"
            " if one does so during the run, the run pauses.",
            object=names[0],
            remedy=REMEDY[name],
            side=name,
        )


CHECK = PgCheck("failover", "No failover is in sight", find, lambda _: "no standby could take the place of a side")
