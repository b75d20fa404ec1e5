"""Approvals that count no more: who gave one may have left the company, the group or the list since.

Slack is asked again whenever the next step would rest on what was given before: at each further approval, at
*Start now*, and when Slack tells that a group changed. What cannot be asked counts as not given.
"""

from __future__ import annotations

from contextlib import suppress

import structlog

from bot import access
from bot.deps import Deps
from jobs.core.commands import Revoke
from jobs.core.errors import Denied, Refused, Unreadable
from jobs.core.model import Person
from jobs.core.state import State, Status

log = structlog.get_logger(__name__)

UNDECIDED = frozenset({Status.awaiting_approval, Status.scheduled, Status.migrating})
"""Where an approval may still be struck, as long as no run has begun."""


def strike(deps: Deps, state: State) -> State:
    """Takes back every approval whose giver may not approve now; the state after it.

    Raises `Denied` when Slack cannot be asked, so that nothing starts on what nobody knows."""
    if state.begun or state.glass is not None or state.status not in UNDECIDED:
        return state
    for person in _lapsed(deps, state):
        log.warning("an approval counts no more", migration=state.id, person=person.id)
        state = deps.desk.obey(state.id, Revoke(by=person, digest=state.digest, lapsed=True))
    return state


def strike_all(deps: Deps) -> None:
    """After a change of groups: every open request, each by itself."""
    for migration in deps.desk.ledger.open():
        with suppress(Unreadable):
            state = deps.desk.state(migration)
            try:
                strike(deps, state)
            except Refused as refusal:
                log.warning("approvals not looked at again", migration=migration, why=refusal.what)


def _lapsed(deps: Deps, state: State) -> list[Person]:
    given = [a for a in state.approvals if a.digest == state.digest]
    if not given or state.target is None or state.requester is None:
        return []
    groups = deps.people.groups(access.groups_needed(deps.config, state.target, "approve"), live=True)
    policy = deps.config.policy_of(state.target)
    found = []
    for approval in given:
        who = deps.people.who(approval.by.id)
        if who is None or groups is None:
            raise Denied("Slack could not be asked whether the approvals given before still count; nothing was done.")
        voice = approval.instead_of or approval.by.id
        decision = access.may_approve(policy, state.requester.id, who, groups, voice=voice, escalated=state.escalated)
        found += [] if decision else [approval.by]
    return found
