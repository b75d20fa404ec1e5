"""The target's replicas keep up and its replication slots are in use: else its disk fills with WAL."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, human
from jobs.engines.postgres.inventory import Inventory

_LAG = 64 << 20
"""Four WAL segments: more is not the moment's breath but a replica behind."""


def find(inventory: Inventory) -> Findings:
    replication = inventory.target.replication.get()
    for replica in replication.replicas:
        if replica.state is None:
            yield found(
                Severity.unknown,
                "The state of a replica of the target is hidden from this user.",
                object=replica.name,
                remedy=f"GRANT pg_monitor TO {quote.name(inventory.target.server.role)};\n-- run by a superuser",
                side="target",
            )
        elif replica.state != "streaming" or (replica.lag_bytes or 0) > _LAG:
            yield found(
                Severity.warn,
                f"Replica {replica.name} of the target is {replica.state}, {human(replica.lag_bytes or 0)} behind.",
                object=replica.name,
                remedy="Let it catch up first: the load writes as much WAL as data, which is kept for it.",
                side="target",
            )
    for slot in (s for s in replication.slots if not s.active):
        yield found(
            Severity.warn,
            f"Replication slot {slot.name} of the target is inactive and keeps all WAL that the load writes.",
            object=slot.name,
            remedy="Start its consumer, or if it has none any more:\n"
            f"SELECT pg_drop_replication_slot({quote.text(slot.name)});\n-- run by a superuser or a REPLICATION role",
            side="target",
        )


def measured(inventory: Inventory) -> str:
    replication = inventory.target.replication.get()
    return f"{counted(len(replication.replicas), 'replica')}, {counted(len(replication.slots), 'slot')}"


CHECK = PgCheck("replication", "Target's replicas keep up", find, measured)
