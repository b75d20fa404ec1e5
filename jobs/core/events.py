"""What happened to a migration: the only words the ledger knows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from jobs.core.events_gate import Approved as Approved
from jobs.core.events_gate import Declined as Declined
from jobs.core.events_gate import Delegated as Delegated
from jobs.core.events_gate import Escalated as Escalated
from jobs.core.events_gate import Expired as Expired
from jobs.core.events_gate import GlassBroken as GlassBroken
from jobs.core.events_gate import OfGate as OfGate
from jobs.core.events_gate import Reminded as Reminded
from jobs.core.events_gate import Requested as Requested
from jobs.core.events_gate import Revoked as Revoked
from jobs.core.events_when import Rescheduled as Rescheduled
from jobs.core.events_when import Scheduled as Scheduled
from jobs.core.events_when import Strained as Strained
from jobs.core.events_when import Throttled as Throttled
from jobs.core.events_when import When as When
from jobs.core.events_when import WindowClosed as WindowClosed
from jobs.core.model import (
    CheckResult,
    Frozen,
    Options,
    Origin,
    Person,
    Problem,
    Service,
    Wish,
)
from jobs.core.plan import MigrationPlan
from jobs.core.policy import Policy
from jobs.core.verdict import Difference, Receipt, Rehearsal, RestorePoint, RowDifference


class Drafted(Frozen):
    """Step 1 was submitted: the target, and what the person said of its disk."""

    type: Literal["drafted"] = "drafted"
    by: Person
    channel: str
    target: Service
    policy: Policy
    free_bytes: int | None = None
    disk_confirmed: bool = True


class Configured(Frozen):
    """Step 2 (or new options in step 3) was submitted: validation attempt `attempt` is due."""

    type: Literal["configured"] = "configured"
    by: Person
    source: Origin
    options: Options
    attempt: int
    key: str = Field(default="", description="names the gesture, so that a second delivery of it is known")
    wish: Wish | None = Field(default=None, description="None: as before")


class Detached(Frozen):
    """The modal was closed while something was going on: the thread tells the rest."""

    type: Literal["detached"] = "detached"
    by: Person


class ValidationStarted(Frozen):
    type: Literal["validation_started"] = "validation_started"
    attempt: int


class CheckFinished(Frozen):
    type: Literal["check_finished"] = "check_finished"
    attempt: int
    result: CheckResult


class Validated(Frozen):
    """Every check ran; there is a plan exactly when nothing blocks."""

    type: Literal["validated"] = "validated"
    attempt: int
    plan: MigrationPlan | None
    rehearsal: Rehearsal | None = None


class ValidationBroke(Frozen):
    """The validation itself could not be carried out."""

    type: Literal["validation_broke"] = "validation_broke"
    attempt: int
    problem: Problem


class RunQueued(Frozen):
    """Everything needed was given: run number `run` is due."""

    type: Literal["run_queued"] = "run_queued"
    run: int
    digest: str


class Begun(Frozen):
    """The databases are still as they were when the plan was made; from now on the target is written to."""

    type: Literal["begun"] = "begun"
    run: int
    digest: str


class Drifted(Frozen):
    """What was approved is not what would run: nothing was written, and the consents are void."""

    type: Literal["drifted"] = "drifted"
    run: int
    changes: tuple[str, ...]
    plan: MigrationPlan | None = Field(description="of now; None when a check blocks now")
    results: tuple[CheckResult, ...] = ()


class RunStarted(Frozen):
    """A conductor holds the fence; `takeover` when it found work of a conductor that died."""

    type: Literal["run_started"] = "run_started"
    run: int
    takeover: bool = False


class PhaseReached(Frozen):
    type: Literal["phase_reached"] = "phase_reached"
    run: int
    phase: str
    title: str


class Noted(Frozen):
    """A line worth a reply in the thread."""

    type: Literal["noted"] = "noted"
    run: int
    level: Literal["info", "warning"] = "info"
    text: str


class Troubled(Frozen):
    """Something failed and will be tried again."""

    type: Literal["troubled"] = "troubled"
    run: int
    problem: Problem
    attempt: int
    retry_seconds: float


class PauseAsked(Frozen):
    """By a person, or by the run itself: then `why` says what for."""

    type: Literal["pause_asked"] = "pause_asked"
    by: Person | None = None
    why: str = ""


class Paused(Frozen):
    type: Literal["paused"] = "paused"
    run: int


Mode = Literal["move", "refresh", "keys"]
"""What a run is for: the move itself; copying again what changed since it was done; validating foreign keys that
stayed NOT VALID."""


class Resumed(Frozen):
    """After a pause, a failure, or the end: the next run continues on the same plan."""

    type: Literal["resumed"] = "resumed"
    by: Person | None = Field(default=None, description="None: by itself, since a window opened")
    run: int
    mode: Mode = "move"


class RestorePointMade(Frozen):
    """What the target held is in a file; from now on it may be replaced."""

    type: Literal["restore_point_made"] = "restore_point_made"
    run: int
    point: RestorePoint


class HoldTaken(Frozen):
    """Nobody else can write to the source's moved tables."""

    type: Literal["hold_taken"] = "hold_taken"
    run: int


class ReleaseAsked(Frozen):
    """A person wants the source to be written to again; the run goes on."""

    type: Literal["release_asked"] = "release_asked"
    by: Person


class HoldEnded(Frozen):
    """The source takes writes again; `why` says what ended the hold."""

    type: Literal["hold_ended"] = "hold_ended"
    run: int
    why: str = ""


class Waived(Frozen):
    """A person accepts differences of objects, each named by its key."""

    type: Literal["waived"] = "waived"
    by: Person
    keys: tuple[str, ...]
    reason: str = ""


class RollbackAsked(Frozen):
    """After the end: back to the target as it was found."""

    type: Literal["rollback_asked"] = "rollback_asked"
    by: Person
    run: int


class RolledBack(Frozen):
    type: Literal["rolled_back"] = "rolled_back"
    run: int
    undone: str


class CancelAsked(Frozen):
    type: Literal["cancel_asked"] = "cancel_asked"
    by: Person


class Cancelled(Frozen):
    """The end without a move; `undone` says what became of the target."""

    type: Literal["cancelled"] = "cancelled"
    by: Person | None = None
    undone: str = ""


class RunFailed(Frozen):
    type: Literal["run_failed"] = "run_failed"
    run: int
    problem: Problem
    reasons: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = Field(default=(), description="objects that a person may waive")
    rows: tuple[RowDifference, ...] = Field(default=(), description="tables that the next run repairs")


class Proven(Frozen):
    """Every table and every object agrees; what remains is to take our own table out of the target.

    An event of its own, so that a crash between the proof and the tidying is not a run begun anew."""

    type: Literal["proven"] = "proven"
    run: int
    receipt: Receipt


class Finished(Frozen):
    """The end: verified, and the target holds nothing of ours."""

    type: Literal["finished"] = "finished"
    run: int
    receipt: Receipt


Event = Annotated[
    When
    | Drafted
    | Configured
    | Detached
    | ValidationStarted
    | CheckFinished
    | Validated
    | ValidationBroke
    | OfGate
    | RunQueued
    | Begun
    | Drifted
    | RunStarted
    | PhaseReached
    | Noted
    | Troubled
    | PauseAsked
    | Paused
    | Resumed
    | CancelAsked
    | Cancelled
    | RunFailed
    | Proven
    | Finished
    | RestorePointMade
    | HoldTaken
    | ReleaseAsked
    | HoldEnded
    | Waived
    | RollbackAsked
    | RolledBack,
    Field(discriminator="type"),
]

Report = (
    ValidationStarted
    | CheckFinished
    | Validated
    | ValidationBroke
    | Begun
    | Drifted
    | RunStarted
    | PhaseReached
    | Noted
    | Troubled
    | Paused
    | Cancelled
    | RunFailed
    | Proven
    | Finished
    | RestorePointMade
    | HoldTaken
    | HoldEnded
    | RolledBack
    | Strained
)
"""The events that workers report; everything else begins with a person."""

EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class Recorded(Frozen):
    """An event with its place in the story: `version` counts from 1 without gaps."""

    version: int
    at: AwareDatetime
    event: Event
