"""Beside a run: looks at how busy both servers are, and lets the run take less of them when a bound is passed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from jobs.away import AWAY
from jobs.core import care
from jobs.core import events as e
from jobs.core.errors import FerrybotError, Stopped
from jobs.core.model import LoadBounds, Service
from jobs.core.state import State
from jobs.core.throttle import Limit
from jobs.ports.engine import Asked, Engine, Gauge, Load

log = structlog.get_logger(__name__)

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
class Caretaker:
    """Samples in a thread from `with` to its end; harmless when a server cannot be asked, which is said once."""

    watched: Sequence[Side]
    run: int
    parallelism: int
    tell: Tell
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _said: set[str] = field(default_factory=set)
    _last: tuple[Limit, str] = (Limit(), "")

    def __enter__(self) -> Caretaker:
        if self.watched:
            self._thread = threading.Thread(target=self._loop, name="caretaker", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        for side in self.watched:
            side.gauge.close()

    def _loop(self) -> None:
        # An earlier conductor of this run may have died while it was slowed down.
        self._last = (Limit(), "unknown")
        state = care.Care(self.parallelism)
        while True:
            try:
                self.look(state)
            except AWAY:
                # The story hears of it at the next look.
                pass
            except Stopped:
                return
            except Exception:
                log.exception("the load could not be looked at", run=self.run)
                return
            if self._over.wait(care.SAMPLE_SECONDS):
                return

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
