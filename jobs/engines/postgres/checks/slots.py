"""Replication slots that nobody reads: WAL is kept for them until the disk is full."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, human
from jobs.engines.postgres.facts import SideName
from jobs.engines.postgres.inventory import Inventory, Side

_KEPT = 1 << 30
"""One `max_wal_size` as servers come: what is kept beyond it, no checkpoint takes away."""


def find(inventory: Inventory) -> Findings:
    yield from of("source", inventory.source)
    yield from of("target", inventory.target)


def of(name: SideName, side: Side) -> Findings:
    """One side's findings. Raises `Unread`."""
    for slot in side.replication.get().slots:
        kept = slot.retained_bytes or 0
        if slot.lost or (slot.active and kept <= _KEPT):
            continue
        way = "is in use, but its reader is behind" if slot.active else "is inactive"
        then = "all that the load writes comes on top" if name == "target" else "that grows during the run"
        drop = f"SELECT pg_drop_replication_slot({quote.text(slot.name)});"
        role = f"-- run by a superuser or a REPLICATION role on the {name}"
        start = f"Start its consumer, or if it has none any more:\n{drop}\n{role}"
        yield found(
            Severity.warn if name == "target" or kept > _KEPT else Severity.inform,
            f"Replication slot {slot.name} of the {name} {way}; it keeps {human(kept)} of WAL, and {then}.",
            object=slot.name,
            remedy="Let its reader catch up first." if slot.active else start,
            side=name,
        )


def measured(inventory: Inventory) -> str:
    """How many slots each side has."""
    return f"{said('source', inventory.source)}; {said('target', inventory.target)}"


def said(name: str, side: Side) -> str:
    """One side's count. Raises `Unread`."""
    return f"{name}: {counted(len(side.replication.get().slots), 'slot')}"


CHECK = PgCheck("slots", "Replication slots are read", find, measured)
