"""Who may do what, where: each rule with the near miss that it must refuse."""

from typing import Any

import pytest

from bot.access import (
    Denied,
    Groups,
    Verb,
    Who,
    groups_needed,
    may_approve,
    may_be_named,
    may_break_glass,
    may_operate,
    may_request,
    may_see,
    members,
    operate_groups_needed,
    who,
)
from bot.config import Config, parse_config
from jobs.core.model import Environment, Person, Service
from jobs.core.policy import Policy
from jobs.core.state import State

CONFIG: Config = parse_config("""
services:
  orders:
    {engine: postgresql, environment: production, secret: "env:A", channels: [CDATA], owners: [UOWNER, SOWNERS]}
  shop: {engine: postgresql, environment: staging, secret: "env:B", owners: [USHOP]}
environments:
  production: {approvals: 1, approvers: [UBOSS, SBOSSES], requesters: [UASKER, SASKERS]}
""")
ORDERS: Service = CONFIG.service("orders")
SHOP: Service = CONFIG.service("shop")
GROUPS: dict[str, set[str]] = {"SBOSSES": {"UB2"}, "SASKERS": {"UA2"}, "SOWNERS": {"UO2"}}
POLICY = Policy(approvals=1, approvers=("UBOSS", "SBOSSES"))
MEMBER = Who("UBOSS", team="T1", home="T1")


def reason(decision: object) -> str:
    assert isinstance(decision, Denied)
    return decision.reason


@pytest.mark.parametrize(
    ("person", "groups", "channel", "refusal"),
    [
        ("UASKER", GROUPS, "CDATA", ""),
        ("UASKER", None, "CDATA", ""),
        ("UA2", GROUPS, "CDATA", ""),
        ("UASKER", GROUPS, "COTHER", "only in <#CDATA>"),
        ("UNOBODY", GROUPS, "CDATA", "Only <@UASKER>, <!subteam^SASKERS> may ask"),
        ("UA2", None, "CDATA", "could not be asked"),
        ("UA2", {"SBOSSES": {"UA2"}}, "CDATA", "could not be asked"),
    ],
)
def test_request(person: str, groups: Groups, channel: str, refusal: str) -> None:
    decision = may_request(CONFIG, person, groups, channel, ORDERS)
    assert bool(decision) is not bool(refusal)
    assert not refusal or refusal in reason(decision)


def test_without_requesters_everybody_in_the_channel_may_ask() -> None:
    assert may_request(CONFIG, "UANY", None, "CANY", SHOP)


@pytest.mark.parametrize(
    ("person", "groups", "refusal"),
    [
        (MEMBER, None, ""),
        (Who("UB2", "T1", "T1"), GROUPS, ""),
        (Who("UB2", "T1", "T1"), None, "could not be asked"),
        (Who("UB2", "T1", "T1"), {}, "could not be asked"),
        (Who("UB3", "T1", "T1"), GROUPS, "Only <@UBOSS>"),
        (Who("UREQ", "T1", "T1"), {"SBOSSES": {"UREQ"}}, "somebody else"),
        (Who("UBOSS", "T1", "T1", guest=True), GROUPS, "Guests"),
        (Who("UBOSS", "T1", "T1", deleted=True), GROUPS, "deactivated"),
        (Who("UBOSS", "T1", "T1", stranger=True), GROUPS, "another one"),
        (Who("UBOSS", "T1", "T1", bot=True), GROUPS, "Only a person"),
        (Who("UBOSS", "T2", "T1"), GROUPS, "another one"),
        (Who("UBOSS"), GROUPS, "another one"),
    ],
)
def test_approve(person: Who, groups: Groups, refusal: str) -> None:
    decision = may_approve(POLICY, "UREQ", person, groups)
    assert bool(decision) is not bool(refusal)
    assert not refusal or refusal in reason(decision)


def test_self_approval_needs_an_approver_too() -> None:
    policy = Policy(approvals=1, approvers=("UBOSS",), self_approval=True)
    assert may_approve(policy, "UBOSS", MEMBER, None)
    assert not may_approve(policy, "UREQ", Who("UREQ", "T1", "T1"), None)
    assert "nobody" in reason(may_approve(Policy(approvals=1), "UREQ", MEMBER, {}))


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"id": "U1", "team_id": "T1"}, Who("U1", "T1", "T1")),
        ({"id": "U1", "team_id": "T2", "enterprise_user": {"teams": ["T1", "T2"]}}, Who("U1", "T1", "T1")),
        ({"id": "U1", "team_id": "T2", "is_stranger": True}, Who("U1", "T2", "T1", stranger=True)),
        ({"id": "U1", "team_id": "T1", "is_ultra_restricted": True}, Who("U1", "T1", "T1", guest=True)),
        ({"id": "U1", "deleted": True, "is_bot": True}, Who("U1", "", "T1", deleted=True, bot=True)),
    ],
)
def test_who_slack_describes(user: dict[str, Any], expected: Who) -> None:
    assert who(user, "T1") == expected


def state(**changes: Any) -> State:
    return State(
        id="m0123456789", requester=Person(id="UREQ"), channel="CDATA", target=ORDERS, source=SHOP, **changes
    )


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "retry", "release"])
@pytest.mark.parametrize(
    ("person", "groups", "allowed"),
    [
        ("UREQ", None, True),
        ("UOWNER", None, True),
        ("USHOP", None, True),
        ("UBOSS", None, True),
        ("UO2", GROUPS, True),
        ("UB2", GROUPS, True),
        ("UO2", None, False),
        ("UASKER", GROUPS, False),
        ("UANY", GROUPS, False),
    ],
)
def test_operate(verb: Verb, person: str, groups: Groups, allowed: bool) -> None:
    assert bool(may_operate(state(), CONFIG, person, groups, verb)) is allowed


@pytest.mark.parametrize(
    ("person", "groups", "gated", "free"),
    [
        ("UREQ", None, False, True),
        ("UOWNER", None, True, True),
        ("USHOP", None, False, True),
        ("UBOSS", None, True, True),
        ("UO2", GROUPS, True, True),
        ("UB2", GROUPS, True, True),
        ("UO2", None, False, False),
        ("UANY", GROUPS, False, False),
    ],
)
def test_roll_back(person: str, groups: Groups, gated: bool, free: bool) -> None:
    """What others had to approve is taken back by the target's owners and approvers alone."""
    assert bool(may_operate(state(), CONFIG, person, groups, "roll back")) is gated
    staging = state(policy=Policy()).model_copy(
        update={"target": ORDERS.model_copy(update={"environment": Environment.development})}
    )
    if person not in ("UBOSS", "UB2"):  # the approvers of another environment
        assert bool(may_operate(staging, CONFIG, person, groups, "roll back")) is free


def test_owners_of_a_service_that_left_the_file_stay_owners() -> None:
    gone = ORDERS.model_copy(update={"name": "gone", "owners": ("UOLD",)})
    assert may_operate(state().model_copy(update={"target": gone}), CONFIG, "UOLD", None, "cancel")


@pytest.mark.parametrize(
    ("public", "person", "channel", "allowed"),
    [
        (True, "UANY", "CDATA", True),
        (True, "UANY", "COTHER", False),
        (True, "UANY", "", False),
        (True, "UBOSS", "", True),
        (False, "UREQ", "", True),
        (False, "UANY", "CDATA", False),
        (False, "UBOSS", "", False),
    ],
)
def test_see(public: bool, person: str, channel: str, allowed: bool) -> None:
    assert bool(may_see(state(public=public), CONFIG, person, GROUPS, channel)) is allowed


def test_groups_that_must_be_asked_for() -> None:
    assert groups_needed(CONFIG, ORDERS, "request") == {"SASKERS"}
    assert groups_needed(CONFIG, ORDERS, "approve") == {"SBOSSES"}
    assert groups_needed(CONFIG, ORDERS, "operate") == {"SBOSSES", "SOWNERS"}
    assert groups_needed(CONFIG, SHOP, "operate") == frozenset()
    assert operate_groups_needed(state(), CONFIG) == {"SBOSSES", "SOWNERS"}
    assert operate_groups_needed(State(id="m0123456789"), CONFIG) == frozenset()


# --- named, escalated, pinned, and the glass ------------------------------------------------------------

STEP = Policy(approvals=1, approvers=("UBOSS", "SBOSSES"), escalate_to=("SCHIEFS",), break_glass=("UFIRE", "SFIRE"))
KNOWN: dict[str, set[str]] = {**GROUPS, "SCHIEFS": {"UCHIEF"}, "SFIRE": {"UF2"}}


@pytest.mark.parametrize(
    ("voice", "groups", "refusal"),
    [
        ("UBOSS", None, ""),
        ("UB2", KNOWN, ""),
        ("UB2", None, "could not be asked"),
        ("UGONE", KNOWN, "<@UGONE>, who named you, may not approve this migration any more"),
    ],
)
def test_a_lent_voice_is_worth_what_its_owner_is_worth_now(voice: str, groups: Groups, refusal: str) -> None:
    decision = may_approve(STEP, "UREQ", Who("UFRIEND", "T1", "T1"), groups, voice=voice)
    assert bool(decision) is not bool(refusal)
    assert not refusal or refusal in reason(decision)


def test_a_guest_with_a_lent_voice_is_a_guest() -> None:
    assert "Guests" in reason(may_approve(STEP, "UREQ", Who("UFRIEND", "T1", "T1", guest=True), KNOWN, voice="UBOSS"))
    assert "somebody else" in reason(may_approve(STEP, "UREQ", Who("UREQ", "T1", "T1"), KNOWN, voice="UBOSS"))


def test_the_second_group_counts_only_once_it_is_asked() -> None:
    chief = Who("UCHIEF", "T1", "T1")
    assert "Only <@UBOSS>" in reason(may_approve(STEP, "UREQ", chief, KNOWN))
    assert may_approve(STEP, "UREQ", chief, KNOWN, escalated=True)
    assert "could not be asked" in reason(may_approve(STEP, "UREQ", chief, GROUPS, escalated=True))


@pytest.mark.parametrize(
    ("person", "groups", "refusal"),
    [
        (Who("UFIRE", "T1", "T1"), None, ""),
        (Who("UF2", "T1", "T1"), KNOWN, ""),
        (Who("UF2", "T1", "T1"), None, "could not be asked"),
        (Who("UBOSS", "T1", "T1"), KNOWN, "Only <@UFIRE>"),
        (Who("UFIRE", "T1", "T1", guest=True), KNOWN, "Guests"),
        (Who("UFIRE", "T2", "T1"), KNOWN, "another one"),
    ],
)
def test_who_may_break_the_glass(person: Who, groups: Groups, refusal: str) -> None:
    decision = may_break_glass(STEP, person, groups)
    assert bool(decision) is not bool(refusal)
    assert not refusal or refusal in reason(decision)
    assert "Nobody may" in reason(may_break_glass(POLICY, Who("UBOSS", "T1", "T1"), KNOWN))


@pytest.mark.parametrize(
    "odd", [{"guest": True}, {"deleted": True}, {"bot": True}, {"stranger": True}, {"team": "T2"}]
)
def test_who_may_be_named(odd: dict[str, Any]) -> None:
    values: dict[str, Any] = {"id": "UFRIEND", "team": "T1", "home": "T1"}
    assert may_be_named(Who(**values))
    assert not may_be_named(Who(**{**values, **odd}))


def test_members_are_each_there_once_or_not_known_at_all() -> None:
    ids = ("UBOSS", "SBOSSES", "SCHIEFS", "UB2")
    assert members(ids, KNOWN) == ("UBOSS", "UB2", "UCHIEF")
    assert members(ids, KNOWN, without="UB2") == ("UBOSS", "UCHIEF")
    assert members(ids, GROUPS) is None and members(ids, None) is None
    assert members(("UBOSS",), None) == ("UBOSS",), "people need no group"
