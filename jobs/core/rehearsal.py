"""Staging first: whether the same source was moved before into a staging target, and what that tells. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from jobs.core import disk
from jobs.core.errors import Refused
from jobs.core.model import CheckResult, Environment, Service
from jobs.core.plan import MigrationPlan
from jobs.core.state import State
from jobs.core.verdict import Receipt, Rehearsal

REMEDY = "Move the same source into a staging target, let it end green, then press Update plan here."


def names(state: State, plan: MigrationPlan) -> tuple[str, ...]:
    """By which a source is known again: as a service, and as a database of a server whatever its address."""
    place = plan.source
    server = place.server_id or f"{place.host}:{place.port}"
    known = [f"server {place.dialect} {server}/{place.database}"]
    return (f"service {state.source.name}", *known) if isinstance(state.source, Service) else tuple(known)


def is_rehearsal(state: State) -> bool:
    """A move into staging."""
    return state.target is not None and state.target.environment is Environment.staging


def covers(rehearsed: MigrationPlan, plan: MigrationPlan) -> bool:
    """Every table whose rows are to move had moved."""
    before, now = ({table.label for table in one.tables if table.rows_moved} for one in (rehearsed, plan))
    return now <= before


def demand(state: State, at: datetime | None) -> None:
    """Raises `Refused` where the policy wants a rehearsal and there is none that is young enough."""
    said = missing(state, at)
    if said:
        raise Refused(said, remedy=REMEDY)


def missing(state: State, at: datetime | None) -> str:
    """What the policy wants and there is not, in a sentence; empty when nothing is missing."""
    days = state.policy.rehearsal_days
    if days is None:
        return ""
    if state.rehearsal is None:
        return (
            f"This environment wants a rehearsal of at most {days} days ago, and there is none of this source"
            " with all these tables."
        )
    now = at or state.changed
    if now is not None and state.rehearsal.at < now - timedelta(days=days):
        return f"The rehearsal {state.rehearsal.migration} is older than {days} days."
    return ""


def estimate(state: State) -> tuple[float, float] | None:
    """Seconds, low and high: as measured in the rehearsal, else as the plan expects; None when nobody knows."""
    if state.rehearsal is not None:
        return state.rehearsal.seconds, state.rehearsal.seconds
    measures = state.plan.measures if state.plan is not None else None
    if measures is None or not measures.seconds_high:
        return None
    return measures.seconds_low, measures.seconds_high


def source_bytes(plan: MigrationPlan | None) -> int:
    """What a plan measured of its source's tables; 0 where there is none."""
    return sum(plan.measures.table_bytes) if plan is not None else 0


def room(before: Rehearsal | None, plan: MigrationPlan) -> CheckResult | None:
    """Whether the target has the disk that the rehearsal took at its peak; None where none was measured."""
    need = peak(before, plan)
    return disk.result(need, plan.measures.have_bytes, plan.target.label) if need is not None else None


def peak(before: Rehearsal | None, plan: MigrationPlan) -> int | None:
    """Bytes that the plan takes of the target's disk at its fullest, as it was rehearsed; None: nobody measured."""
    if before is None or before.peak is None:
        return None
    return disk.expected(before.peak, before.source_bytes, source_bytes(plan))


def of(state: State, at: datetime, receipt: Receipt) -> Rehearsal:
    """What a finished rehearsal tells; `at` is its end."""
    return Rehearsal(
        migration=state.id,
        at=at,
        target=state.target.label if state.target is not None else "",
        seconds=receipt.seconds,
        bytes=receipt.bytes,
        target_bytes=receipt.target_bytes,
        peak=receipt.peak,
        source_bytes=source_bytes(state.plan),
    )
