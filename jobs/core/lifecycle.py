"""The life of a migration in three pure functions: `decide`, `evolve`, `react`.

`decide(state, command)` says which events a command causes, or raises `Refused`. `evolve(state, recorded)`
is the state after one more event. `react(state)` names the jobs that this state deserves; ringing them twice
is harmless, so a crash between writing an event and ringing heals by ringing again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal, assert_never

from pydantic import Field

from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import Refused
from jobs.core.model import (
    Approval,
    CheckResult,
    Frozen,
    MigrationId,
    Options,
    Origin,
    Person,
    Problem,
    Service,
    blockers,
    warnings,
)
from jobs.core.plan import MigrationPlan, difference
from jobs.core.policy import Policy, satisfied
from jobs.core.verdict import Receipt


class Status(StrEnum):
    new = "new"
    draft = "draft"
    configured = "configured"
    validating = "validating"
    blocked = "blocked"
    ready = "ready"
    awaiting_approval = "awaiting_approval"
    migrating = "migrating"
    verifying = "verifying"
    pausing = "pausing"
    paused = "paused"
    cancelling = "cancelling"
    cancelled = "cancelled"
    failed = "failed"
    done = "done"


FORM = frozenset({Status.draft, Status.configured, Status.validating, Status.blocked, Status.ready})
"""The modal's statuses: everything may still be changed."""
RUNNING = frozenset({Status.migrating, Status.verifying, Status.pausing, Status.cancelling})
"""A conductor is at work or due."""
ENDED = frozenset({Status.cancelled, Status.done})
"""Nothing more will happen."""


class State(Frozen):
    """A migration as its story tells it up to `version`."""

    id: MigrationId
    version: int = 0
    status: Status = Status.new
    created: datetime | None = None
    changed: datetime | None = None
    requester: Person | None = None
    channel: str = ""
    target: Service | None = None
    policy: Policy = Policy()
    free_bytes: int | None = None
    disk_confirmed: bool = False
    source: Origin | None = None
    options: Options = Options()
    attempt: int = 0
    key: str = ""
    results: tuple[CheckResult, ...] = ()
    plan: MigrationPlan | None = None
    plan_before: MigrationPlan | None = None
    acknowledged: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    declined: e.Declined | None = None
    run: int = 0
    started: datetime | None = None
    phase: str = ""
    phase_title: str = ""
    cancelled_by: Person | None = None
    problem: Problem | None = None
    reasons: tuple[str, ...] = ()
    trouble: Problem | None = None
    receipt: Receipt | None = None
    undone: str = ""
    public: bool = Field(default=False, description="the channel has seen it: there is a card and a thread")

    @property
    def digest(self) -> str:
        return self.plan.digest if self.plan else ""

    @property
    def title(self) -> str:
        source = self.source.label if self.source else "?"
        return f"{source} → {self.target.label if self.target else '?'}"


class Ring(Frozen):
    """A doorbell: a job of this kind for this migration; `token` makes its id deterministic."""

    kind: Literal["validate", "migrate", "lane", "deliver", "sweep"]
    migration: str
    token: str

    @property
    def job_id(self) -> str:
        return f"{self.kind}-{self.migration}-{self.token}"


# --- decide ---------------------------------------------------------------------------------------------


def decide(state: State, command: c.Command) -> Sequence[e.Event]:
    """The events that `command` causes in `state`; raises `Refused` with what to tell the person."""
    match command:
        case c.Draft():
            return _draft(state, command)
        case c.Configure():
            return _configure(state, command)
        case c.Detach():
            return [] if state.public or state.status in (Status.new, *ENDED) else [e.Detached(by=command.by)]
        case c.Request():
            return _request(state, command)
        case c.Approve():
            return _approve(state, command)
        case c.Decline():
            _demand_gate(state, command.digest)
            return [e.Declined(by=command.by, digest=command.digest, reason=command.reason)]
        case c.Pause():
            _demand(state, "paused", Status.migrating, Status.verifying)
            _demand_unproven(state)
            return [e.PauseAsked(by=command.by)]
        case c.Resume():
            _demand(state, "resumed", Status.paused, Status.failed)
            if state.status is Status.failed and state.problem and not state.problem.resumable:
                raise Refused("This failure cannot be retried.", remedy=state.problem.remedy)
            return [e.Resumed(by=command.by, run=state.run + 1)]
        case c.Cancel():
            return _cancel(state, command)
        case c.GiveUp():
            return _give_up(state, command)
        case c.Tell():
            return _tell(state, command.event)
        case _:
            assert_never(command)


def _demand(state: State, verb: str, *allowed: Status) -> None:
    if state.status not in allowed:
        raise Refused(f"This migration is {say(state.status)}, so it cannot be {verb} now.")


def _draft(state: State, command: c.Draft) -> Sequence[e.Event]:
    if state.status is not Status.new:
        _demand(state, "changed", *FORM)
    if (state.target, state.channel, state.policy, state.free_bytes) == (
        command.target,
        command.channel,
        command.policy,
        command.free_bytes,
    ):
        # The same again, from a submission that came twice or from going back and forth: nothing found is voided.
        return []
    return [
        e.Drafted(
            by=command.by,
            channel=command.channel,
            target=command.target,
            policy=command.policy,
            free_bytes=command.free_bytes,
            disk_confirmed=command.disk_confirmed,
        )
    ]


def _configure(state: State, command: c.Configure) -> Sequence[e.Event]:
    _demand(state, "changed", *FORM)
    return [e.Configured(by=command.by, source=command.source, options=command.options, attempt=state.attempt + 1)]


def _request(state: State, command: c.Request) -> Sequence[e.Event]:
    same = state.requester is not None and state.requester.id == command.by.id and state.digest == command.digest
    if state.status in (Status.awaiting_approval, *RUNNING):
        if same:
            return []
        raise Refused("This migration was already requested; nothing was started twice.")
    _demand(state, "started", Status.ready)
    _demand_digest(state, command.digest)
    missing = [f for f in warnings(state.results) if f.key not in command.acknowledged]
    if missing:
        raise Refused(f"Please acknowledge the warnings first: {missing[0].message}")
    requested = e.Requested(by=command.by, digest=command.digest, acknowledged=command.acknowledged)
    if state.policy.approvals == 0:
        return [requested, e.RunQueued(run=state.run + 1, digest=command.digest)]
    return [requested]


def _approve(state: State, command: c.Approve) -> Sequence[e.Event]:
    approval = command.approval
    if any(a.by.id == approval.by.id and a.digest == approval.digest for a in state.approvals):
        raise Refused("You have already approved this plan; your approval counts once.")
    _demand_gate(state, approval.digest)
    requester = state.requester.id if state.requester else ""
    if approval.by.id == requester and not state.policy.self_approval:
        raise Refused("You asked for this migration, so somebody else must approve it.")
    approved = e.Approved(approval=approval)
    if satisfied(state.policy, requester, state.digest, (*state.approvals, approval)):
        return [approved, e.RunQueued(run=state.run + 1, digest=state.digest)]
    return [approved]


def _demand_gate(state: State, digest: str) -> None:
    if state.status in RUNNING:
        raise Refused("This migration was approved already and is running.")
    _demand_digest(state, digest)
    _demand(state, "approved or declined", Status.awaiting_approval)


def _demand_digest(state: State, digest: str) -> None:
    """Whoever acts on a plan acts on the plan of today."""
    if state.plan is not None and digest != state.digest:
        known = state.plan_before if state.plan_before and state.plan_before.digest == digest else None
        changes = difference(known, state.plan) if known else []
        said = "; ".join(changes[:5]) or "please look at it again"
        raise Refused(f"The plan changed since this button was shown: {said}.")


def _cancel(state: State, command: c.Cancel) -> Sequence[e.Event]:
    if state.status in ENDED:
        raise Refused(f"This migration is {say(state.status)} already.")
    if state.status is Status.cancelling:
        raise Refused("This migration is being cancelled already.")
    _demand_unproven(state)
    if state.run == 0:
        return [e.Cancelled(by=command.by, undone="Nothing had been copied; the target is as it was.")]
    return [e.CancelAsked(by=command.by)]


def _give_up(state: State, command: c.GiveUp) -> Sequence[e.Event]:
    _demand(state, "given up", Status.failed)
    if state.cancelled_by is None:
        raise Refused("Press Cancel first: it removes from the target what the run created.")
    return [e.Cancelled(by=command.by, undone="The target was not cleaned: what was copied is still there.")]


def _demand_unproven(state: State) -> None:
    if state.receipt is None:
        return
    if state.status is Status.failed:
        raise Refused("Every table is verified already; only the tidying failed.", remedy="Press Retry to end it.")
    raise Refused("Every table is verified already; the migration is ending by itself.")


def _tell(state: State, event: e.Report) -> Sequence[e.Event]:
    """A worker's report counts only while its attempt or run is the current one."""
    match event:
        case e.ValidationStarted() | e.CheckFinished() | e.Validated() | e.ValidationBroke():
            if event.attempt != state.attempt or state.status not in (Status.configured, Status.validating):
                raise Refused("This validation is not the current one.")
            if isinstance(event, e.Validated) and event.plan is not None and blockers(state.results):
                # Two validators of one attempt may overlap after a crash; the other one found what blocks.
                raise Refused("A check of this attempt blocks, so there can be no plan.")
            return [event]
        case e.Cancelled():
            _demand(state, "ended", Status.cancelling)
            return [event]
        case e.Paused():
            if state.status is not Status.pausing or event.run != state.run:
                raise Refused("No pause was asked for.")
            return [event]
        case e.PhaseReached():
            _demand_run(state, event.run)
            return [] if event.phase == state.phase else [event]
        case e.Proven():
            _demand_run(state, event.run)
            _demand(state, "ended", Status.migrating, Status.verifying)
            return [] if event.receipt == state.receipt else [event]
        case e.Finished():
            _demand_run(state, event.run)
            if state.receipt is None:
                raise Refused("Nothing is proven yet, so this run is not finished.")
            return [event]
        case e.RunStarted() | e.Noted() | e.Troubled() | e.RunFailed():
            _demand_run(state, event.run)
            return [event]
        case _:
            assert_never(event)


def _demand_run(state: State, run: int) -> None:
    if state.status not in RUNNING or run != state.run:
        raise Refused("This run is not the current one.")


# --- evolve ---------------------------------------------------------------------------------------------


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
    match event:
        case e.Drafted():
            return _drafted(state, event)
        case e.Configured():
            return {
                "status": Status.configured,
                "source": event.source,
                "options": event.options,
                "attempt": event.attempt,
                "key": event.key,
                "results": (),
                "plan": None,
                "plan_before": state.plan or state.plan_before,
                "approvals": (),
                "declined": None,
                "problem": None,
            }
        case e.Detached():
            return {"public": True}
        case e.ValidationStarted():
            # What an earlier validator of this attempt found stands until it is found anew: two may overlap.
            return {"status": Status.validating}
        case e.CheckFinished():
            return {"results": _replaced(state.results, event.result)}
        case e.Validated():
            return {"status": Status.ready if event.plan else Status.blocked, "plan": event.plan}
        case e.ValidationBroke():
            return {"status": Status.blocked, "problem": event.problem}
        case e.Requested():
            return {
                "status": Status.awaiting_approval,
                "acknowledged": event.acknowledged,
                "approvals": (),
                "declined": None,
                "requester": event.by,
                "public": True,
            }
        case e.Approved():
            return {"approvals": (*state.approvals, event.approval)}
        case e.Declined():
            return {"status": Status.ready, "declined": event, "approvals": ()}
        case e.RunQueued():
            return {
                "status": Status.migrating,
                "run": event.run,
                "phase": "",
                "phase_title": "Waiting for a worker",
            }
        case _:
            return _run_changes(state, event, at)


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
        "approvals": (),
        "declined": None,
        "problem": None,
    }


def _run_changes(
    state: State,
    event: e.RunStarted
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
    | e.Finished,
    at: datetime,
) -> dict[str, object]:
    match event:
        case e.RunStarted():
            return {"started": state.started or at, "trouble": None}
        case e.PhaseReached():
            at_work = Status.verifying if event.phase == "verify" else Status.migrating
            # After a takeover a run that was verifying may be copying again.
            status = at_work if state.status in (Status.migrating, Status.verifying) else state.status
            return {"phase": event.phase, "phase_title": event.title, "status": status, "trouble": None}
        case e.Noted():
            return {}
        case e.Troubled():
            return {"trouble": event.problem}
        case e.PauseAsked():
            return {"status": Status.pausing}
        case e.Paused():
            return {"status": Status.paused, "trouble": None}
        case e.Resumed():
            return {
                "cancelled_by": None,
                "status": Status.migrating,
                "run": event.run,
                "phase": "",
                "phase_title": "Waiting for a worker",
                "problem": None,
                "reasons": (),
            }
        case e.CancelAsked():
            return {"status": Status.cancelling, "cancelled_by": event.by}
        case e.Cancelled():
            return {
                "status": Status.cancelled,
                "undone": event.undone,
                "cancelled_by": event.by or state.cancelled_by,
            }
        case e.RunFailed():
            return {
                "status": Status.failed,
                "problem": event.problem,
                "reasons": event.reasons,
                "trouble": None,
            }
        case e.Proven():
            return {"receipt": event.receipt}
        case e.Finished():
            return {"status": Status.done, "receipt": event.receipt, "trouble": None}
        case _:
            assert_never(event)


# --- react ----------------------------------------------------------------------------------------------


def react(state: State) -> list[Ring]:
    """The jobs this state deserves, besides the courier's."""
    match state.status:
        case Status.configured | Status.validating:
            return [Ring(kind="validate", migration=state.id, token=f"a{state.attempt}")]
        case Status.migrating | Status.verifying | Status.pausing:
            return [Ring(kind="migrate", migration=state.id, token=f"r{state.run}")]
        case Status.cancelling:
            return [Ring(kind="migrate", migration=state.id, token=f"r{state.run}-cancel")]
        case (
            Status.new
            | Status.draft
            | Status.blocked
            | Status.ready
            | Status.awaiting_approval
            | Status.paused
            | Status.cancelled
            | Status.failed
            | Status.done
        ):
            return []
        case _:
            assert_never(state.status)


def say(status: Status) -> str:
    """The status in words that fit after "is"."""
    words = {
        Status.new: "not begun",
        Status.draft: "being prepared",
        Status.configured: "waiting for its checks",
        Status.validating: "being checked",
        Status.ready: "ready to be started",
        Status.awaiting_approval: "waiting for approval",
        Status.migrating: "running",
        Status.verifying: "being verified",
        Status.cancelling: "being cancelled",
    }
    return words.get(status, status.value)
