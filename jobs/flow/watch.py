"""How work at a database hears what people want, and says how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from jobs.away import AWAY
from jobs.core import throttle
from jobs.core.errors import FerrybotError, Stopped, Unreadable
from jobs.core.evolve import evolve
from jobs.core.progress import TaskProgress
from jobs.core.state import State, Status
from jobs.flow.pace import Pace
from jobs.ports.board import Board
from jobs.ports.ledger import Ledger

POLL_SECONDS = 1.0
"""How soon a pause or a cancel is heard inside a chunk."""
AWAY_SECONDS = 4.0
"""Longer between two looks while Redis is away."""
REPORT_SECONDS = 0.5
"""Progress is shown about every second; more frequent writes would be wasted on Redis."""


@dataclass
class StoryWatch:
    """`jobs.ports.engine.Watch`: follows the story of one run and stops the work when the story says so.

    `terminate` is set when the platform wants this process gone. `failure` is set by an overseer in the same
    process, to be raised where the work is. Safe to use from two threads.
    """

    ledger: Ledger
    board: Board
    state: State
    lane: str
    terminate: threading.Event
    on_note: Callable[[str, bool], None]
    number: int = 0
    """among the run's lanes, from 0; those beyond a limit rest"""
    failure: FerrybotError | None = None
    _polled: float = 0.0
    _reported: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pace: Pace | None = None

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.terminate.is_set():
            raise Stopped("This process was asked to end; the run continues elsewhere.")
        self._poll()
        if self.state.status not in (Status.migrating, Status.verifying):
            raise Stopped(f"The migration is {self.state.status.value}.")

    def beside(self, lane: str, number: int) -> StoryWatch:
        """A watch of the same story for another lane in this process."""
        return StoryWatch(self.ledger, self.board, self.state, lane, self.terminate, self.on_note, number)

    @property
    def limit(self) -> throttle.Limit:
        """What a person allowed the run, and what it allows itself."""
        return throttle.least(self.state.limit, self.state.strained)

    @property
    def resting(self) -> bool:
        """This lane is more than the run may use now: it claims nothing."""
        lanes = self.limit.lanes
        return lanes is not None and self.number >= lanes

    def look(self) -> None:
        """Brings `state` up to date, at most every second. Raises `Stopped` when another run has taken over."""
        self._poll()

    def wait(self, seconds: float) -> None:
        """Waits in steps that still hear a stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            self.terminate.wait(min(left, POLL_SECONDS))

    def begin(self) -> None:
        """The lane takes up a task."""
        self._paced().begin()

    def ended(self, moved: int) -> None:
        """The lane committed a task that moved so many bytes."""
        self._paced().ended(moved, self.limit.bytes_per_second, self._lanes, self.wait)

    def _paced(self) -> Pace:
        if self._pace is None:
            self._pace = Pace(self.board, self.state.id)
        return self._pace

    @property
    def _lanes(self) -> int:
        planned = self.state.plan.options.parallelism if self.state.plan else 1
        return min(planned, self.limit.lanes or planned)

    def report(self, task: str, title: str, rows: int, bytes: int) -> None:
        say = partial(self._say, task, title, rows, bytes)
        if time.time() - self._reported >= REPORT_SECONDS:
            say()
        self._paced().moved(task, bytes, self.limit.bytes_per_second, self._lanes, partial(self._rest, say))

    def _rest(self, say: Callable[[], None], seconds: float) -> None:
        """A lane that keeps to its rate says first how far it is: the next word comes after the rest."""
        if seconds >= REPORT_SECONDS:
            say()
        self.wait(seconds)

    def _say(self, task: str, title: str, rows: int, bytes: int) -> None:
        now = self._reported = time.time()
        self._write(TaskProgress(task=task, title=title, rows=rows, bytes=bytes, lane=self.lane, at=now))

    def idle(self) -> None:
        """This lane holds no task: what it said before must not be counted again."""
        self._write(TaskProgress(task="", title="", lane=self.lane, at=time.time()))

    def note(self, text: str, *, warning: bool = False) -> None:
        self.on_note(text, warning)

    def _write(self, progress: TaskProgress) -> None:
        self.board.report(self.state.id, progress)

    def _poll(self) -> None:
        with self._lock:
            if time.monotonic() - self._polled < POLL_SECONDS:
                return
            self._polled = time.monotonic()
            run = self.state.run
            try:
                for recorded in self.ledger.read(self.state.id, after=self.state.version):
                    self.state = evolve(self.state, recorded)
            except Unreadable as error:
                # An upgrade is under way: a worker of the newer version goes on.
                raise Stopped(error.what) from None
            except AWAY:
                # Redis is away: the copy goes on, and hears what was wanted when Redis is back. A try may take
                # seconds, so the next one comes later than usual.
                self._polled = time.monotonic() + AWAY_SECONDS
                return
            if self.state.run != run:
                raise Stopped("Another run has taken over.")
