"""Misfortune on demand: what Slack, the network and impatient fingers do to an app on a bad day."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bot.sandbox.slack.records import Json

if TYPE_CHECKING:
    from bot.sandbox.slack.clock import Clock

ALL = "*"
How = Literal["500", "drop", "timeout"]
Kind = Literal["ratelimited", "500", "timeout", "refuse", "drop"]


@dataclass(eq=False)
class Fault:
    """One misfortune waiting for its call; `times=None` stays until cleared."""

    method: str
    kind: Kind
    times: int | None = 1
    applied: bool = False
    error: str = ""
    retry_after: int = 1
    only: Callable[[Json], bool] | None = None

    @property
    def name(self) -> str:
        """How the fault is called in the record of calls and on the page."""
        what = self.error if self.kind == "refuse" else self.kind
        return f"applied, then {what}" if self.applied else what


@dataclass(eq=False)
class _Hook:
    method: str
    run: Callable[[Any], None]
    times: int | None


class Faults:
    """The switches. All may be used at any time, from any thread; `clear()` ends every misfortune."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._hooks: list[_Hook] = []
        self._closers: list[Callable[[str], None]] = []
        self.on_change: Callable[[], None] = lambda: None
        self.outage = False
        self.duplicate_gestures = False
        self.swallow_gestures = False

    @property
    def clock_offset(self) -> float:
        """Seconds by which the sandbox's clock is ahead: 4 makes every trigger in flight expire."""
        return self._clock.offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self._clock.offset = seconds

    def ratelimit(
        self,
        method: str = ALL,
        *,
        times: int | None = 1,
        retry_after: int = 1,
        only: Callable[[Json], bool] | None = None,
    ) -> None:
        """The next calls (that `only` accepts) answer 429 with Retry-After; nothing is applied."""
        self._add(Fault(method, "ratelimited", times, retry_after=retry_after, only=only))

    def server_error(self, method: str = ALL, *, times: int | None = 1) -> None:
        """The next calls answer 500; nothing is applied."""
        self._add(Fault(method, "500", times))

    def time_out(self, method: str = ALL, *, times: int | None = 1) -> None:
        """The next calls get no answer at all; nothing is applied."""
        self._add(Fault(method, "timeout", times))

    def drop(self, method: str = ALL, *, times: int | None = 1) -> None:
        """The next calls find their connection closed; nothing is applied."""
        self._add(Fault(method, "drop", times))

    def refuse(self, method: str, error: str, *, times: int | None = None) -> None:
        """The calls answer this error (`missing_scope`, ...) until cleared, or so many times."""
        self._add(Fault(method, "refuse", times, error=error))

    def apply_then_fail(
        self,
        method: str = "chat.postMessage",
        *,
        how: How = "500",
        times: int | None = 1,
        only: Callable[[Json], bool] | None = None,
    ) -> None:
        """The next calls do what they should, and then answer 500, lose the connection or never answer.

        `only` narrows the fault to calls whose arguments it accepts.
        """
        self._add(Fault(method, how, times, applied=True, only=only))

    def before_answer(self, method: str, run: Callable[[Any], None], *, times: int | None = 1) -> None:
        """Call `run(api_call)` when a call was applied and not yet answered; it may block or kill."""
        with self._lock:
            self._hooks.append(_Hook(method, run, times))

    def disconnect_sockets(self, reason: str = "refresh_requested") -> None:
        """Close every Socket Mode connection now. `reason="drop"` closes without a word."""
        for close in list(self._closers):
            close(reason)

    def clear_faults(self) -> None:
        """No misfortune waits any more; time stays as it is."""
        with self._lock:
            self._faults.clear()
            self._hooks.clear()

    def clear(self) -> None:
        """Good weather again."""
        self.clear_faults()
        self.outage = self.duplicate_gestures = self.swallow_gestures = False
        self._clock.offset = 0.0
        self.on_change()

    def waiting(self) -> list[Fault]:
        """The misfortunes that have not happened yet."""
        with self._lock:
            return list(self._faults)

    def take(self, method: str, args: Json, *, applied: bool) -> Fault | None:
        """The misfortune for this call, if there is one; it counts as happened."""
        with self._lock:
            for fault in self._faults:
                fits = fault.method in (method, ALL) and fault.applied is applied
                if fits and (fault.only is None or fault.only(args)):
                    self._spend(fault, self._faults)
                    return fault
        return None

    def hooks(self, method: str) -> list[Callable[[Any], None]]:
        """The hooks for this call; each counts as run."""
        with self._lock:
            fitting = [hook for hook in self._hooks if hook.method in (method, ALL)]
            for hook in fitting:
                self._spend(hook, self._hooks)
        return [hook.run for hook in fitting]

    def when_disconnecting(self, close: Callable[[str], None]) -> None:
        """Register what closes the sockets."""
        self._closers.append(close)

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)
        self.on_change()

    @staticmethod
    def _spend(one: Any, among: list[Any]) -> None:
        if one.times is None:
            return
        one.times -= 1
        if one.times <= 0:
            among.remove(one)
