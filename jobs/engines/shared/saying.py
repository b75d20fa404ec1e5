"""How often a stream says how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable

REPORT_BYTES = 1024 * 1024
"""Reported at once, so that a rate is kept evenly; on a fast line this is a few hundred times a second."""
SILENT_SECONDS = 0.1
"""Less than that is reported after so long, so that figures of a slow line are as new as those of a fast one."""


class Saying:
    """Whether bytes that moved since the last report are worth another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said = 0
        self._at = clock()

    def due(self, moved: int) -> bool:
        """Says so once for each `moved`, the bytes so far; the caller reports them then."""
        if moved == self._said:
            return False
        now = self._clock()
        if moved - self._said < REPORT_BYTES and now - self._at < SILENT_SECONDS:
            return False
        self._said, self._at = moved, now
        return True
