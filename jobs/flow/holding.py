"""The hold on the source, as the story tells it: taken, released when a person asks, noticed when it is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from jobs.core import events as e
from jobs.core.errors import FerrybotError, Stopped
from jobs.flow.watch import StoryWatch
from jobs.ports.engine import Conductor

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""How soon *Release* is heard, in whatever step the run is."""


class Holding:
    """From `take` to the end of the block, beside the run's own work: preparing and judging take long, too."""

    def __init__(self, conductor: Conductor, watch: StoryWatch, tell: Callable[[e.Report], object]) -> None:
        self._conductor, self._watch, self._tell = conductor, watch, tell
        self._over = threading.Event()
        self._held = False
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Holding:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.end("the run stopped" if kind is not None else "the run is over")

    def take(self) -> None:
        """Holds the source where the plan wants it and nobody has asked for its release. Raises `Transient`."""
        state = self._watch.state
        if state.held:
            self._tell(e.HoldEnded(run=state.run, why="the worker that held it is gone"))
        if not (state.plan and state.plan.options.hold_source) or state.release_asked:
            return
        self._conductor.hold(self._watch)
        if not self._conductor.holds():
            return
        self._held = True
        self._tell(e.HoldTaken(run=state.run))
        self._thread = threading.Thread(target=self._loop, name="holding", daemon=True)
        self._thread.start()

    def end(self, why: str) -> None:
        """Lets writers go on, if they wait, and says so; harmless when repeated."""
        self._over.set()
        with self._turn:
            if not self._held:
                return
            self._held = False
            self._conductor.release()
            # The connection is closed in any case: a story that cannot be told now must not hide another error.
            with suppress(FerrybotError):
                self._tell(e.HoldEnded(run=self._watch.state.run, why=why))

    def _loop(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                self._look()
            except Stopped:
                # What the story says ends the run where its work is.
                continue
            except Exception:
                log.exception("the hold could not be looked at", migration=self._watch.state.id)

    def _look(self) -> None:
        with suppress(Stopped):
            self._watch.look()
        state = self._watch.state
        if state.release_asked:
            self.end("somebody asked for it")
            return
        with self._turn:
            if not self._held or self._conductor.holds():
                return
            self._held = False
        self._over.set()
        text = (
            "The connection that held the source was lost: the source takes writes again. The run goes on;"
            " it copies what its snapshot shows."
        )
        self._tell(e.Noted(run=state.run, level="warning", text=text))
        self._tell(e.HoldEnded(run=state.run, why="the connection was lost"))
