"""Processes that are to die, forked from one that has imported everything: an interpreter of its own for each would
cost a second of computing, eighty times in a run of the whole suite."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

MODULE = "tests.servers.doomed"


@dataclass
class Child:
    """One process; the cradle, which is its parent, tells how it ended."""

    pid: int
    told: int
    _status: int | None = None

    def poll(self, seconds: float | None = 0.0) -> int | None:
        """Its exit status as `subprocess` has it, -9 when it was killed; None while it lives."""
        if self._status is None and select.select([self.told], [], [], seconds)[0]:
            self._status = int(_line(self.told))
        return self._status

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        status = self.poll(None)
        assert status is not None
        return status

    def kill(self) -> None:
        """SIGKILL; harmless when it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def child(order: Mapping[str, object]) -> Child:
    """Begins what `tests.servers.doomed` does for this order; the one before it is ended, should it still live."""
    return _cradle().child(order)


@functools.cache
def _cradle() -> _Cradle:
    cradle = _Cradle()
    atexit.register(cradle.close)
    return cradle


class _Cradle:
    """The process that has imported everything."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", MODULE]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin and self._process.stdout
        self._orders, self._told = self._process.stdin, self._process.stdout
        self._last: Child | None = None

    def child(self, order: Mapping[str, object]) -> Child:
        self._end_last()
        self._orders.write(json.dumps(order).encode() + b"\n")
        self._orders.flush()
        self._last = Child(int(_line(self._told.fileno())), self._told.fileno())
        return self._last

    def close(self) -> None:
        self._end_last()
        self._orders.close()
        self._process.wait()
        self._told.close()

    def _end_last(self) -> None:
        if self._last is not None:
            self._last.kill()
            self._last.wait()


def _line(told: int) -> bytes:
    """One line from the pipe, and not a byte of the next: `select` sees only what is still in it."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(told, 1)
        assert byte, "the cradle has ended; its output says why"
        line += byte
    return line
