"""Live progress: the last value per task, overwritten, may be lost. Never the truth."""

from __future__ import annotations

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
