"""Before the first write: are the databases still as they were when the plan was made?

A plan is approved at one moment and run at another. The conductor looks at both sides anew, runs every check, makes
the plan again and compares digests. Equal: the run begins, which the story knows from then on, so that nobody
compares a target with its own half-done work. Different: the consents are void and the difference is told.
"""

from __future__ import annotations

from collections.abc import Callable

from jobs.core import events as e
from jobs.core import protection
from jobs.core.errors import Transient
from jobs.core.model import CheckResult, blockers, warnings
from jobs.core.plan import MigrationPlan, difference
from jobs.core.state import State, Status
from jobs.desk import Desk
from jobs.ports.engine import Asked, Engine

Tell = Callable[[e.Report], State | None]
UNREACHED = "connect"
"""Every engine's check of whether both servers answer. A server that is away has not changed."""
SHOWN = 30
"""Differences kept in the story; the card and the thread show fewer."""


def validated(engine: Engine, asked: Asked, tell: Callable[[CheckResult], None]) -> MigrationPlan | None:
    """Inspects once, runs every check (each result goes to `tell`) and makes the plan; None when a check blocks."""
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
    # What was found is approved with the plan. By name only: numbers in the messages change by themselves.
    found = tuple(sorted({f"{finding.severity}:{finding.key}" for finding in warnings(results)}))
    return engine.plan(asked, inventory).model_copy(update={"validation": found})


def may_begin(desk: Desk, engine: Engine, asked: Asked, state: State, tell: Tell) -> bool:
    """True when the run may write: it has begun before, or the plan is still the one that was approved.

    Called behind the fence. Raises `Transient` when a server cannot be reached: that is no change."""
    if state.begun or state.status in (Status.cancelling, Status.rolling_back):
        return True
    if state.status is not Status.pausing:
        event = _compared(engine, asked, state)
        if tell(event) is not None:
            return isinstance(event, e.Begun)
    if desk.state(state.id).status is Status.pausing:
        # Nothing was interrupted that would say so by itself.
        tell(e.Paused(run=state.run))
    return False


def _compared(engine: Engine, asked: Asked, state: State) -> e.Begun | e.Drifted:
    plan = state.plan
    assert plan is not None
    results: list[CheckResult] = []
    now = validated(engine, asked, results.append)
    _demand_reached(results)
    if now is not None and now.digest == plan.digest:
        return e.Begun(run=state.run, digest=plan.digest)
    changes = difference(plan, now) if now else [f"a check blocks now: {f.message}" for f in blockers(results)]
    return e.Drifted(run=state.run, changes=tuple(changes[:SHOWN]), plan=now, results=tuple(results))


def _demand_reached(results: list[CheckResult]) -> None:
    for result in results:
        for finding in blockers([result]):
            if result.check == UNREACHED:
                raise Transient(finding.message, remedy=finding.remedy, object=finding.object)
