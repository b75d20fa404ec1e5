"""How a run makes room for others by itself: heavy load takes lanes away step by step, calm gives them back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.core.model import LoadBounds
from jobs.core.throttle import Limit

SAMPLE_SECONDS = 10.0
"""Between two looks; a server's load over less than that is noise."""
CALM_SAMPLES = 6
"""So many calm looks in a row (a minute) before one step is given back, so that a run does not swing."""
CALM_SHARE = 0.8
"""Of a bound: between this and the bound nothing changes."""
GENTLE_BYTES = 5_000_000
"""A second, of the last step: one lane at the pace of a slow disk."""


@dataclass(frozen=True)
class Seen:
    """One figure of one server beside its bound."""

    what: str
    value: float
    bound: float
    unit: str = ""

    @property
    def heavy(self) -> bool:
        return self.value > self.bound

    @property
    def calm(self) -> bool:
        return self.value <= CALM_SHARE * self.bound

    def __str__(self) -> str:
        return f"{self.what}: {self.value:,.0f}{self.unit}, the bound is {self.bound:,.0f}{self.unit}"


def figures(label: str, bounds: LoadBounds, sessions: int, lag_seconds: float) -> list[Seen]:
    """What is bounded of this server."""
    seen = []
    if bounds.active_sessions is not None:
        seen.append(Seen(f"active sessions on {label}", sessions, bounds.active_sessions))
    if bounds.replica_lag is not None:
        seen.append(Seen(f"replica lag of {label}", lag_seconds, bounds.replica_lag, " s"))
    return seen


def limits(parallelism: int) -> list[Limit]:
    """The steps, from nothing taken away to the least that still moves."""
    steps, lanes = [Limit()], parallelism
    while lanes > 1:
        lanes = lanes // 2
        steps.append(Limit(lanes=lanes))
    return [*steps, Limit(lanes=1, bytes_per_second=GENTLE_BYTES)]


@dataclass
class Care:
    """Remembers the step and the calm; `look` says what holds now."""

    parallelism: int
    step: int = 0
    calm: int = 0
    reason: str = ""

    def look(self, seen: Sequence[Seen]) -> tuple[Limit, str]:
        """The limit and why, after one more look; an empty reason: nothing is taken away."""
        steps = limits(self.parallelism)
        heavy = [str(one) for one in seen if one.heavy]
        if heavy:
            self.step, self.calm, self.reason = min(self.step + 1, len(steps) - 1), 0, "; ".join(heavy)
        elif all(one.calm for one in seen):
            self.calm += 1
            if self.calm >= CALM_SAMPLES:
                self.step, self.calm = max(0, self.step - 1), 0
        else:
            self.calm = 0
        if not self.step:
            self.reason = ""
        return steps[self.step], self.reason
