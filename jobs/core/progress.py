"""Live progress: the last value per task, overwritten, may be lost. Never the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from jobs.core.model import Frozen


class TaskProgress(Frozen):
    """What one lane is doing right now."""

    task: str
    title: str
    rows: int = Field(default=0, description="rows so far in this task")
    bytes: int = Field(default=0, description="bytes so far in this task")
    lane: str = ""
    at: float = Field(default=0.0, description="seconds since the epoch, the worker's clock")


class RunProgress(Frozen):
    """The whole run at one instant, as the task table and the lanes told it."""

    phase: str = ""
    tasks_done: int = 0
    tasks_total: int = 0
    tables_done: int = 0
    tables_total: int = 0
    rows_done: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    rows_per_second: float = 0.0
    bytes_per_second: float = 0.0
    seconds_left_low: int | None = None
    seconds_left_high: int | None = None
    lanes: int = 0
    now: tuple[TaskProgress, ...] = ()
    at: float = 0.0

    @property
    def fraction(self) -> float:
        """0..1 by weight of work; 0 while nothing is known."""
        return min(1.0, self.tasks_done / self.tasks_total) if self.tasks_total else 0.0


@dataclass(frozen=True)
class Work:
    """The tasks of one kind: bytes done and left, seconds that lanes spent on those done, tasks done and left."""

    kind: str
    bytes_done: int = 0
    bytes_left: int = 0
    seconds: float = 0.0
    tasks_done: int = 0
    tasks_left: int = 0


USUAL_SECONDS_PER_BYTE = {"index": 1.4, "verify": 0.7, "validate": 0.3, "analyze": 0.1, "refresh": 1.0}
"""Of a kind that was not yet seen in this run, in units of copying a byte. Measured on narrow and wide tables of
1 GB; an index counts its own bytes, all others the table's."""
USUAL_TASK_SECONDS = 0.05
"""A task without bytes: a transaction of some statements."""
COPY = "copy"
LEAST_SECONDS = 2.0
"""Of finished copying, before anything can be said."""


def seconds_left(works: Sequence[Work], lanes: int) -> tuple[int, int] | None:
    """A low and a high estimate of what is left, in seconds; None while nothing is known.

    Kinds that ran before in this run go at their own pace, others at what is usual beside the copy's pace, which may
    as well be half or double. The lanes share the work, but hardly ever evenly to the end."""
    pace = {work.kind: work.seconds / work.bytes_done for work in works if work.bytes_done and work.seconds}
    copying = next((work for work in works if work.kind == COPY), None)
    if copying is not None and copying.bytes_left and copying.seconds < LEAST_SECONDS:
        return None
    usual = pace.get(COPY)
    low = high = 0.0
    for work in works:
        least = work.tasks_left * USUAL_TASK_SECONDS
        if work.kind in pace:
            seconds = max(least, work.bytes_left * pace[work.kind])
            low, high = low + 0.85 * seconds, high + 1.25 * seconds
        elif usual is not None:
            seconds = max(least, work.bytes_left * usual * USUAL_SECONDS_PER_BYTE.get(work.kind, 1.0))
            low, high = low + 0.5 * seconds, high + 2.0 * seconds
        else:
            low, high = low + 0.5 * least, high + 2.0 * least
    return int(low / max(1, lanes)), int(high / max(1, lanes - 0.5)) + 1
