"""What happened to a migration: the only words the ledger knows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from jobs.core.model import (
    Approval,
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
from jobs.core.throttle import Limit
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


class Requested(Frozen):
    """**Migrate** was pressed on the plan with this digest."""

    type: Literal["requested"] = "requested"
    by: Person
    digest: str
    acknowledged: tuple[str, ...] = ()
    typed: str = ""
    policy: Policy | None = None
    pinned: tuple[str, ...] | None = Field(default=None, description="ids of the people who were asked")
    later: tuple[str, ...] = Field(default=(), description="ids of the people who are asked after an escalation")
    wish: Wish = Wish()


class Approved(Frozen):
    type: Literal["approved"] = "approved"
    approval: Approval


class Revoked(Frozen):
    """An approval was taken back before the run began."""

    type: Literal["revoked"] = "revoked"
    by: Person
    digest: str
    lapsed: bool = Field(default=False, description="`by` may not approve any more")


class Delegated(Frozen):
    type: Literal["delegated"] = "delegated"
    by: Person
    to: Person


class GlassBroken(Frozen):
    """Somebody whom the policy names starts the run without the approvals that are missing."""

    type: Literal["glass_broken"] = "glass_broken"
    by: Person
    digest: str
    reason: str


class Reminded(Frozen):
    """Whoever has not decided yet is named again."""

    type: Literal["reminded"] = "reminded"
    number: int


class Escalated(Frozen):
    """The second group is asked, too."""

    type: Literal["escalated"] = "escalated"


class Expired(Frozen):
    """Nobody decided in time: the request ended, and may be made again."""

    type: Literal["expired"] = "expired"


class Declined(Frozen):
    type: Literal["declined"] = "declined"
    by: Person
    digest: str
    reason: str


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


class Scheduled(Frozen):
    """Everything needed was given, but the time has not come: the run begins by itself at `until`."""

    type: Literal["scheduled"] = "scheduled"
    until: AwareDatetime
    by: Person | None = Field(default=None, description="who resumed a run outside of its windows")
    resumes: bool = Field(default=False, description="what waits is a run that was begun before")


class Rescheduled(Frozen):
    """Another time was chosen, which is no part of the plan: approvals stay."""

    type: Literal["rescheduled"] = "rescheduled"
    by: Person
    start_at: AwareDatetime | None = None


class WindowClosed(Frozen):
    """The run is still at work as its windows close, and was asked to pause then."""

    type: Literal["window_closed"] = "window_closed"
    run: int
    until: AwareDatetime


class Throttled(Frozen):
    """A person said how much of the servers the run may take."""

    type: Literal["throttled"] = "throttled"
    by: Person
    limit: Limit


class Strained(Frozen):
    """By itself: a server has too much to do, so the run takes less; without `reason` that is over."""

    type: Literal["strained"] = "strained"
    run: int
    reason: str = ""
    limit: Limit = Limit()


When = Scheduled | Rescheduled | WindowClosed | Throttled | Strained
"""What concerns the time and the weight of a run; its effects are in `jobs.core.schedule`."""

Event = Annotated[
    When
    | Drafted
    | Configured
    | Detached
    | ValidationStarted
    | CheckFinished
    | Validated
    | ValidationBroke
    | Requested
    | Approved
    | Revoked
    | Delegated
    | GlassBroken
    | Reminded
    | Escalated
    | Expired
    | Declined
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
