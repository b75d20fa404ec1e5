"""Who must agree: an environment's policy, and whether given approvals satisfy it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from jobs.core.model import Approval, Frozen


class Policy(Frozen):
    """Rules of one environment. Ids are Slack's: `U…`/`W…` people, `S…` user groups."""

    approvals: int = Field(default=0, ge=0, le=10)
    approvers: tuple[str, ...] = ()
    self_approval: bool = False
    requesters: tuple[str, ...] = Field(default=(), description="empty: everybody who may use the channel")
    expires_hours: int = Field(default=72, ge=1, le=720, description="a request that nobody decided ends")
    remind_minutes: int = Field(default=240, ge=0, le=43_200, description="first reminder; 0: none")
    escalate_to: tuple[str, ...] = Field(default=(), description="asked too, after `escalate_minutes`")
    escalate_minutes: int = Field(default=60, ge=1, le=43_200)
    break_glass: tuple[str, ...] = Field(default=(), description="may start without approvals; empty: nobody")
    rehearsal_days: int | None = Field(
        default=None, ge=1, le=365, description="how old a rehearsal may be; None: none"
    )


def counted(policy: Policy, requester: str, digest: str, approvals: Sequence[Approval]) -> list[Approval]:
    """The approvals that count: this digest, distinct people and voices, not the requester unless policy allows."""
    made: list[Approval] = []
    for approval in approvals:
        known = any(approval.by.id == a.by.id or approval.voice == a.voice for a in made)
        if approval.digest == digest and not known and (policy.self_approval or approval.by.id != requester):
            made.append(approval)
    return made


def satisfied(policy: Policy, requester: str, digest: str, approvals: Sequence[Approval]) -> bool:
    """Enough distinct people agreed to exactly this plan."""
    return len(counted(policy, requester, digest, approvals)) >= policy.approvals
