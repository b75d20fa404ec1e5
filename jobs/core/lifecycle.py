"""The life of a migration in three pure functions: `decide` and `react` here, `evolve` in its own file.

`decide(state, command)` says which events a command causes, or raises `Refused`. `evolve(state, recorded)`
is the state after one more event. `react(state)` names the jobs that this state deserves; ringing them twice
is harmless, so a crash between writing an event and ringing heals by ringing again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, assert_never

from pydantic import Field

from jobs.core import commands as c
from jobs.core import events as e
from jobs.core import gate, protection, schedule
from jobs.core.errors import Refused
from jobs.core.gate import demand as _demand
from jobs.core.model import Frozen, blockers
from jobs.core.state import ENDED, FORM, RUNNING, State, Status, say


class Ring(Frozen):
    """A doorbell: a job of this kind for this migration; `token` makes its id deterministic."""

    kind: Literal["validate", "migrate", "lane", "deliver", "sweep", "facts"]
    migration: str
    token: str
    first: bool = Field(default=False, description="goes before others of its queue")

    @property
    def job_id(self) -> str:
        return f"{self.kind}-{self.migration}-{self.token}"


def decide(state: State, command: c.Command) -> Sequence[e.Event]:
    """The events that `command` causes in `state`; raises `Refused` with what to tell the person."""
    if isinstance(command, c.When):
        return schedule.decide(state, command)
    match command:
        case c.Draft():
            return _draft(state, command)
        case c.Configure():
            return _configure(state, command)
        case c.Detach():
            return [] if state.public or state.status in (Status.new, *ENDED) else [e.Detached(by=command.by)]
        case c.Request() | c.Approve() | c.Revoke() | c.Delegate() | c.BreakGlass() | c.Decline():
            return _gate(state, command)
        case c.Pause() if state.status is Status.scheduled and state.resuming:
            return schedule.stay_paused(state, command.by)
        case c.Pause():
            _demand(state, "paused", Status.migrating, Status.verifying)
            _demand_unproven(state)
            return [e.PauseAsked(by=command.by)]
        case c.Halt():
            _demand_run(state, command.run)
            _demand(state, "paused", Status.migrating, Status.verifying)
            _demand_unproven(state)
            return [e.PauseAsked(why=command.why)]
        case c.Resume():
            return _resume(state, command)
        case c.Cancel():
            return _cancel(state, command)
        case c.GiveUp():
            return _give_up(state, command)
        case c.Waive():
            return _waive(state, command)
        case c.Release():
            return _release(state, command)
        case c.Refresh():
            _demand(state, "copied again", Status.done)
            schedule.demand_open(state, command.at)
            return [e.Resumed(by=command.by, run=state.run + 1, mode="refresh")]
        case c.Revalidate():
            return _revalidate(state, command)
        case c.RollBack():
            return _roll_back(state, command)
        case c.Tell():
            return _tell(state, command.event)
        case _:
            assert_never(command)


def _gate(
    state: State,
    command: c.Request | c.Approve | c.Revoke | c.Delegate | c.BreakGlass | c.Decline,
) -> Sequence[e.Event]:
    match command:
        case c.Request():
            return gate.request(state, command)
        case c.Approve():
            return gate.approve(state, command)
        case c.Revoke():
            return gate.revoke(state, command)
        case c.Delegate():
            return gate.delegate(state, command)
        case c.BreakGlass():
            return gate.break_glass(state, command)
        case c.Decline():
            return gate.decline(state, command)
        case _:
            assert_never(command)


def _draft(state: State, command: c.Draft) -> Sequence[e.Event]:
    if state.status is not Status.new:
        _demand(state, "changed", *FORM)
    if command.target.protected:
        raise Refused(protection.said(command.target.name))
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
    attempt, wish = state.attempt + 1, command.wish
    return [e.Configured(by=command.by, source=command.source, options=command.options, attempt=attempt, wish=wish)]


def _resume(state: State, command: c.Resume) -> Sequence[e.Event]:
    _demand(state, "resumed", Status.paused, Status.failed)
    if state.rolled_back_by is not None:
        raise Refused("A rollback has begun, so the target is not whole.", remedy="Press Roll back to end it.")
    if state.status is Status.failed and state.problem and not state.problem.resumable:
        raise Refused("This failure cannot be retried.", remedy=state.problem.remedy)
    return [schedule.resume(state, command.by, command.at)]


def _waive(state: State, command: c.Waive) -> Sequence[e.Event]:
    """A person takes responsibility for differences of objects; rows are only ever repaired."""
    _demand(state, "accepted with differences", Status.failed)
    known = {difference.key for difference in state.differences}
    if not command.keys or not known.issuperset(command.keys):
        raise Refused("These differences are not those of the last verdict; please look at it again.")
    if not command.reason.strip():
        raise Refused("Please say why these differences may stay: it stands in the receipt.")
    waived = e.Waived(by=command.by, keys=command.keys, reason=command.reason.strip())
    return [waived, schedule.resume(state, command.by, command.at)]


def _release(state: State, command: c.Release) -> Sequence[e.Event]:
    _demand(state, "released", *RUNNING)
    if not state.held:
        raise Refused("The source is not held, so there is nothing to release.")
    return [] if state.release_asked else [e.ReleaseAsked(by=command.by)]


def _revalidate(state: State, command: c.Revalidate) -> Sequence[e.Event]:
    _demand(state, "looked at again", Status.done)
    if state.receipt is None or not state.receipt.broken_keys:
        raise Refused("Every foreign key of this migration is valid.")
    return [e.Resumed(by=command.by, run=state.run + 1, mode="keys")]


def _roll_back(state: State, command: c.RollBack) -> Sequence[e.Event]:
    if state.status is Status.rolled_back:
        raise Refused("This migration is rolled back already.")
    unfinished = state.status is Status.failed and state.rolled_back_by is not None
    if not unfinished:
        _demand(state, "rolled back", Status.done)
    return [e.RollbackAsked(by=command.by, run=state.run + 1)]


def _cancel(state: State, command: c.Cancel) -> Sequence[e.Event]:
    if state.status in ENDED:
        raise Refused(f"This migration is {say(state.status)} already.")
    if state.status is Status.cancelling:
        raise Refused("This migration is being cancelled already.")
    if state.rolled_back_by is not None:
        raise Refused("This migration is being rolled back, which cannot be undone.")
    if state.mode != "move":
        raise Refused(
            "The migration itself was done before; this run only brings it up to date.",
            remedy="Pause it, or let it end and press Roll back.",
        )
    _demand_unproven(state)
    if state.run == 0 or not state.begun:
        return [e.Cancelled(by=command.by, undone="Nothing had been copied; the target is as it was.")]
    return [e.CancelAsked(by=command.by)]


def _give_up(state: State, command: c.GiveUp) -> Sequence[e.Event]:
    _demand(state, "given up", Status.failed)
    if state.rolled_back_by is not None:
        left = "The rollback was given up: the target holds what is left of both."
        return [e.Cancelled(by=command.by, undone=left)]
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
        case e.HoldTaken() | e.HoldEnded():
            _demand_run(state, event.run)
            return [] if state.held is isinstance(event, e.HoldTaken) else [event]
        case e.RolledBack():
            _demand_run(state, event.run)
            _demand(state, "ended", Status.rolling_back)
            return [event]
        case e.Begun() | e.Drifted():
            return gate.begin(state, event)
        case e.Strained():
            _demand_run(state, event.run)
            return [] if (event.reason, event.limit) == (state.strain, state.strained) else [event]
        case e.RunStarted() | e.Noted() | e.Troubled() | e.RunFailed() | e.RestorePointMade():
            _demand_run(state, event.run)
            return [event]
        case _:
            assert_never(event)


def _demand_run(state: State, run: int) -> None:
    if state.status not in RUNNING or run != state.run:
        raise Refused("This run is not the current one.")


def react(state: State) -> list[Ring]:
    """The jobs this state deserves, besides the courier's."""
    match state.status:
        case Status.configured | Status.validating:
            return [Ring(kind="validate", migration=state.id, token=f"a{state.attempt}")]
        case Status.migrating | Status.verifying | Status.pausing:
            return [Ring(kind="migrate", migration=state.id, token=f"r{state.run}")]
        case Status.cancelling:
            return [Ring(kind="migrate", migration=state.id, token=f"r{state.run}-cancel")]
        case Status.rolling_back:
            return [Ring(kind="migrate", migration=state.id, token=f"r{state.run}-back")]
        case (
            Status.new
            | Status.draft
            | Status.blocked
            | Status.ready
            | Status.awaiting_approval
            | Status.scheduled
            | Status.paused
            | Status.cancelled
            | Status.failed
            | Status.done
            | Status.rolled_back
        ):
            return []
        case _:
            assert_never(state.status)
