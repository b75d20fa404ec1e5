"""A thread beside a run that looks at something again and again, also while Redis or the ledger is away."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import ClassVar, Self

import structlog

from jobs.away import AWAY
from jobs.core.errors import Stopped

log = structlog.get_logger(__name__)

END_SECONDS = 30
"""The end of the block waits so long for a look that is under way."""


@dataclass
class Beside:
    """Looks from `with` to its end, and at least once; may be entered again."""

    name: ClassVar[str]
    _over: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        self._over.clear()
        self._thread = threading.Thread(target=self._loop, name=self.name, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout=END_SECONDS)

    def step(self) -> bool:
        """One look; False when no further one is of use."""
        raise NotImplementedError

    def pause_after(self, took: float) -> float:
        """Seconds to wait after a look that took so many."""
        raise NotImplementedError

    def _loop(self) -> None:
        while True:
            began = time.monotonic()
            try:
                if not self.step():
                    return
            except (*AWAY, Stopped):
                # The next look tells it, unless the run is over by then.
                pass
            except Exception:
                # A defect of one look is none of the run, which this only accompanies.
                log.exception("a look beside the run broke", watcher=self.name)
            if self._over.wait(self.pause_after(time.monotonic() - began)):
                return
