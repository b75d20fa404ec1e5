"""Keeps what one lane moves within the run's rate of bytes: a lane waits between two pieces of its stream.

All lanes of a run, on whatever machine, pay into one schedule (`Board.pay`), so that the rate holds for all of them
together however many there are. While Redis is away each lane keeps an even share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs.ports.board import Board

PIECE_BYTES = 256 * 1024
"""Paid for at once: streams of single rows report each of them."""
MOST_SECONDS = 10.0
"""Of one wait, in which both servers hear nothing: a third of the shortest patience that servers are known with
(net_read_timeout is 30 s where it was not set)."""


@dataclass
class Pace:
    """One lane's bytes. `wait` may raise `Stopped`."""

    board: Board
    migration: str
    _task: str = ""
    _seen: int = 0
    _owed: int = 0
    _task_bytes: int = 0

    def begin(self) -> None:
        """The lane takes up another task."""
        self._task, self._seen, self._task_bytes = "", 0, 0

    def moved(self, task: str, total: int, rate: int | None, lanes: int, wait: Callable[[float], None]) -> None:
        """`total` bytes so far of what `task` names; a smaller total is that of another table."""
        if task != self._task or total < self._seen:
            self._task, self._seen = task, 0
        more, self._seen = total - self._seen, total
        self._task_bytes += more
        self._pay(more, rate, lanes, wait)

    def ended(self, total: int, rate: int | None, lanes: int, wait: Callable[[float], None]) -> None:
        """A task that moved `total` bytes is committed: what its streams did not report is paid for, too."""
        more = max(0, total - self._task_bytes)
        self.begin()
        self._pay(more, rate, lanes, wait)

    def _pay(self, more: int, rate: int | None, lanes: int, wait: Callable[[float], None]) -> None:
        if rate is None:
            self._owed = 0
            return
        self._owed += more
        if self._owed < PIECE_BYTES:
            return
        owed, self._owed = self._owed, 0
        seconds = self.board.pay(self.migration, owed, rate, MOST_SECONDS)
        if seconds is None:
            seconds = min(MOST_SECONDS, owed * max(1, lanes) / rate)
        if seconds > 0:
            wait(seconds)
