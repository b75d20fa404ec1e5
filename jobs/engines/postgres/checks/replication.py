"""Replicas keep up: the target's, which repeat the load, the source's, and the source itself where it is one."""

from __future__ import annotations

from jobs.core.model import Finding, Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, human
from jobs.engines.postgres.facts import Replica, SideName
from jobs.engines.postgres.inventory import Inventory, Side

_LAG = 64 << 20
"""Four WAL segments: more is not the moment's breath but a replica behind."""
_FINE = ("streaming", "backup")
"""A base backup that is being taken replays nothing."""
_LAG_SECONDS = 60.0
"""A standby under load is seconds behind; from a minute on people see yesterday's rows in the copy."""


def find(inventory: Inventory) -> Findings:
    yield from of("source", inventory.source)
    yield from of("target", inventory.target)


def of(name: SideName, side: Side) -> Findings:
    """One side's findings. Raises `Unread`."""
    if name == "source" and side.server.in_recovery:
        yield from _itself(side)
    for replica in side.replication.get().replicas:
        if replica.state is None:
            yield found(
                Severity.unknown,
                f"The state of a replica of the {name} is hidden from this user.",
                object=replica.name,
                remedy=f"GRANT pg_monitor TO {quote.name(side.server.role)};\n-- run by a superuser on the {name}",
                side=name,
            )
        elif replica.state not in _FINE or (replica.lag_bytes or 0) > _LAG:
            yield _behind(name, replica)


def _behind(name: SideName, replica: Replica) -> Finding:
    means = {
        "source": "The run only reads there and does not mind; the source keeps WAL for it.",
        "target": "Let it catch up first: the load writes as much WAL as data, which is kept for it.",
    }
    return found(
        Severity.warn if name == "target" else Severity.inform,
        f"Replica {replica.name} of the {name} is {replica.state}, {human(replica.lag_bytes or 0)} behind.",
        object=replica.name,
        remedy=means[name],
        side=name,
    )


def _itself(side: Side) -> Findings:
    standby, database = side.standby.get(), side.server.database
    after = "What the primary committed since then does not move."
    if standby.paused:
        yield found(
            Severity.warn,
            f"The source is a standby whose replay is paused: its rows are those of that moment. {after}",
            object=database,
            remedy="SELECT pg_wal_replay_resume();\n-- run by a superuser on the standby; or use the primary",
            side="source",
            field="host",
        )
    elif standby.lag_seconds is None or standby.lag_seconds > _LAG_SECONDS or not standby.receiving:
        lag = "an unknown time" if standby.lag_seconds is None else f"{standby.lag_seconds:,.0f} s"
        cut = "" if standby.receiving else " and receives nothing from its primary now"
        yield found(
            Severity.warn,
            f"The source is a standby, {lag} behind{cut}. {after}",
            object=database,
            remedy="Let it catch up, or use the primary.",
            side="source",
            field="host",
        )


def measured(inventory: Inventory) -> str:
    """How many replicas each side has."""
    return "; ".join(said(name, side) for name, side in (("source", inventory.source), ("target", inventory.target)))


def said(name: str, side: Side) -> str:
    """One side's count. Raises `Unread`."""
    return f"{name}: {counted(len(side.replication.get().replicas), 'replica')}"


CHECK = PgCheck("replication", "Replicas keep up", find, measured)
