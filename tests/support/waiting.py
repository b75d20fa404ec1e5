"""For what wakes nobody: asked again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

SECONDS = 60.0
"""A process imports everything first; two cores may be shared with other tests."""
Seen = TypeVar("Seen")


def until(look: Callable[[], Seen | None], what: str, seconds: float = SECONDS) -> Seen:
    """What `look` sees at last: another process does not tell us when it is so far."""
    deadline = time.monotonic() + seconds
    while (seen := look()) is None:
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return seen
