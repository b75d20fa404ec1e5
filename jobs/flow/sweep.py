"""The sweep: rings again for every open migration whose work nobody is at. Crashes heal here."""

from __future__ import annotations

import time

from jobs.core.lifecycle import Ring, State, react
from jobs.desk import Desk, deliver
from jobs.ports.board import Board

AGAIN_SECONDS = 15
"""Part of the ring's id: one more ring per job and period, whatever number of clocks run."""


def sweep(desk: Desk, board: Board) -> int:
    """Returns how many doorbells were rung."""
    return sum(_again(desk, board, desk.state(migration)) for migration in desk.ledger.open())


def _again(desk: Desk, board: Board, state: State) -> int:
    rung = 0
    period = int(time.time()) // AGAIN_SECONDS
    for ring in react(state):
        if board.alive(state.id, ring.kind) or desk.queue.waiting(ring):
            continue
        again = Ring(kind=ring.kind, migration=state.id, token=f"{ring.token}-s{period}")
        rung += desk.queue.ring(again)
    if board.delivered(state.id) < state.version:
        rung += desk.queue.ring(deliver(state.id, f"s{period}"))
    return rung
