"""A heartbeat for as long as a job works, so that the sweep leaves it alone."""

from __future__ import annotations

import threading

from jobs.ports.board import BEAT_SECONDS, Board

EVERY_SECONDS = BEAT_SECONDS / 6
"""Five beats may be lost (a Redis restart) before the sweep believes that the job is dead."""


class Heart:
    """Beats in a thread from `with` to its end, then says that the job rests."""

    def __init__(self, board: Board, migration: str, kind: str) -> None:
        self._board, self._migration, self._kind = board, migration, kind
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="heart", daemon=True)

    def __enter__(self) -> Heart:
        self._board.beat(self._migration, self._kind)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)
        self._board.rest(self._migration, self._kind)

    def _loop(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self._board.beat(self._migration, self._kind)
