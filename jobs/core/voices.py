"""Who is asked for an approval now, and whose voice a person has. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.core.model import Approval
from jobs.core.policy import counted
from jobs.core.state import State, Status


def approvers(state: State) -> tuple[str, ...]:
    """Ids of the people who were asked and have a voice of their own; empty where the story does not say."""
    return (*(state.pinned or ()), *(state.later if state.escalated else ()))


def asked(state: State) -> tuple[str, ...]:
    """Ids of everybody who may answer the request that waits, each once; delegates last."""
    if state.status is not Status.awaiting_approval:
        return ()
    return everybody(state)


def everybody(state: State) -> tuple[str, ...]:
    """`asked`, whatever became of the request."""
    return tuple(dict.fromkeys((*approvers(state), *(d.to.id for d in state.delegations))))


def voice(state: State, person: str) -> str:
    """Whose voice `person` has: their own, or that of the approver who named them; "" for none.

    Stories of earlier versions do not say who was asked: there everybody speaks for themselves."""
    if state.pinned is None or person in approvers(state):
        return person
    return next((d.by.id for d in state.delegations if d.to.id == person), "")


def has_spoken(state: State, person: str) -> bool:
    """This person, or whoever shares their voice, has approved the plan of now."""
    return _spoke(state, person, _given(state))


def missing(state: State) -> int:
    """Approvals that the request still needs."""
    requester = state.requester.id if state.requester else ""
    return max(0, state.policy.approvals - len(counted(state.policy, requester, state.digest, state.approvals)))


def silent(state: State) -> tuple[str, ...]:
    """Ids of those who were asked and have not approved, by themselves or through another."""
    given = _given(state)
    return tuple(person for person in asked(state) if not _spoke(state, person, given))


def _given(state: State) -> Sequence[Approval]:
    # A plan's digest costs milliseconds where it holds thousands of tables: it is computed once, and not for nothing.
    digest = state.digest if state.approvals else ""
    return [approval for approval in state.approvals if approval.digest == digest]


def _spoke(state: State, person: str, given: Sequence[Approval]) -> bool:
    own = voice(state, person)
    return any(approval.by.id == person or approval.voice == own for approval in given)
