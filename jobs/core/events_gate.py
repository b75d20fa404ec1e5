"""What happened between **Migrate** and the first write; imported by way of `jobs.core.events`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from jobs.core.model import Approval, Frozen, Person, Wish
from jobs.core.policy import Policy


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


OfGate = Requested | Approved | Revoked | Delegated | GlassBroken | Reminded | Escalated | Expired | Declined
"""Its effects are in `jobs.core.gate` and `jobs.core.evolve`."""
