"""A migration as its story tells it: the value that decisions are made on and that people are shown."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from jobs.core import events as e
from jobs.core.bidi import isolated
from jobs.core.model import (
    Approval,
    CheckResult,
    Delegation,
    Frozen,
    Glass,
    MigrationId,
    Options,
    Origin,
    Person,
    Problem,
    Service,
)
from jobs.core.plan import MigrationPlan
from jobs.core.policy import Policy
from jobs.core.throttle import Limit
from jobs.core.verdict import Difference, Receipt, Rehearsal, RestorePoint, RowDifference, Waiver


class Status(StrEnum):
    new = "new"
    draft = "draft"
    configured = "configured"
    validating = "validating"
    blocked = "blocked"
    ready = "ready"
    awaiting_approval = "awaiting_approval"
    scheduled = "scheduled"
    migrating = "migrating"
    verifying = "verifying"
    pausing = "pausing"
    paused = "paused"
    cancelling = "cancelling"
    cancelled = "cancelled"
    failed = "failed"
    done = "done"
    rolling_back = "rolling_back"
    rolled_back = "rolled_back"


FORM = frozenset({Status.draft, Status.configured, Status.validating, Status.blocked, Status.ready})
"""The modal's statuses: everything may still be changed."""
RUNNING = frozenset({Status.migrating, Status.verifying, Status.pausing, Status.cancelling, Status.rolling_back})
"""A conductor is at work or due."""
ENDED = frozenset({Status.cancelled, Status.done, Status.rolled_back})
"""Nothing more will happen by itself."""


class State(Frozen):
    """A migration as its story tells it up to `version`."""

    id: MigrationId
    version: int = 0
    status: Status = Status.new
    created: datetime | None = None
    changed: datetime | None = None
    requester: Person | None = None
    channel: str = ""
    target: Service | None = None
    policy: Policy = Policy()
    free_bytes: int | None = None
    disk_confirmed: bool = False
    source: Origin | None = None
    options: Options = Options()
    attempt: int = 0
    key: str = ""
    results: tuple[CheckResult, ...] = ()
    plan: MigrationPlan | None = None
    plan_before: MigrationPlan | None = None
    acknowledged: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    declined: e.Declined | None = None
    requests: int = Field(default=0, description="how often *Migrate* was pressed; numbers the direct messages")
    asked_at: datetime | None = None
    pinned: tuple[str, ...] | None = Field(default=None, description="who was asked; None: the story does not say")
    later: tuple[str, ...] = Field(default=(), description="who is asked once `escalated`")
    escalated: bool = False
    reminded: int = 0
    delegations: tuple[Delegation, ...] = ()
    expired: bool = Field(default=False, description="the last request ended undecided")
    typed: str = ""
    glass: Glass | None = None
    begun: bool = Field(default=False, description="a run may have written to the target")
    drift: tuple[str, ...] = Field(default=(), description="why the last approved plan was not run")
    run: int = 0
    mode: e.Mode = "move"
    started: datetime | None = None
    phase: str = ""
    phase_title: str = ""
    pause_why: str = Field(default="", description="of a pause that the run asked for itself")
    cancelled_by: Person | None = None
    problem: Problem | None = None
    reasons: tuple[str, ...] = ()
    trouble: Problem | None = None
    differences: tuple[Difference, ...] = Field(default=(), description="of the last verdict, to be waived")
    rows: tuple[RowDifference, ...] = Field(default=(), description="of the last verdict, to be repaired")
    waivers: tuple[Waiver, ...] = ()
    restore_point: RestorePoint | None = None
    held: bool = Field(default=False, description="the source is held read-only now")
    release_asked: bool = False
    rolled_back_by: Person | None = None
    receipt: Receipt | None = None
    undone: str = ""
    start_at: datetime | None = Field(default=None, description="the earliest time that a person wants")
    pause_at_close: bool = False
    opens: datetime | None = Field(default=None, description="when what waits, or pauses for its window, goes on")
    resuming: bool = Field(default=False, description="what waits is a run that was begun before")
    closing: bool = Field(default=False, description="it pauses because its windows close")
    waits_for: Person | None = Field(default=None, description="who asked for what waits, if somebody did")
    rehearsal: Rehearsal | None = None
    limit: Limit = Limit()
    strain: str = Field(default="", description="why the run slows itself down")
    strained: Limit = Limit()
    public: bool = Field(default=False, description="the channel has seen it: there is a card and a thread")

    @property
    def digest(self) -> str:
        return self.plan.digest if self.plan else ""

    @property
    def title(self) -> str:
        source, target = (isolated(side.label) if side else "?" for side in (self.source, self.target))
        return f"{source} → {target}"


def say(status: Status) -> str:
    """The status in words that fit after "is"."""
    words = {
        Status.new: "not begun",
        Status.draft: "being prepared",
        Status.configured: "waiting for its checks",
        Status.validating: "being checked",
        Status.ready: "ready to be started",
        Status.awaiting_approval: "waiting for approval",
        Status.scheduled: "waiting for its time",
        Status.migrating: "running",
        Status.verifying: "being verified",
        Status.cancelling: "being cancelled",
        Status.rolling_back: "being rolled back",
        Status.rolled_back: "rolled back",
    }
    return words.get(status, status.value)
