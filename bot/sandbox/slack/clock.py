"""Time as the sandbox sees it."""

from __future__ import annotations

import time


class Clock:
    """The machine's clocks plus an offset, so that minutes can pass without waiting for them."""

    def __init__(self) -> None:
        self.offset = 0.0

    def time(self) -> float:
        """Unix seconds."""
        return time.time() + self.offset

    def monotonic(self) -> float:
        """Seconds that never go back unless the offset does."""
        return time.monotonic() + self.offset

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass: triggers expire, response URLs age, rate limits refill."""
        self.offset += seconds
