"""The target's disk during a run: sampled where its server can say, and the run paused before the disk is full.

A full disk costs more than a pause: the server may refuse everybody's writes, or stop when its log has no room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self

from jobs.core.commands import Halt
from jobs.core.errors import Refused
from jobs.desk import Desk
from jobs.flow.beside import Beside
from jobs.flow.watch import StoryWatch
from jobs.ports.board import Board
from jobs.ports.engine import Asked, Room

SAMPLE_SECONDS = 15.0
"""A look costs the server a session and a process; a fast run writes a few GB in between."""
LEAST_FREE = 2 << 30
"""Kept free in any case, for what comes and goes between two looks: sorts that index builds spill, and the log up to
the next checkpoint (PostgreSQL's max_wal_size is 1 GB by default)."""
PACES = 2.0
"""Kept free, too: this many times what went since the last look. Until the next as much may go again, and some more
until the last lane has heard of the pause. A share of what is still to come would say nothing of how soon the disk is
full: of 1 GB it is too little, and of 10 TB it stops a run that fits."""


def least_free(before: int | None, now: int) -> int:
    """Bytes below which a run pauses, by what was free at the last look."""
    return max(LEAST_FREE, int(PACES * max(0, (before or now) - now)))


class _Note(Protocol):
    def __call__(self, text: str, *, warning: bool = False) -> None: ...


class DiskWatch(Beside):
    """While the lanes work. Where a person stated how much is free, and nothing is measured, nothing is said."""

    name = "disk"

    def __init__(
        self, desk: Desk, board: Board, asked: Asked, watch: StoryWatch, room: Callable[[], Room], note: _Note
    ) -> None:
        super().__init__()
        self._desk, self._board, self._watch, self._room, self._note = desk, board, watch, room, note
        self._stated = asked.stated_free_bytes is not None and not asked.target.measure_disk
        self._before: int | None = None
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        return self if self._stated else super().__enter__()

    def pause_after(self, took: float) -> float:
        return SAMPLE_SECONDS

    def step(self) -> bool:
        """One sample; False when no further one is of use."""
        room = self._room()
        if self._over.is_set():
            return False
        if room.free is None:
            self._tell("unknown", f"The target's free disk is not watched during the run: {room.unknown}.")
            return room.ever
        least, self._before = least_free(self._before, room.free), room.free
        if room.free < least:
            return not self._pause(room.free, least)
        left = self._left()
        if room.free - least < left:
            text = f"The target's disk has {_gb(room.free)} free, and rows of about {_gb(left)} are still to come."
            text += f" The run pauses itself before less than {_gb(least)} are left."
            self._tell("short", text, warning=True)
        return True

    def _pause(self, free: int, least: int) -> bool:
        why = (
            f"the target's disk has only {_gb(free)} free, and {_gb(least)} are kept free so that its server goes on"
        )
        why += " working. What is copied stays. Make room on the target's disk, then press Resume."
        try:
            self._desk.obey(self._watch.state.id, Halt(run=self._watch.state.run, why=why))
        except Refused:
            return False  # paused, cancelled or proven meanwhile
        return True

    def _tell(self, what: str, text: str, *, warning: bool = False) -> None:
        if what not in self._told:
            self._note(text, warning=warning)
            self._told.add(what)

    def _left(self) -> int:
        """Bytes of rows that are not yet copied, as the run's progress tells them."""
        now = self._board.progress(self._watch.state.id)
        return max(0, now.bytes_total - now.bytes_done) if now else 0


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
