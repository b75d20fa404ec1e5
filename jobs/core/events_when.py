"""What happened to the time and the weight of a run; imported by way of `jobs.core.events`."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from jobs.core.model import Frozen, Person
from jobs.core.throttle import Limit


class Scheduled(Frozen):
    """Everything needed was given, but the time has not come: the run begins by itself at `until`."""

    type: Literal["scheduled"] = "scheduled"
    until: AwareDatetime
    by: Person | None = Field(default=None, description="who resumed a run outside of its windows")
    resumes: bool = Field(default=False, description="what waits is a run that was begun before")


class Rescheduled(Frozen):
    """Another time was chosen, which is no part of the plan: approvals stay."""

    type: Literal["rescheduled"] = "rescheduled"
    by: Person
    start_at: AwareDatetime | None = None


class WindowClosed(Frozen):
    """The run is still at work as its windows close, and was asked to pause then."""

    type: Literal["window_closed"] = "window_closed"
    run: int
    until: AwareDatetime


class Throttled(Frozen):
    """A person said how much of the servers the run may take."""

    type: Literal["throttled"] = "throttled"
    by: Person
    limit: Limit


class Strained(Frozen):
    """By itself: a server has too much to do, so the run takes less; without `reason` that is over."""

    type: Literal["strained"] = "strained"
    run: int
    reason: str = ""
    limit: Limit = Limit()


When = Scheduled | Rescheduled | WindowClosed | Throttled | Strained
"""What concerns the time and the weight of a run; its effects are in `jobs.core.schedule`."""
