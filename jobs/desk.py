"""The desk: takes a command, writes what it caused, rings who must know. The one way into the ledger.

Two desks may act on one migration at once: the ledger refuses the second, which reads again and decides anew,
so that every decision is made on the newest story.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from jobs import metrics
from jobs.away import AWAY
from jobs.core.commands import Command
from jobs.core.errors import Conflict
from jobs.core.events import Event, Recorded
from jobs.core.evolve import evolve, replay
from jobs.core.lifecycle import Ring, decide, react
from jobs.core.state import State, Status
from jobs.metrics import count
from jobs.ports.ledger import Ledger
from jobs.ports.queue import Queue

log = structlog.get_logger(__name__)

_TRIES = 50
"""Conflicts come from at most a few writers at once; 50 in a row would be a defect, not contention."""


@dataclass(frozen=True)
class Desk:
    """Commands in, events and doorbells out."""

    ledger: Ledger
    queue: Queue

    def state(self, migration: str) -> State:
        """What the story tells now; status `new` for an unknown id."""
        return replay(migration, self.ledger.read(migration))

    def story(self, migration: str) -> tuple[State, tuple[Recorded, ...]]:
        story = tuple(self.ledger.read(migration))
        return replay(migration, story), story

    def obey(self, migration: str, command: Command) -> State:
        """Carries out `command`; raises `Refused` when it does not fit. Returns the new state."""
        for _ in range(_TRIES):
            state = self.state(migration)
            events = decide(state, command)
            if not events:
                return state
            try:
                self.ledger.append(migration, state.version, events)
            except Conflict:
                continue
            return self._after(state, events)
        raise Conflict("The migration is changing too fast; please try again.")

    def _after(self, before: State, events: Sequence[Event]) -> State:
        """It is written: whatever is out of reach from here on must not read as "not done". The sweep rings."""
        for event in events:
            count(metrics.EVENTS, type=event.type)
        after = before
        try:
            for recorded in self.ledger.read(before.id, after=before.version):
                after = evolve(after, recorded)
        except AWAY:
            for version, event in enumerate(events, before.version + 1):
                after = evolve(after, Recorded(version=version, at=datetime.now(UTC), event=event))
        try:
            self.ring(after)
        except AWAY as error:
            log.warning("written, but nobody could be rung", migration=before.id, reason=type(error).__name__)
        return after

    def ring(self, state: State) -> None:
        """Rings everybody whom this state concerns; harmless to repeat."""
        for ring in react(state):
            self.queue.ring(ring)
        self.queue.ring(deliver(state.id, f"v{state.version}", first=state.status in URGENT))


URGENT = frozenset({Status.awaiting_approval, Status.failed, Status.blocked})
"""A person is waited for, or must hear of it: told before figures and phases of other migrations."""


def deliver(migration: str, token: str, *, first: bool = False) -> Ring:
    """The courier's doorbell."""
    return Ring(kind="deliver", migration=migration, token=token, first=first)
