"""Beside a run: looks at how busy both servers are, and lets the run take less of them when a bound is passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from jobs.core import care
from jobs.core import events as e
from jobs.core.errors import FerrybotError
from jobs.core.model import LoadBounds, Service
from jobs.core.state import State
from jobs.core.throttle import Limit
from jobs.flow.beside import Beside
from jobs.ports.engine import Asked, Engine, Gauge, Load

Tell = Callable[[e.Report], object]


@dataclass(frozen=True)
class Side:
    """One server with bounds."""

    label: str
    bounds: LoadBounds
    gauge: Gauge


def sides(engine: Engine, asked: Asked, state: State) -> list[Side]:
    """The servers of this migration whose load is bounded."""
    gauges = (engine.gauge(asked, "source"), engine.gauge(asked, "target"))
    return [
        Side(service.name, service.bounds, gauge)
        for service, gauge in zip((state.source, state.target), gauges, strict=True)
        if isinstance(service, Service) and service.bounds != LoadBounds()
    ]


def size_of(engine: Engine, asked: Asked) -> int | None:
    """Bytes of the target database; None when it does not say."""
    gauge = engine.gauge(asked, "target")
    try:
        return gauge.size()
    except FerrybotError:
        return None
    finally:
        gauge.close()


@dataclass
class Caretaker(Beside):
    """Samples from `with` to its end; harmless when a server cannot be asked, which is said once."""

    name = "caretaker"
    watched: Sequence[Side]
    run: int
    parallelism: int
    tell: Tell
    _said: set[str] = field(default_factory=set)
    _last: tuple[Limit, str] = (Limit(), "")
    _state: care.Care = field(init=False)

    def __post_init__(self) -> None:
        self._state = care.Care(self.parallelism)

    def __enter__(self) -> Self:
        # An earlier conductor of this run may have died while it was slowed down.
        self._last = (Limit(), "unknown")
        return super().__enter__() if self.watched else self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        for side in self.watched:
            side.gauge.close()

    def step(self) -> bool:
        self.look(self._state)
        return True

    def pause_after(self, took: float) -> float:
        return care.SAMPLE_SECONDS

    def look(self, state: care.Care) -> None:
        """One sample of every side; what changed is told."""
        seen: list[care.Seen] = []
        for side in self.watched:
            try:
                load = side.gauge.read()
            except FerrybotError as error:
                self._say_once(f"The load of {side.label} cannot be read: {error.what}")
                continue
            self._hidden(side, load)
            seen += care.figures(side.label, side.bounds, load.sessions, load.lag_seconds)
        if not seen:
            return
        now = state.look(seen)
        # The same step for another figure is no news: a reason changes with every sample.
        if now[0] != self._last[0] or bool(now[1]) is not bool(self._last[1]):
            self.tell(e.Strained(run=self.run, reason=now[1], limit=now[0]))
            self._last = now

    def _hidden(self, side: Side, load: Load) -> None:
        if load.hidden:
            self._say_once(
                f"Not all of the load of {side.label} can be seen: the user lacks {load.hidden}. What is seen counts."
            )

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.tell(e.Noted(run=self.run, level="warning", text=text))
