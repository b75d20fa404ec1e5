"""The desk: takes a command, writes what it caused, rings who must know. The one way into the ledger.

Two desks may act on one migration at once: the ledger refuses the second, which reads again and decides anew,
so that every decision is made on the newest story.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobs.core.commands import Command
from jobs.core.errors import Conflict
from jobs.core.events import Recorded
from jobs.core.evolve import replay
from jobs.core.lifecycle import Ring, decide, react
from jobs.core.state import State, Status
from jobs.ports.ledger import Ledger
from jobs.ports.queue import Queue

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
            after = self.state(migration)
            self.ring(after)
            return after
        raise Conflict("The migration is changing too fast; please try again.")

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
