"""The state after one more event: the second of the life's three pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

from jobs.core import events as e
from jobs.core import schedule
from jobs.core.model import CheckResult, Delegation, Glass
from jobs.core.state import State, Status
from jobs.core.verdict import Waiver


def replay(migration: str, story: Iterable[e.Recorded]) -> State:
    """The state that a story tells."""
    state = State(id=migration)
    for recorded in story:
        state = evolve(state, recorded)
    return state


def evolve(state: State, recorded: e.Recorded) -> State:
    """The state after one more event."""
    event = recorded.event
    changes = _changes(state, event, recorded.at)
    return state.model_copy(
        update={
            "version": recorded.version,
            "created": state.created or recorded.at,
            "changed": recorded.at,
            **changes,
        }
    )


def _changes(state: State, event: e.Event, at: datetime) -> dict[str, object]:
    if isinstance(event, e.When):
        return schedule.changes(event)
    if isinstance(event, e.OfGate):
        return _gate_changes(state, event, at)
    match event:
        case e.Drafted():
            return _drafted(state, event)
        case e.Configured():
            return _configured(state, event)
        case e.Detached():
            return {"public": True}
        case e.ValidationStarted():
            # What an earlier validator of this attempt found stands until it is found anew: two may overlap.
            return {"status": Status.validating}
        case e.CheckFinished():
            return {"results": _replaced(state.results, event.result)}
        case e.Validated():
            status = Status.ready if event.plan else Status.blocked
            return {"status": status, "plan": event.plan, "rehearsal": event.rehearsal}
        case e.ValidationBroke():
            return {"status": Status.blocked, "problem": event.problem}
        case e.RunQueued():
            return {
                "status": Status.migrating,
                "run": event.run,
                "phase": "",
                "phase_title": "Waiting for a worker",
                **schedule.BEGUN,
            }
        case _:
            return _run_changes(state, event, at)


_UNASKED: dict[str, object] = {
    "approvals": (),
    "delegations": (),
    "declined": None,
    "expired": False,
    "drift": (),
    "glass": None,
}
"""Nobody has been asked about the plan of now, and what was said about others is void."""


def _gate_changes(state: State, event: e.OfGate, at: datetime) -> dict[str, object]:
    match event:
        case e.Requested():
            return _requested(state, event, at)
        case e.Approved():
            return {"approvals": (*state.approvals, event.approval)}
        case e.Revoked():
            # Revoked after the quorum was reached: the run that waits for a worker is called off.
            kept = tuple(a for a in state.approvals if a.by.id != event.by.id)
            return {"status": Status.awaiting_approval, "approvals": kept, **schedule.BEGUN}
        case e.Delegated():
            others = (d for d in state.delegations if d.by.id != event.by.id)
            return {"delegations": (*others, Delegation(by=event.by, to=event.to))}
        case e.GlassBroken():
            return {"glass": Glass(by=event.by, reason=event.reason, at=at)}
        case e.Reminded():
            return {"reminded": event.number}
        case e.Escalated():
            return {"escalated": True}
        case e.Expired():
            return {"status": Status.ready, **_UNASKED, "expired": True}
        case e.Declined():
            return {"status": Status.ready, **_UNASKED, "declined": event}
        case _:
            assert_never(event)


def _requested(state: State, event: e.Requested, at: datetime) -> dict[str, object]:
    return {
        **_UNASKED,
        "status": Status.awaiting_approval,
        "acknowledged": event.acknowledged,
        "typed": event.typed,
        "requester": event.by,
        "policy": event.policy or state.policy,
        "requests": state.requests + 1,
        "asked_at": at,
        "pinned": event.pinned,
        "later": event.later,
        "escalated": False,
        "reminded": 0,
        "public": True,
        **schedule.wish_changes(event.wish),
    }


def _replaced(results: tuple[CheckResult, ...], new: CheckResult) -> tuple[CheckResult, ...]:
    """Each check has one result, the latest, at the place of its first."""
    if all(r.check != new.check for r in results):
        return (*results, new)
    return tuple(new if r.check == new.check else r for r in results)


def _drafted(state: State, event: e.Drafted) -> dict[str, object]:
    """A changed target voids what was found about it; the source that was typed is kept."""
    return {
        "status": Status.draft,
        "requester": state.requester or event.by,
        "channel": event.channel,
        "target": event.target,
        "policy": event.policy,
        "free_bytes": event.free_bytes,
        "disk_confirmed": event.disk_confirmed,
        "results": (),
        "plan": None,
        "plan_before": state.plan or state.plan_before,
        "problem": None,
        **_UNASKED,
    }


def _configured(state: State, event: e.Configured) -> dict[str, object]:
    return {
        "status": Status.configured,
        "source": event.source,
        "options": event.options,
        "attempt": event.attempt,
        "key": event.key,
        **schedule.wish_changes(event.wish),
        "results": (),
        "plan": None,
        "plan_before": state.plan or state.plan_before,
        "problem": None,
        **_UNASKED,
    }


_Beside = e.RestorePointMade | e.HoldTaken | e.ReleaseAsked | e.HoldEnded | e.Waived | e.RollbackAsked | e.RolledBack
"""What keeps a run safe, what people answer for, and what takes it back."""
_OfRun = (
    e.Begun
    | e.Drifted
    | e.RunStarted
    | e.PhaseReached
    | e.Noted
    | e.Troubled
    | e.PauseAsked
    | e.Paused
    | e.Resumed
    | e.CancelAsked
    | e.Cancelled
    | e.RunFailed
    | e.Proven
    | e.Finished
    | _Beside
)


def _run_changes(state: State, event: _OfRun, at: datetime) -> dict[str, object]:
    match event:
        case e.Begun():
            return {"begun": True, "trouble": None}
        case e.Drifted():
            return _drifted(state, event)
        case e.RunStarted():
            return {"started": state.started or at, "begun": True, "trouble": None}
        case e.PhaseReached():
            return _phase(state, event)
        case e.Noted():
            return {}
        case e.Troubled():
            return {"trouble": event.problem}
        case e.PauseAsked():
            why = {"pause_why": event.why}
            return {"status": Status.pausing, "closing": False, "resuming": False, "opens": None, **why}
        case e.Paused():
            return {"status": schedule.after_pause(state), "trouble": None, "held": False, "closing": False}
        case e.Resumed():
            return _resumed(state, event)
        case e.CancelAsked():
            return {"status": Status.cancelling, "cancelled_by": event.by}
        case e.Cancelled():
            return {
                "held": False,
                "status": Status.cancelled,
                "undone": event.undone,
                "cancelled_by": event.by or state.cancelled_by,
            }
        case e.RunFailed():
            return _failed(event)
        case e.Proven():
            return {"receipt": event.receipt}
        case e.Finished():
            return {"status": Status.done, "receipt": event.receipt, "trouble": None, "held": False}
        case _:
            return _changes_beside(state, event)


def _phase(state: State, event: e.PhaseReached) -> dict[str, object]:
    at_work = Status.verifying if event.phase == "verify" else Status.migrating
    # After a takeover a run that was verifying may be copying again.
    status = at_work if state.status in (Status.migrating, Status.verifying) else state.status
    # Stories of earlier versions have no Begun: their first phase was the first write.
    return {"phase": event.phase, "phase_title": event.title, "status": status, "begun": True, "trouble": None}


def _failed(event: e.RunFailed) -> dict[str, object]:
    return {
        "held": False,
        "status": Status.failed,
        "problem": event.problem,
        "reasons": event.reasons,
        "differences": event.differences,
        "rows": event.rows,
        "trouble": None,
    }


def _drifted(state: State, event: e.Drifted) -> dict[str, object]:
    """As if the checks had ended so just now: the requester looks at what changed, and asks again."""
    return {
        **_UNASKED,
        "status": Status.ready if event.plan else Status.blocked,
        "plan": event.plan,
        "plan_before": state.plan,
        "results": event.results,
        "drift": event.changes,
        "trouble": None,
    }


def _resumed(state: State, event: e.Resumed) -> dict[str, object]:
    """A finished run keeps its proof, except where its rows are to be brought up to date."""
    return {
        "cancelled_by": None,
        "pause_why": "",
        "status": Status.migrating,
        "run": event.run,
        "mode": event.mode,
        "receipt": None if event.mode == "refresh" and state.status is Status.done else state.receipt,
        "phase": "",
        "phase_title": "Waiting for a worker",
        "problem": None,
        "reasons": (),
        "differences": (),
        "rows": (),
        "release_asked": False,
        **schedule.BEGUN,
    }


def _changes_beside(state: State, event: _Beside) -> dict[str, object]:
    match event:
        case e.RestorePointMade():
            return {"restore_point": event.point}
        case e.HoldTaken():
            return {"held": True}
        case e.ReleaseAsked():
            return {"release_asked": True}
        case e.HoldEnded():
            return {"held": False}
        case e.Waived():
            said = tuple(Waiver(key=key, by=event.by, reason=event.reason) for key in event.keys)
            return {"waivers": (*(w for w in state.waivers if w.key not in event.keys), *said)}
        case e.RollbackAsked():
            return {
                "status": Status.rolling_back,
                "run": event.run,
                "rolled_back_by": event.by,
                "problem": None,
                "phase": "",
                "phase_title": "Waiting for a worker",
            }
        case e.RolledBack():
            return {"status": Status.rolled_back, "undone": event.undone, "trouble": None}
        case _:
            assert_never(event)
