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
    rehearsal_days: int | None = Field(
        default=None, ge=1, le=365, description="how old a rehearsal may be; None: none"
    )


def counted(policy: Policy, requester: str, digest: str, approvals: Sequence[Approval]) -> list[Approval]:
    """The approvals that count: this digest, distinct people, not the requester unless policy allows."""
    seen: dict[str, Approval] = {}
    for approval in approvals:
        if approval.digest == digest and (policy.self_approval or approval.by.id != requester):
            seen.setdefault(approval.by.id, approval)
    return list(seen.values())


def satisfied(policy: Policy, requester: str, digest: str, approvals: Sequence[Approval]) -> bool:
    """Enough distinct people agreed to exactly this plan."""
    return len(counted(policy, requester, digest, approvals)) >= policy.approvals
