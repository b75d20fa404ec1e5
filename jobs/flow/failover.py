"""Another server in the place of source or target, during a run: the run pauses, and a person looks.

Going on by itself would be wrong on both sides. What answers at the target's address after a failover may lack what
was committed a moment ago, or take no writes; a source that changed its place has lost the snapshot. Nothing that was
proven is in doubt (the task table lies in the target and was lost or kept together with the rows), so that Resume is
exact; but whether the new place is the right one only a person knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jobs.core.commands import Halt
from jobs.core.errors import FerrybotError, Refused
from jobs.core.state import State
from jobs.desk import Desk
from jobs.flow.beside import Beside
from jobs.ports.engine import Asked, Engine, Side, Standing

SAMPLE_SECONDS = 15.0
"""A look is one short session at each side."""
RESUME = "Look where both databases are now; when they are where they should be, press Resume: what is done is kept."


@dataclass
class FailoverWatch(Beside):
    """From `with` to its end; what was seen first stays the measure, also for a later try of the same run."""

    name = "failover"
    desk: Desk
    engine: Engine
    asked: Asked
    state: State
    _first: dict[Side, Standing] = field(default_factory=dict)
    _halted: bool = False

    @property
    def began(self) -> bool:
        """Something was seen to which a later look can be compared."""
        return bool(self._first)

    def explains(self) -> bool:
        """After an error that would end the run: whether a failover is behind it, and the run pauses instead."""
        return self._halted or (self.began and self.pause())

    def step(self) -> bool:
        return not self.pause()

    def pause_after(self, took: float) -> float:
        return SAMPLE_SECONDS

    def pause(self) -> bool:
        """Looks at both sides; True when the run was asked to pause, because one is not what it was."""
        why = self.look()
        if not why:
            return False
        try:
            self.desk.obey(self.state.id, Halt(run=self.state.run, why=why))
        except Refused:
            return False  # paused, cancelled or proven meanwhile
        self._halted = True
        return True

    def look(self) -> str:
        """Why the run must not go on by itself; empty when both are what they were, or cannot be asked now."""
        sides: tuple[Side, ...] = ("source", "target")
        return next((why for side in sides if (why := self._look(side))), "")

    def _look(self, side: Side) -> str:
        gauge = self.engine.gauge(self.asked, side)
        try:
            now = gauge.standing()
        except FerrybotError:
            # Away is no failover: the work itself meets that, and tries again.
            return ""
        finally:
            gauge.close()
        label = self.asked.source.label if side == "source" else self.asked.target.label
        return changed(side, label, self._first.setdefault(side, now), now)


def changed(side: Side, label: str, first: Standing, now: Standing) -> str:
    """What became of a side since `first`, in words; empty when nothing did."""
    if side == "target" and not now.primary:
        return f"the target {label} takes no writes now: it is a replica or set to read-only. {RESUME}"
    if first.identity == now.identity:
        # Also a source that was set to read-only meanwhile: people do that so that nothing more is written to it.
        return ""
    if not first.primary and now.primary:
        return f"the {side} {label} was a replica when the run began and is a primary now. {RESUME}"
    if first.primary and not now.primary:
        return f"the {side} {label} is not the primary any more that it was when the run began. {RESUME}"
    return f"another server answers as the {side} {label} than when the run began: a failover. {RESUME}"
