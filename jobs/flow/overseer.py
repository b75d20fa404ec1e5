"""The overseer: a thread beside the conductor's lane that looks at the task table and tells how the run goes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from jobs.away import AWAY
from jobs.core import events as e
from jobs.core.commands import Tell
from jobs.core.errors import FerrybotError, Permanent, Refused
from jobs.core.progress import COPY, RunProgress, Work, seconds_left
from jobs.core.samples import Samples
from jobs.desk import Desk, deliver
from jobs.flow.beside import Beside
from jobs.flow.watch import StoryWatch
from jobs.ports.board import Board
from jobs.ports.engine import Tally

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.25
"""As often as Slack lets one card be edited (50 times a minute for a workspace). With what a lane waits before it
says more (`watch.REPORT_SECONDS`) figures on a card are less than two seconds old."""
LOOK_SHARE = 4
"""Longer between two looks where one takes long: at 75,000 tasks some 0.1 to 0.4 s of the target's server."""
RATE_WINDOW = 10.0
"""Seconds over which a rate is taken: long enough not to jump, short enough to be about now."""
NOTED_SHARE = 0.05
"""A table gets its own line in the thread when it holds this share of the bytes…"""
NOTED_BYTES = 1 << 30
"""…or this many bytes; all others stand in the full log."""


@dataclass
class Overseer(Beside):
    """Publishes progress, tells phases and large tables; hands failures to the watch."""

    name = "overseer"
    desk: Desk
    board: Board
    watch: StoryWatch
    look: Callable[[], Tally]
    parallelism: int
    _seen: deque[tuple[float, int, int]] = field(default_factory=lambda: deque(maxlen=64))
    _noted: set[str] = field(default_factory=set)
    _told: set[str] | None = None
    _samples: Samples | None = None
    _phase: str = ""
    _began: float = field(default_factory=time.monotonic)

    def pause_after(self, took: float) -> float:
        return max(TICK_SECONDS, LOOK_SHARE * took)

    def step(self) -> bool:
        try:
            self.tick()
        except AWAY:
            # The next tick tells the newest; a lost one is no loss.
            return True
        except FerrybotError as error:
            if not self._over.is_set():
                # After the end nobody is to be told: the connections are being closed under us.
                self.watch.failure = error
            return False
        except Exception as error:
            # Unseen, a failed task of another lane would let the run wait for ever.
            log.exception("overseer stopped", migration=self.watch.state.id)
            self.watch.failure = Permanent(
                f"The run could not be watched any more ({type(error).__name__}).",
                remedy="Look at the worker's log, then press Retry; what is done is not done again.",
            )
            return False
        return True

    def tick(self) -> None:
        """One look at the task table. Raises the failure that a lane left there."""
        migration = self.watch.state.id
        tally = self.look()
        progress = self.measure(tally)
        self.board.publish(migration, progress)
        self._sample(progress)
        if tally.failed and self.watch.failure is None:
            raise Permanent(
                tally.failed,
                meaning="The run has stopped. Finished tables stay in the target; the source was only read.",
                remedy="Mend the cause and press Retry: what is done is not done again.",
                object=tally.failed_object,
            )
        self.tell(tally)
        self.desk.queue.ring(deliver(migration, f"p{int(progress.at)}"))

    def _sample(self, progress: RunProgress) -> None:
        """Kept whenever a point is complete: at most 240 writes before the points become twice as long."""
        migration = self.watch.state.id
        before = self._samples or self.board.samples(migration) or Samples()
        self._samples = before.add(progress)
        if len(self._samples.points) != len(before.points):
            self.board.sample(migration, self._samples)

    def tell(self, tally: Tally) -> None:
        """New phases and large tables become events."""
        run, migration = self.watch.state.run, self.watch.state.id
        try:
            if tally.phase and tally.phase != self._phase:
                event = e.PhaseReached(run=run, phase=tally.phase, title=tally.phase_title)
                self.desk.obey(migration, Tell(event=event))
                self._phase = tally.phase
            for name, rows, size, seconds in tally.finished_tables:
                large = size >= NOTED_BYTES or size >= NOTED_SHARE * max(1, tally.bytes_total)
                if large and name not in self._told_before() and name not in self._noted:
                    text = f"{name}: {rows:,} rows, {size / 1e6:,.1f} MB copied in {seconds:,.1f} s"
                    self.desk.obey(migration, Tell(event=e.Noted(run=run, text=text)))
                    self._noted.add(name)
        except Refused:
            # Paused, cancelled or overtaken meanwhile: the watch will stop the work.
            return

    def _told_before(self) -> set[str]:
        """Tables that an earlier conductor of this migration told; read from the story once."""
        if self._told is None:
            _, story = self.desk.story(self.watch.state.id)
            texts = [r.event.text for r in story if isinstance(r.event, e.Noted)]
            self._told = {text.rpartition(": ")[0] for text in texts}
        return self._told

    def measure(self, tally: Tally) -> RunProgress:
        """The run's numbers, with the rows and bytes that lanes hold uncommitted right now."""
        before = self.board.progress(self.watch.state.id)
        flying = [p for p in (before.now if before else ()) if p.task]
        rows = tally.rows_done + sum(p.rows for p in flying)
        size = tally.bytes_done + sum(p.bytes for p in flying)
        now = time.monotonic()
        self._seen.append((now, rows, size))
        while now - self._seen[0][0] > RATE_WINDOW and len(self._seen) > 2:
            self._seen.popleft()
        span = now - self._seen[0][0]
        rows_rate = max(0.0, (rows - self._seen[0][1]) / span) if span > 0 else 0.0
        bytes_rate = max(0.0, (size - self._seen[0][2]) / span) if span > 0 else 0.0
        low, high = self._left(tally, size - tally.bytes_done)
        return RunProgress(
            phase=tally.phase,
            tasks_done=tally.tasks_done,
            tasks_total=tally.tasks_total,
            tables_done=tally.tables_done,
            tables_total=tally.tables_total,
            rows_done=rows,
            bytes_done=size,
            bytes_total=tally.bytes_total,
            rows_per_second=rows_rate,
            bytes_per_second=bytes_rate,
            seconds_left_low=low,
            seconds_left_high=high,
            lanes=len(flying),
            at=time.time(),
        )

    def _left(self, tally: Tally, flying: int) -> tuple[int | None, int | None]:
        """Seconds left as a range; bytes that lanes hold uncommitted count as copied at this run's pace."""
        works = [_in_flight(work, flying, time.monotonic() - self._began, self.parallelism) for work in tally.work]
        return seconds_left(works, min(self.parallelism, max(1, tally.lanes))) or (None, None)


def _in_flight(work: Work, flying: int, elapsed: float, lanes: int) -> Work:
    """While rows are copied, all that the lanes did so far counts as copying: what else they did was little."""
    if work.kind != COPY or not work.bytes_left:
        return work
    flown = min(flying, work.bytes_left)
    seconds = max(work.seconds, elapsed * lanes)
    return replace(work, bytes_done=work.bytes_done + flown, bytes_left=work.bytes_left - flown, seconds=seconds)
