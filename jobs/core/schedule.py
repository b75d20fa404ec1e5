"""When a run may begin, go on and must pause: the part of the life that looks at clocks. Pure.

Nothing here reads a clock: whoever commands says the time. A command without a time never begins a run that has
windows or a chosen start; it waits for the sweep, which has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from jobs.core import commands as c
from jobs.core import events as e
from jobs.core import windows
from jobs.core.errors import Refused
from jobs.core.model import Person, Service, TypedSource, Wish
from jobs.core.rehearsal import estimate
from jobs.core.state import RUNNING, State, Status, say
from jobs.core.throttle import Limit
from jobs.core.waiting import due

PASSWORD_KEPT = timedelta(days=7)
"""What was typed on the one-time page is forgotten after so long (`bot.pages`)."""
SPARE = timedelta(hours=12)
"""Of that time, for the run itself."""
BEGUN: Mapping[str, object] = {
    "opens": None,
    "resuming": False,
    "closing": False,
    "waits_for": None,
    "strain": "",
    "strained": Limit(),
}
"""What changes as a run begins or goes on."""


def calendars(state: State) -> tuple[windows.Calendar, ...]:
    """The windows that bind: of the target, and of a source that has some of its own."""
    sides = (state.target, state.source)
    services = [side for side in sides if isinstance(side, Service) and side.windows and side.windows_bind]
    return tuple(windows.calendar(side.windows, side.time_zone, side.name) for side in services)


def sensible(wish: Wish, at: datetime | None) -> Wish:
    """A start that lies in the past is no wish."""
    past = wish.start_at is not None and at is not None and wish.start_at <= at
    return wish.model_copy(update={"start_at": None}) if past else wish


def wish_changes(wish: Wish | None) -> dict[str, object]:
    """What a wish changes in the state; None is no new one."""
    return {} if wish is None else {"start_at": wish.start_at, "pause_at_close": wish.pause_at_close}


def opening(state: State, at: datetime | None, start_at: datetime | None) -> datetime | None:
    """From when on the run may go; None is now. Raises `Refused` where that is never."""
    kept = calendars(state)
    if not kept and start_at is None:
        return None
    if at is None:
        return start_at or state.changed
    opens = windows.next_opening(kept, max(at, start_at) if start_at else at)
    if opens is None:
        names = " and ".join(one.label for one in kept)
        raise Refused(f"The windows of {names} are never open together.", remedy="Change them in ferrybot.yaml.")
    return None if opens <= at else opens


def begin(state: State, at: datetime | None, start_at: datetime | None) -> e.RunQueued | e.Scheduled:
    """What follows once everything needed is given."""
    opens = opening(state, at, start_at)
    if opens is None:
        return e.RunQueued(run=state.run + 1, digest=state.digest)
    _demand_password(state, opens)
    return e.Scheduled(until=opens)


def resume(state: State, by: Person, at: datetime | None) -> e.Resumed | e.Scheduled:
    """A run goes on only within its windows; what only tidies or validates keys goes on at once."""
    weightless = state.mode == "keys" or state.receipt is not None
    opens = None if weightless else opening(state, at, None)
    if opens is None:
        return e.Resumed(by=by, run=state.run + 1, mode=state.mode)
    _demand_password(state, opens)
    return e.Scheduled(until=opens, by=by, resumes=True)


def demand_open(state: State, at: datetime | None) -> None:
    """Raises `Refused` outside of the windows."""
    opens = opening(state, at, None)
    if opens is not None:
        raise Refused(f"The maintenance window is closed; it opens at {opens:%Y-%m-%d %H:%M} UTC.")


@dataclass(frozen=True)
class Fit:
    """The estimate beside the window in which the run would be: from when, until when, seconds low and high."""

    opens: datetime
    closes: datetime
    low: float
    high: float

    @property
    def fits(self) -> bool:
        return self.opens + timedelta(seconds=self.high) <= self.closes


def fit(state: State, at: datetime) -> Fit | None:
    """Asked at `at`; None where no window closes or nobody knows how long it takes. Windows that never meet: None."""
    expected, kept = estimate(state), calendars(state)
    opens = windows.next_opening(kept, max(at, state.start_at) if state.start_at else at) if kept else None
    closes = windows.closes(kept, opens) if opens is not None else None
    if expected is None or opens is None or closes is None:
        return None
    return Fit(opens, closes, *expected)


def _demand_password(state: State, until: datetime) -> None:
    source = state.source
    typed = isinstance(source, TypedSource) and (source.password or "").startswith("once:")
    if typed and state.created is not None and until > state.created + PASSWORD_KEPT - SPARE:
        raise Refused(
            f"The run could begin at {until:%Y-%m-%d %H:%M} UTC, but the source's password is forgotten before that.",
            remedy="Choose an earlier time, or name the source's secret in ferrybot.yaml.",
        )


def stay_paused(state: State, by: Person) -> Sequence[e.Event]:
    """What would go on at the next opening waits for a person instead."""
    return [e.PauseAsked(by=by), e.Paused(run=state.run)]


def decide(state: State, command: c.When) -> Sequence[e.Event]:
    """The events that `command` causes; raises `Refused`."""
    match command:
        case c.Tick():
            return _tick(state, command.at)
        case c.Reschedule():
            return _reschedule(state, command)
        case c.StartNow():
            _demand_waiting(state, "started now")
            demand_open(state, command.at)
            return [e.Rescheduled(by=command.by), _begun(state, command.by)]
        case c.Slow():
            if state.status not in RUNNING or state.status in (Status.cancelling, Status.rolling_back):
                raise Refused(f"This migration is {say(state.status)}, so there is nothing to slow down.")
            return [] if command.limit == state.limit else [e.Throttled(by=command.by, limit=command.limit)]
        case _:
            assert_never(command)


def _demand_waiting(state: State, verb: str) -> None:
    if state.status is not Status.scheduled:
        raise Refused(f"This migration is {say(state.status)}, so it cannot be {verb}.")


def _begun(state: State, by: Person | None) -> e.RunQueued | e.Resumed:
    if state.resuming:
        return e.Resumed(by=by, run=state.run + 1, mode=state.mode)
    return e.RunQueued(run=state.run + 1, digest=state.digest)


def _tick(state: State, at: datetime) -> Sequence[e.Event]:
    if event := due(state, at):
        return [event]
    if state.status is Status.scheduled:
        opens = opening(state, at, state.start_at)
        if opens is None:
            return [_begun(state, state.waits_for)]
        # The whole window went by while no clock ran.
        return [] if opens == state.opens else [_again(state, opens)]
    if state.status in (Status.migrating, Status.verifying) and state.pause_at_close and state.receipt is None:
        opens = opening(state, at, None)
        return [] if opens is None else [e.WindowClosed(run=state.run, until=opens)]
    return []


def _again(state: State, opens: datetime) -> e.Scheduled:
    return e.Scheduled(until=opens, by=state.waits_for, resumes=state.resuming)


def _reschedule(state: State, command: c.Reschedule) -> Sequence[e.Event]:
    start_at = sensible(Wish(start_at=command.start_at), command.at).start_at
    if state.status is not Status.awaiting_approval:
        _demand_waiting(state, "moved to another time")
    if start_at == state.start_at:
        return []
    opens = opening(state, command.at, start_at)
    if opens is not None:
        _demand_password(state, opens)
    moved = e.Rescheduled(by=command.by, start_at=start_at)
    if state.status is Status.awaiting_approval:
        return [moved]
    return [moved, _begun(state, command.by) if opens is None else _again(state, opens)]


def after_pause(state: State) -> Status:
    """A run that paused for its window waits for the next; one that a person paused, for a person."""
    return Status.scheduled if state.closing else Status.paused


def changes(event: e.When) -> dict[str, object]:
    """What an event changes in the state."""
    match event:
        case e.Scheduled():
            return {
                "status": Status.scheduled,
                "opens": event.until,
                "resuming": event.resumes,
                "waits_for": event.by,
            }
        case e.Rescheduled():
            return {"start_at": event.start_at}
        case e.WindowClosed():
            return {
                "status": Status.pausing,
                "closing": True,
                "opens": event.until,
                "resuming": True,
                "start_at": None,
            }
        case e.Throttled():
            return {"limit": event.limit}
        case e.Strained():
            return {"strain": event.reason, "strained": event.limit}
        case _:
            assert_never(event)
