"""Validation: inspect once, run every check, make the plan. Writes nothing to either database."""

from __future__ import annotations

from contextlib import suppress

from jobs.core import events as e
from jobs.core.commands import Tell
from jobs.core.errors import FerrybotError, LedgerAway, Refused, Unreadable
from jobs.core.model import CheckResult, Finding, Severity
from jobs.core.plan import MigrationPlan
from jobs.core.state import State, Status
from jobs.core.verdict import Rehearsal
from jobs.desk import Desk
from jobs.flow import drift, rehearse
from jobs.flow.heart import Heart
from jobs.flow.wiring import Asking
from jobs.ports.board import Board
from jobs.ports.engine import Engine
from jobs.ports.rehearsals import Rehearsals


def validate(migration: str, desk: Desk, asking: Asking, board: Board, rehearsals: Rehearsals | None = None) -> None:
    """Brings the current attempt to `blocked` or `ready`; does nothing when it is over or someone is at it."""
    state = desk.state(migration)
    if state.status not in (Status.configured, Status.validating):
        return
    attempt = state.attempt
    try:
        with Heart(board, migration, "validate"):
            desk.obey(migration, Tell(event=e.ValidationStarted(attempt=attempt)))
            desk.obey(migration, Tell(event=_outcome(state, desk, asking, rehearsals)))
    except Refused:
        # A newer attempt began meanwhile; its own job tells its story.
        return
    except (LedgerAway, Unreadable):
        # Nothing can be told now; the sweep rings again.
        raise
    except FerrybotError as error:
        with suppress(Refused):
            desk.obey(migration, Tell(event=e.ValidationBroke(attempt=attempt, problem=error.problem())))


def _outcome(state: State, desk: Desk, asking: Asking, rehearsals: Rehearsals | None) -> e.Validated:
    engine, unknown = _engine(state, asking)
    if engine is None:
        _tell(desk, state, unknown)
        return e.Validated(attempt=state.attempt, plan=None)
    try:
        asked = asking.asked(state)
    except FerrybotError as error:
        _tell(desk, state, [_refusal("endpoints", "Connection details are complete", error)])
        return e.Validated(attempt=state.attempt, plan=None)
    found: list[Rehearsal | None] = []

    def rehearsed(plan: MigrationPlan) -> Rehearsal | None:
        found.append(rehearse.find(rehearsals, desk, state, plan))
        return found[-1]

    plan = drift.validated(engine, asked, lambda result: _tell(desk, state, [result]), rehearsed)
    return e.Validated(attempt=state.attempt, plan=plan, rehearsal=found[-1] if found and plan else None)


def _engine(state: State, asking: Asking) -> tuple[Engine | None, list[CheckResult]]:
    try:
        return asking.engine(state), []
    except FerrybotError as error:
        return None, [_refusal("pair", "This pair of databases can be moved", error)]


def _refusal(check: str, title: str, error: FerrybotError) -> CheckResult:
    finding = Finding(
        check=check,
        severity=Severity.block,
        message=error.what,
        remedy=error.remedy,
        field=error.object,
    )
    return CheckResult(check=check, title=title, findings=(finding,))


def _tell(desk: Desk, state: State, results: list[CheckResult]) -> None:
    for result in results:
        desk.obey(state.id, Tell(event=e.CheckFinished(attempt=state.attempt, result=result)))
