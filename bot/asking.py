"""Asking for approval: who is asked is settled at the request, from Slack's groups of that moment."""

from __future__ import annotations

from collections.abc import Sequence

from bot import access
from bot.deps import Deps
from jobs.core.commands import Request
from jobs.core.errors import Denied, Refused
from jobs.core.model import Person
from jobs.core.state import State

UNASKED = "Slack could not be asked who you are, so nothing was done. Please try again in a minute."


def request(
    deps: Deps, state: State, by: Person, digest: str, acknowledged: Sequence[str], typed: str = ""
) -> Request:
    """The command behind **Migrate**: the rules of today, and the concrete people who are asked.

    Raises `Denied` when `by` may not ask here, or when Slack cannot say who is in the groups."""
    if state.target is None:
        raise Refused("The target is not known any more; please begin again.")
    policy = deps.config.policy_of(state.target)
    groups = deps.people.groups(access.groups_needed(deps.config, state.target, "request"))
    _demand(access.may_request(deps.config, by.id, groups, state.channel, state.target))
    command = Request(by=by, digest=digest, acknowledged=tuple(acknowledged), typed=typed, policy=policy)
    if policy.approvals == 0:
        return command
    groups = deps.people.groups(access.groups_needed(deps.config, state.target, "approve"), live=True)
    without = "" if policy.self_approval else by.id
    pinned = access.members(policy.approvers, groups, without=without)
    later = access.members(policy.escalate_to, groups, without=without)
    if pinned is None or later is None:
        raise Denied(
            "Slack could not be asked who belongs to the user groups that approve, so nothing was requested. "
            "Please try again in a minute."
        )
    return command.model_copy(update={"pinned": pinned, "later": later})


def demand_approver(deps: Deps, state: State, user: str, voice: str = "") -> None:
    """Asks Slack at this very click; whoever cannot be looked up may not approve.

    `voice`: the approver who named `user`, where another did: both are looked up."""
    if state.target is None or state.requester is None:
        raise Refused("There is no such request any more.")
    _demand(access.may_be_target(deps.config, state.target))
    person = deps.people.who(user)
    named_by = deps.people.who(voice) if voice and voice != user else person
    if person is None or named_by is None:
        raise Refused(UNASKED)
    policy = deps.config.policy_of(state.target)
    groups = deps.people.groups(access.groups_needed(deps.config, state.target, "approve"), live=True)
    decision = access.may_approve(policy, state.requester.id, person, groups, voice=voice, escalated=state.escalated)
    _demand(decision)
    if named_by is not person:
        # Who could not approve today cannot lend a voice either.
        _demand(access.may_be_named(named_by))


def demand_glass(deps: Deps, state: State, user: str) -> None:
    """May this person start without approvals, at this very moment?"""
    if state.target is None:
        raise Refused("There is no such request any more.")
    _demand(access.may_be_target(deps.config, state.target))
    person = deps.people.who(user)
    if person is None:
        raise Refused(UNASKED)
    groups = deps.people.groups(access.groups_needed(deps.config, state.target, "break"), live=True)
    _demand(access.may_break_glass(deps.config.policy_of(state.target), person, groups))


def demand_nameable(deps: Deps, user: str) -> None:
    """May an approver name this person?"""
    person = deps.people.who(user)
    if person is None:
        raise Refused(
            "Slack could not be asked about that person, so nothing was done. Please try again in a minute."
        )
    _demand(access.may_be_named(person))


def _demand(decision: access.Decision) -> None:
    if isinstance(decision, access.Denied):
        raise Denied(decision.reason)
