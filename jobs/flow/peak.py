"""The target's disk at its fullest: sampled beside a run, kept on the board over its tries, told in the receipt.

All looks are one session at the target. What comes and goes between two is not seen: the peak is at least this.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Self

from jobs.away import AWAY
from jobs.core import disk
from jobs.core.errors import FerrybotError
from jobs.flow.beside import Beside
from jobs.ports.board import Board
from jobs.ports.engine import Asked, Engine

LEAST_SECONDS = 1.0
LOOK_SHARE = 20
"""Longer between two looks where one takes long: a server asks its file system for the size of every file."""


class PeakWatch(Beside):
    """From `with` to its end, with a last look there; harmless when the server cannot be asked."""

    name = "peak"

    def __init__(self, board: Board, engine: Engine, asked: Asked, migration: str) -> None:
        super().__init__()
        self._board, self._migration = board, migration
        self._gauge = engine.gauge(asked, "target")
        self.peak: disk.Disk | None = None

    def __enter__(self) -> Self:
        with suppress(*AWAY):
            self.peak = self._board.fullest(self._migration)
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__()
        if error == (None, None, None):
            self.step()
        self._gauge.close()

    def pause_after(self, took: float) -> float:
        return max(LEAST_SECONDS, LOOK_SHARE * took)

    def step(self) -> bool:
        """One look."""
        try:
            now = self._gauge.disk()
        except FerrybotError:
            return True
        fuller = disk.greater(self.peak, now)
        if fuller != self.peak:
            self.peak = fuller
            self._board.fill(self._migration, fuller)
        return True
