"""Before the first write: are the databases still as they were when the plan was made?

A plan is approved at one moment and run at another. The conductor looks at both sides anew, runs every check, makes
the plan again and compares digests. Equal: the run begins, which the story knows from then on, so that nobody
compares a target with its own half-done work. Different: the consents are void and the difference is told. What
cannot be looked at now, since somebody holds a lock for example, has not changed: it is looked at again for a while.
"""

from __future__ import annotations

from collections.abc import Callable

from jobs.core import events as e
from jobs.core import protection, rehearsal
from jobs.core.errors import Permanent, Transient
from jobs.core.model import CheckResult, Finding, Severity, blockers, warnings
from jobs.core.plan import MigrationPlan, difference
from jobs.core.state import State, Status
from jobs.core.verdict import Rehearsal
from jobs.desk import Desk
from jobs.ports.engine import Asked, Engine

Tell = Callable[[e.Report], State | None]
Rehearsed = Callable[[MigrationPlan], Rehearsal | None]
UNREACHED = "connect"
"""Every engine's check of whether both servers answer. A server that is away has not changed."""
SHOWN = 30
"""Differences kept in the story; the card and the thread show fewer."""


def validated(
    engine: Engine, asked: Asked, tell: Callable[[CheckResult], None], rehearsed: Rehearsed = lambda _: None
) -> MigrationPlan | None:
    """Inspects once, runs every check (each result goes to `tell`) and makes the plan; None when a check blocks.

    `rehearsed` finds the rehearsal of a plan, which is held against the target's disk."""
    if asked.protected:
        # Nothing else is looked at: there is no answer that would let this target be one.
        tell(protection.result(asked.target.label))
        return None
    inventory = engine.inspect(asked)
    results = []
    for check in engine.checks:
        result = engine.look(check, inventory)
        tell(result)
        results.append(result)
    if blockers(results):
        return None
    plan = engine.plan(asked, inventory)
    room = rehearsal.room(rehearsed(plan), plan)
    if room is not None:
        tell(room)
        results.append(room)
    if blockers(results):
        return None
    # What was found is approved with the plan. By name only: numbers in the messages change by themselves.
    found = tuple(sorted({_found(finding) for finding in warnings(results)}))
    return plan.model_copy(update={"validation": found})


def _found(finding: Finding) -> str:
    return f"{finding.severity}:{finding.key}"


def may_begin(desk: Desk, engine: Engine, asked: Asked, state: State, tell: Tell, *, patient: bool = False) -> bool:
    """True when the run may write: it has begun before, or the plan is still the one that was approved.

    Called behind the fence. Raises `Transient` when a server cannot be reached: that is no change. `patient`: also
    where something could not be looked at that could be before."""
    if state.begun or state.status in (Status.cancelling, Status.rolling_back):
        return True
    if state.status is not Status.pausing:
        event = _compared(engine, asked, state, patient=patient)
        if tell(event) is not None:
            return isinstance(event, e.Begun)
    if desk.state(state.id).status is Status.pausing:
        # Nothing was interrupted that would say so by itself.
        tell(e.Paused(run=state.run))
    return False


def _compared(engine: Engine, asked: Asked, state: State, *, patient: bool) -> e.Begun | e.Drifted:
    plan = state.plan
    assert plan is not None
    results: list[CheckResult] = []
    try:
        now = validated(engine, asked, results.append, lambda _: state.rehearsal)
    except Permanent as error:
        if patient:
            raise Transient(error.what, meaning=error.meaning, remedy=error.remedy, object=error.object) from None
        raise
    _demand_reached(results)
    if patient:
        _demand_looked(plan, results)
    if now is not None and now.digest == plan.digest:
        return e.Begun(run=state.run, digest=plan.digest)
    changes = difference(plan, now) if now else [f"a check blocks now: {f.message}" for f in blockers(results)]
    return e.Drifted(run=state.run, changes=tuple(changes[:SHOWN]), plan=now, results=tuple(results))


def _demand_reached(results: list[CheckResult]) -> None:
    for result in results:
        for finding in blockers([result]):
            if result.check == UNREACHED:
                raise Transient(finding.message, remedy=finding.remedy, object=finding.object)


def _demand_looked(plan: MigrationPlan, results: list[CheckResult]) -> None:
    for finding in warnings(results):
        if finding.severity is Severity.unknown and _found(finding) not in plan.validation:
            raise Transient(finding.message, remedy=finding.remedy, object=finding.object)
