"""What makes a run safe to take back: the restore point before, the keepsake after, and the rollback itself."""

from __future__ import annotations

from collections.abc import Callable

from jobs.away import AWAY
from jobs.core import events as e
from jobs.core.errors import Permanent, Stopped
from jobs.core.state import State
from jobs.flow.watch import StoryWatch
from jobs.ports.engine import Conductor
from jobs.ports.ledger import Ledger

KEEPSAKE = "undo"
"""The document that a rollback reads; attached to the story while the task table still exists."""
REDIS_WAIT = 2.0

Tell = Callable[[e.Report], State | None]


def secure(conductor: Conductor, watch: StoryWatch, tell: Tell) -> None:
    """Before anything of the target is replaced, what it held is in a file and the story knows where."""
    state = watch.state
    if not (state.plan and state.plan.options.overwrite):
        return
    tell(e.PhaseReached(run=state.run, phase="secure", title="Making a restore point of the target"))
    point = conductor.secure(watch)
    if point is not None and tell(e.RestorePointMade(run=state.run, point=point)) is None:
        raise Stopped("The story went on without the restore point.")


def keep(conductor: Conductor, watch: StoryWatch, ledger: Ledger) -> None:
    """Keeps what a rollback needs before the task table goes; waits while Redis is away."""
    if watch.state.mode != "move":
        # The objects are those of the move: its keepsake stays.
        return
    text = conductor.keepsake()
    while text:
        try:
            ledger.attach(watch.state.id, KEEPSAKE, text)
            return
        except AWAY:
            if watch.terminate.wait(REDIS_WAIT):
                raise Stopped("This process was asked to end while Redis was away.") from None


def roll_back(conductor: Conductor, watch: StoryWatch, ledger: Ledger, tell: Tell) -> None:
    """After the end: back to the target as it was found. Raises `Permanent` when that cannot be proven safe."""
    state = watch.state
    keepsake = ledger.attachment(state.id, KEEPSAKE)
    if not keepsake:
        raise Permanent(
            "Nothing was kept of this migration that a rollback could go by",
            meaning="The target holds the finished migration, unchanged.",
            remedy="Drop by hand what is not wanted, then press Give up to end this.",
        )
    title = "Rolling back: removing what the run made"
    tell(e.PhaseReached(run=state.run, phase="rollback", title=title))
    tell(e.RolledBack(run=state.run, undone=conductor.roll_back(keepsake, watch)))
