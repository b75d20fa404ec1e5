"""What people and workers ask of a migration."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from jobs.core.events import Report
from jobs.core.model import Approval, Frozen, Options, Origin, Person, Service, Wish
from jobs.core.policy import Policy
from jobs.core.throttle import Limit


class Draft(Frozen):
    by: Person
    channel: str
    target: Service
    policy: Policy
    free_bytes: int | None = None
    disk_confirmed: bool = True


class Configure(Frozen):
    by: Person
    source: Origin
    options: Options = Options()
    key: str = ""
    wish: Wish | None = None


class Detach(Frozen):
    by: Person


class Request(Frozen):
    by: Person
    digest: str
    acknowledged: tuple[str, ...] = ()
    typed: str = Field(default="", description="the target's name, where replacing it must be confirmed so")
    policy: Policy | None = Field(default=None, description="the target's rules of today; None: as drafted")
    pinned: tuple[str, ...] | None = Field(default=None, description="ids of the people who are asked; None: unknown")
    later: tuple[str, ...] = Field(default=(), description="ids of the people who are asked after an escalation")
    at: AwareDatetime | None = None
    wish: Wish = Wish()


class Approve(Frozen):
    approval: Approval


class Revoke(Frozen):
    """Takes one's approval back, until the run has begun."""

    by: Person
    digest: str
    lapsed: bool = Field(default=False, description="not `by` asks for it: `by` may not approve any more")


class Delegate(Frozen):
    """An approver gives their voice to a named person."""

    by: Person
    to: Person
    digest: str


class BreakGlass(Frozen):
    """Starts without the approvals that are missing; `reason` is told loudly."""

    by: Person
    digest: str
    reason: str
    at: AwareDatetime | None = None


class Decline(Frozen):
    by: Person
    digest: str
    reason: str


class Pause(Frozen):
    by: Person


class Halt(Frozen):
    """The run itself wants a pause that a person ends, for a reason that concerns its safety."""

    run: int
    why: str


class Resume(Frozen):
    """After a pause, or after a failure (Retry)."""

    by: Person
    at: AwareDatetime | None = None


class Cancel(Frozen):
    by: Person


class GiveUp(Frozen):
    """After a cancel that could not clean the target: ends the migration and leaves the target as it is."""

    by: Person


class Waive(Frozen):
    """After a verdict that is not green: these differences of objects may stay. The run continues."""

    by: Person
    keys: tuple[str, ...]
    reason: str = ""
    at: AwareDatetime | None = None


class Release(Frozen):
    """Lets the source be written to again while the run goes on."""

    by: Person


class Refresh(Frozen):
    """After the end: copies again what changed in the source since."""

    by: Person
    at: AwareDatetime | None = None


class Revalidate(Frozen):
    """After the end: validates again the foreign keys that stayed NOT VALID."""

    by: Person


class RollBack(Frozen):
    """After the end: brings the target back to how it was found."""

    by: Person


class Reschedule(Frozen):
    """Another time to start at; None is the next moment at which the windows allow it."""

    by: Person
    at: AwareDatetime
    start_at: AwareDatetime | None = None


class StartNow(Frozen):
    """What waits for its time starts now, within its windows."""

    by: Person
    at: AwareDatetime


class Tick(Frozen):
    """The clock came by: whatever is due at `at` happens, once: reminders, starts, pauses at a window's end."""

    at: AwareDatetime


class Slow(Frozen):
    """How much of the servers the run may take; an empty limit takes all again."""

    by: Person
    limit: Limit


class Tell(Frozen):
    """A worker reports."""

    event: Report


When = Reschedule | StartNow | Tick | Slow
"""What concerns the time and the weight of a run; decided in `jobs.core.schedule`."""
Command = (
    When
    | Draft
    | Configure
    | Detach
    | Request
    | Approve
    | Revoke
    | Delegate
    | BreakGlass
    | Decline
    | Pause
    | Halt
    | Resume
    | Cancel
    | GiveUp
    | Waive
    | Release
    | Refresh
    | Revalidate
    | RollBack
    | Tell
)
