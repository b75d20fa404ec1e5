"""May this person, here, pass this gate? Pure: ids and group members in, a decision out.

`groups` maps a user group's id to its members, or is None when Slack could not be asked. What is not known counts
as "no", and the reason says that it was not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from bot.config import Config
from jobs.core import protection, voices
from jobs.core.model import Service, TypedSource
from jobs.core.policy import Policy
from jobs.core.state import State

Groups = Mapping[str, Set[str]] | None
Verb = Literal[
    "pause",
    "resume",
    "cancel",
    "retry",
    "refresh",
    "accept",
    "revalidate",
    "release",
    "roll back",
    "start",
    "slow down",
]
_WRITING = frozenset({"resume", "retry", "refresh", "accept", "revalidate", "roll back", "start"})
"""What ends in writing to the target. Cancel only takes out what the run itself made there, and stays possible."""
Gate = Literal["request", "approve", "break", "operate"]


@dataclass(frozen=True)
class Allowed:
    """Go on."""

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class Denied:
    """Not this person, not here, or not now; `reason` is for that person to read."""

    reason: str

    def __bool__(self) -> bool:
        return False


Decision = Allowed | Denied


@dataclass(frozen=True)
class Who:
    """A person as Slack describes one. `home` is the workspace that Ferrybot is installed in."""

    id: str
    team: str = ""
    home: str = ""
    guest: bool = False
    deleted: bool = False
    stranger: bool = False
    bot: bool = False

    @property
    def outsider(self) -> bool:
        """Known to belong elsewhere; a missing team id is a fault of the lookup and counts as elsewhere."""
        return self.stranger or not self.team or self.team != self.home


def who(user: Mapping[str, Any], home: str) -> Who:
    """The person behind the `user` of Slack's users.info, seen from the workspace `home`."""
    teams = (user.get("enterprise_user") or {}).get("teams") or ()
    return Who(
        id=str(user.get("id", "")),
        # In an organisation a person belongs to several workspaces and `team_id` names only one.
        team=home if home and home in teams else str(user.get("team_id") or ""),
        home=home,
        guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        deleted=bool(user.get("deleted")),
        stranger=bool(user.get("is_stranger")),
        bot=bool(user.get("is_bot")),
    )


class _Found(Enum):
    yes = "yes"
    no = "no"
    unknown = "unknown"


def groups_needed(config: Config, service: Service, gate: Gate) -> frozenset[str]:
    """The user groups whose members must be known to decide `gate` for `service`; empty: ask Slack nothing."""
    policy = config.policy_of(service)
    match gate:
        case "request":
            ids: Iterable[str] = policy.requesters
        case "approve":
            ids = (*policy.approvers, *policy.escalate_to)
        case "break":
            ids = policy.break_glass
        case "operate":
            ids = (*policy.approvers, *_owners(config, service))
    return frozenset(i for i in ids if _is_group(i))


def may_be_target(config: Config, service: Service) -> Decision:
    """A service that is protected today is never written to, whoever asks."""
    entry = config.services.get(service.name)
    if entry is None or not entry.protected:
        return Allowed()
    return Denied(protection.said(service.name))


def may_request(config: Config, person_id: str, groups: Groups, channel: str, service: Service) -> Decision:
    """May this person ask for a migration into `service` in `channel`?"""
    protected = may_be_target(config, service)
    if isinstance(protected, Denied):
        return protected
    if service.channels and channel not in service.channels:
        where = ", ".join(f"<#{c}>" for c in service.channels[:3])
        return Denied(f"{service.name} can be chosen only in {where}.")
    requesters = config.policy_of(service).requesters
    if not requesters:
        return Allowed()
    return _decide(
        _among(person_id, requesters, groups),
        f"Only {_names(requesters)} may ask for a migration into {service.environment.value}.",
    )


def may_approve(
    policy: Policy, requester: str, person: Who, groups: Groups, *, voice: str = "", escalated: bool = False
) -> Decision:
    """May this person approve a migration that `requester` asked for?

    `voice`: the approver who named this person, who must be one still; `escalated`: the second group may, too."""
    stranger = _no_member(person)
    if stranger is not None:
        return stranger
    if person.id == requester and not policy.self_approval:
        return Denied("You asked for this migration, so somebody else must approve it.")
    ids = (*policy.approvers, *(policy.escalate_to if escalated else ()))
    if voice and voice != person.id:
        gone = f"<@{voice}>, who named you, may not approve this migration any more, so you may not either."
        return _decide(_among(voice, ids, groups), gone)
    return _decide(_among(person.id, ids, groups), f"Only {_names(ids)} may approve this migration.")


def may_break_glass(policy: Policy, person: Who, groups: Groups) -> Decision:
    """May this person start without the approvals that are missing?"""
    stranger = _no_member(person)
    if stranger is not None:
        return stranger
    if not policy.break_glass:
        return Denied("Nobody may start this migration without approvals.")
    return _decide(
        _among(person.id, policy.break_glass, groups),
        f"Only {_names(policy.break_glass)} may start this migration without approvals.",
    )


def may_be_named(person: Who) -> Decision:
    """May an approver give their voice to this person? What is said is for the approver to read."""
    if person.deleted or person.bot:
        return Denied("That is no active person of this workspace; please name somebody else.")
    if person.guest or person.outsider:
        return Denied("Guests and people of other workspaces cannot approve; please name somebody else.")
    return Allowed()


def members(ids: Iterable[str], groups: Groups, *, without: str = "") -> tuple[str, ...] | None:
    """The people behind these ids, each once; None when a group is not known."""
    found: dict[str, None] = {}
    for entry in ids:
        if not _is_group(entry):
            found[entry] = None
            continue
        inside = None if groups is None else groups.get(entry)
        if inside is None:
            return None
        found |= dict.fromkeys(sorted(inside))
    return tuple(person for person in found if person != without)


def _no_member(person: Who) -> Denied | None:
    if person.deleted:
        return Denied("This account is deactivated, so it cannot approve.")
    if person.bot:
        return Denied("Only a person may approve.")
    if person.guest:
        return Denied("Guests of the workspace cannot approve.")
    if person.outsider:
        return Denied("Only members of this workspace may approve, and you belong to another one.")
    return None


def may_operate(state: State, config: Config, person_id: str, groups: Groups, verb: Verb) -> Decision:
    """May this person pause, resume, cancel or retry? The requester, the databases' owners and the approvers may."""
    if verb in _WRITING and state.target is not None:
        protected = may_be_target(config, state.target)
        if isinstance(protected, Denied):
            return protected
    if verb == "roll back" and _needs_approval(state, config):
        return _may_take_back(state, config, person_id, groups)
    if state.requester and person_id == state.requester.id:
        return Allowed()
    entitled = _entitled(state, config)
    return _decide(
        _among(person_id, entitled, groups),
        f"Only the person who asked for it, the databases' owners and the approvers may {verb} this migration.",
    )


def may_answer_for(
    state: State, config: Config, person: Who | None, groups: Groups, verb: Literal["refresh", "accept"]
) -> Decision:
    """May this person answer for differences, or for overwriting the target? Approvers, where the target has some.

    Elsewhere whoever may operate. `person` is None when Slack could not be asked."""
    if state.target is None or state.requester is None:
        return Denied("There is no such migration any more.")
    if person is None:
        return Denied("Slack could not be asked who you are, so nothing was done. Please try again in a minute.")
    protected = may_be_target(config, state.target)
    if isinstance(protected, Denied):
        return protected
    policy = config.policy_of(state.target)
    if not policy.approvers:
        return may_operate(state, config, person.id, groups, verb)
    return may_approve(policy, state.requester.id, person, groups)


def _needs_approval(state: State, config: Config) -> bool:
    """By the policy under which it was moved, or by that of today."""
    today = config.policy_of(state.target).approvals if state.target else 0
    return bool(state.policy.approvals or today)


def _may_take_back(state: State, config: Config, person_id: str, groups: Groups) -> Decision:
    """What others had to approve is not taken away by the person who asked for it, nor by the source's owners."""
    if state.target is None:
        return Denied("The target of this migration is not known any more.")
    entitled = (*config.policy_of(state.target).approvers, *_owners(config, state.target))
    return _decide(
        _among(person_id, entitled, groups),
        "The target needs approvals: only its owners and its approvers may roll this migration back.",
    )


def may_see(state: State, config: Config, person_id: str, groups: Groups, channel: str = "") -> Decision:
    """May this person read plan, findings and log? Whoever is in its channel, once it is public, and who may operate.

    `channel` is where the gesture came from; empty for the home tab."""
    if state.public and channel and channel == state.channel:
        return Allowed()
    if state.requester and person_id == state.requester.id:
        return Allowed()
    if person_id in voices.everybody(state):
        # Whoever is asked to approve the plan may read it, also a delegate and the second group.
        return Allowed()
    if not state.public:
        return Denied("This migration is still being prepared by the person who began it.")
    return _decide(
        _among(person_id, _entitled(state, config), groups),
        f"This migration is discussed in <#{state.channel}>; please look at it there.",
    )


def may_see_service(config: Config, person_id: str, groups: Groups, channel: str, service: Service) -> Decision:
    """May this person read what is known of a service? One that is bound to channels is seen there, and by the people
    who answer for it. `channel` is where the gesture came from; empty for the home tab."""
    if not service.channels or channel in service.channels:
        return Allowed()
    entitled = (*config.policy_of(service).approvers, *_owners(config, service))
    return _decide(_among(person_id, entitled, groups), "This service is shown only in its own channels.")


def service_groups_needed(config: Config, service: Service) -> frozenset[str]:
    """The user groups that `may_see_service` looks at."""
    return frozenset(i for i in (*config.policy_of(service).approvers, *_owners(config, service)) if _is_group(i))


def operate_groups_needed(state: State, config: Config) -> frozenset[str]:
    """The user groups that `may_operate` and `may_see` look at for this migration."""
    return frozenset(i for i in _entitled(state, config) if _is_group(i))


def _entitled(state: State, config: Config) -> tuple[str, ...]:
    """Owners of both sides and the target's approvers, by the configuration of today: who was removed is out."""
    if state.target is None:
        return ()
    approvers = config.policy_of(state.target).approvers
    source = () if state.source is None or isinstance(state.source, TypedSource) else _owners(config, state.source)
    return (*approvers, *_owners(config, state.target), *source)


def _owners(config: Config, service: Service) -> tuple[str, ...]:
    entry = config.services.get(service.name)
    return entry.owners if entry else service.owners


def _among(person: str, ids: Iterable[str], groups: Groups) -> _Found:
    """Named, or a member of a named group; `unknown` when only a group that is not known could say yes."""
    found = _Found.no
    for entry in ids:
        if entry == person:
            return _Found.yes
        if not _is_group(entry):
            continue
        members = None if groups is None else groups.get(entry)
        if members is None:
            found = _Found.unknown
        elif person in members:
            return _Found.yes
    return found


def _decide(found: _Found, otherwise: str) -> Decision:
    match found:
        case _Found.yes:
            return Allowed()
        case _Found.unknown:
            return Denied(
                "Slack could not be asked who belongs to the user groups that decide this, "
                "so nothing was done. Please try again in a minute."
            )
        case _Found.no:
            return Denied(otherwise)


def _is_group(entry: str) -> bool:
    return entry.startswith("S")


def _names(ids: Iterable[str]) -> str:
    """Mentions for a text that only the person who pressed sees; nobody is pinged by an ephemeral message."""
    listed = [f"<!subteam^{i}>" if _is_group(i) else f"<@{i}>" for i in ids]
    return ", ".join(listed) or "nobody (no approvers are configured)"
