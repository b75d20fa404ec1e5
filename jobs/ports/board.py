"""The board: live values that are overwritten and may be lost. Losing it never harms a run."""

from __future__ import annotations

from typing import Protocol

from jobs.core.disk import Disk
from jobs.core.progress import RunProgress, TaskProgress
from jobs.core.samples import Samples


class Board(Protocol):
    def beat(self, migration: str, kind: str) -> None:
        """Says that a job of this kind is alive; forgotten after `BEAT_SECONDS`."""

    def rest(self, migration: str, kind: str) -> None:
        """Says that the job ended by itself, so that nobody waits for its heartbeat to fade."""

    def alive(self, migration: str, kind: str) -> bool:
        """A heartbeat was heard within `BEAT_SECONDS`."""

    def report(self, migration: str, progress: TaskProgress) -> None:
        """The last value of one lane's task."""

    def publish(self, migration: str, progress: RunProgress) -> None:
        """The last value of the whole run."""

    def progress(self, migration: str) -> RunProgress | None:
        """The last value, with what the lanes say right now in `now`."""

    def sample(self, migration: str, samples: Samples) -> None:
        """How the run went so far, for a picture; overwrites."""

    def samples(self, migration: str) -> Samples | None:
        """What `sample` said last; None when nothing was said, or long ago."""

    def fill(self, migration: str, peak: Disk) -> None:
        """What the target's disk held at its fullest so far; overwrites."""

    def fullest(self, migration: str) -> Disk | None:
        """What `fill` said last; None when nothing was said, or long ago."""

    def delivered(self, migration: str) -> int:
        """The last version that the courier has told in full; 0 before the first."""

    def deliver(self, migration: str, version: int) -> None:
        """The courier has told everything up to `version`."""

    def pay(self, migration: str, size: int, rate: int, most: float) -> float | None:
        """Seconds to wait after `size` bytes, so that all who pay keep `rate` bytes a second together.

        At most `most`; None when nobody can tell (Redis is away)."""

    def clear(self, migration: str) -> None:
        """Forgets the migration's live values."""


BEAT_SECONDS = 30
"""A run whose heartbeat is older is resumed by the sweep (shared design figure)."""
