"""The sweep: rings again for every open migration whose work nobody is at. Crashes heal here."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import structlog

from jobs.core.commands import Tick
from jobs.core.errors import Refused, Unreadable
from jobs.core.lifecycle import Ring, react
from jobs.core.state import ENDED, State, Status
from jobs.core.waiting import due
from jobs.desk import Desk, deliver
from jobs.ports.board import Board

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 15
"""Part of the ring's id: one more ring per job and period, whatever number of clocks run."""


def sweep(desk: Desk, board: Board, now: datetime | None = None) -> int:
    """Returns how many doorbells were rung. `now`: the moment by which requests are reminded of and runs begin."""
    rung = 0
    moment = now or datetime.now(UTC)
    for migration in desk.ledger.open():
        try:
            rung += _again(desk, board, _timely(desk, desk.state(migration), moment))
        except Unreadable as error:
            # A story that this version cannot read must not keep the others from healing.
            log.error("story not readable", migration=migration, what=error.what)
    return rung


def _timely(desk: Desk, state: State, now: datetime) -> State:
    """What time brings: to a request, to a run that waits for its moment, to one that pauses as its windows close.

    Two clocks at once bring it once: the desk decides anew."""
    at_work = state.status in (Status.migrating, Status.verifying) and state.pause_at_close
    if state.status is not Status.scheduled and not at_work and not due(state, now):
        return state
    try:
        return desk.obey(state.id, Tick(at=now))
    except Refused as refusal:
        # Its windows cannot be met any more; a person cancels it or chooses another way.
        log.warning("what waits cannot begin", migration=state.id, why=refusal.what)
        return state


def _again(desk: Desk, board: Board, state: State) -> int:
    rung = 0
    period = int(time.time()) // AGAIN_SECONDS
    for ring in react(state):
        if board.alive(state.id, ring.kind) or desk.queue.waiting(ring):
            continue
        again = Ring(kind=ring.kind, migration=state.id, token=f"{ring.token}-s{period}")
        rung += desk.queue.ring(again)
    # An ended migration that is still open was told, but its courier died before it closed the book.
    if board.delivered(state.id) < state.version or state.status in ENDED:
        rung += desk.queue.ring(deliver(state.id, f"s{period}"))
    return rung
