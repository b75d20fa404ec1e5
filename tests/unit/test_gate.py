"""Approvals that mean something: whose voice counts, what time brings, what breaks the glass, what drift voids."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs.core import commands as c
from jobs.core import events as e
from jobs.core import voices
from jobs.core.errors import Refused
from jobs.core.events import EVENT
from jobs.core.evolve import replay
from jobs.core.lifecycle import decide, react
from jobs.core.model import Options, Person
from jobs.core.policy import Policy
from jobs.core.state import State, Status
from jobs.core.waiting import due
from tests.support.tales import (
    ALICE,
    BOB,
    CAROL,
    LOST,
    MIGRATION,
    RECEIPT,
    WARNING,
    Tale,
    approve,
    plan,
    result,
    tell,
)

DORA, EMIL = Person(id="U0DORA"), Person(id="U0EMIL")
TWO = Policy(approvals=2, approvers=("S0DBA",), escalate_to=("S0CHIEFS",), break_glass=("U0CAROL",))
SOON = TWO.model_copy(update={"remind_minutes": 10, "escalate_minutes": 30, "expires_hours": 2})
REASON = "the old server dies tonight"


def asked(
    policy: Policy = TWO, pinned: tuple[Person, ...] = (BOB, CAROL), later: tuple[Person, ...] = (EMIL,)
) -> Tale:
    """Requested by Alice; who was asked is pinned."""
    tale = Tale().checked(plan(), policy=policy)
    tale.obey(request(tale.state, pinned, later, policy=policy))
    return tale


def request(
    state: State, pinned: tuple[Person, ...] = (BOB, CAROL), later: tuple[Person, ...] = (), **more: Any
) -> Any:
    ids = {"pinned": tuple(p.id for p in pinned), "later": tuple(p.id for p in later)}
    return c.Request(by=ALICE, digest=state.digest, **ids, **more)


def minutes(tale: Tale, number: float) -> c.Tick:
    assert tale.state.asked_at is not None
    return c.Tick(at=tale.state.asked_at + timedelta(minutes=number))


# --- who may speak --------------------------------------------------------------------------------------


def test_only_those_who_were_asked_have_a_voice() -> None:
    tale = asked()
    for command in (approve(DORA, tale.state.digest), c.Decline(by=DORA, digest=tale.state.digest, reason="no")):
        with pytest.raises(Refused, match="not among the people who were asked"):
            tale.obey(command)
    assert voices.asked(tale.state) == (BOB.id, CAROL.id)
    tale.obey(approve(BOB, tale.state.digest))
    assert voices.silent(tale.state) == (CAROL.id,) and voices.missing(tale.state) == 1


def test_a_request_that_nobody_can_satisfy_is_not_made() -> None:
    tale = Tale().checked(plan(), policy=TWO)
    with pytest.raises(Refused, match="needs 2 approvals, but only 1 person besides you"):
        tale.obey(request(tale.state, (BOB,)))
    assert tale.state.status is Status.ready
    tale.obey(request(tale.state, (BOB,), (EMIL,)))


def test_the_rules_are_those_of_the_request_not_of_the_draft() -> None:
    tale = Tale().checked(plan(), policy=Policy(approvals=0))
    events = tale.obey(request(tale.state, (BOB, CAROL), policy=TWO))
    assert [type(x) for x in events] == [e.Requested] and tale.state.policy == TWO


def test_one_voice_is_one_voice_whoever_speaks() -> None:
    tale = asked()
    digest = tale.state.digest
    tale.obey(c.Delegate(by=BOB, to=DORA, digest=digest))
    assert voices.asked(tale.state) == (BOB.id, CAROL.id, DORA.id)
    (given,) = tale.obey(approve(DORA, digest))
    assert isinstance(given, e.Approved) and given.approval.instead_of == BOB.id
    with pytest.raises(Refused, match="through the person with whom you share it"):
        tale.obey(approve(BOB, digest))
    with pytest.raises(Refused, match="counts once"):
        tale.obey(approve(DORA, digest))
    assert tale.state.run == 0
    tale.obey(approve(CAROL, digest))
    assert tale.state.status is Status.migrating


def test_one_person_named_by_two_is_one_person() -> None:
    tale = asked()
    digest = tale.state.digest
    tale.obey(c.Delegate(by=BOB, to=DORA, digest=digest), c.Delegate(by=CAROL, to=DORA, digest=digest))
    tale.obey(approve(DORA, digest))
    with pytest.raises(Refused, match="counts once"):
        tale.obey(approve(DORA, digest))
    assert tale.state.status is Status.awaiting_approval


@pytest.mark.parametrize(
    ("by", "to", "said"),
    [
        (DORA, EMIL, "Only somebody who was asked"),
        (BOB, BOB, "asked already"),
        (BOB, CAROL, "asked already"),
        (BOB, ALICE, "asked for this migration"),
    ],
)
def test_who_can_be_named_by_whom(by: Person, to: Person, said: str) -> None:
    tale = asked()
    with pytest.raises(Refused, match=said):
        tale.obey(c.Delegate(by=by, to=to, digest=tale.state.digest))


def test_a_voice_is_lent_anew_but_not_lent_on_nor_after_it_was_used() -> None:
    tale = asked()
    digest = tale.state.digest
    tale.obey(c.Delegate(by=BOB, to=DORA, digest=digest))
    assert tale.obey(c.Delegate(by=BOB, to=DORA, digest=digest)) == [], "a second press"
    with pytest.raises(Refused, match="Only somebody who was asked"):
        tale.obey(c.Delegate(by=DORA, to=EMIL, digest=digest))
    tale.obey(c.Delegate(by=BOB, to=Person(id="U0FRED"), digest=digest))
    with pytest.raises(Refused, match="not among"):
        tale.obey(approve(DORA, digest))
    tale.obey(approve(BOB, digest))
    with pytest.raises(Refused, match="approved this plan already"):
        tale.obey(c.Delegate(by=BOB, to=DORA, digest=digest))


# --- taking back ----------------------------------------------------------------------------------------


def test_an_approval_is_taken_back_until_the_run_begins() -> None:
    tale = asked()
    digest = tale.state.digest
    back = c.Revoke(by=BOB, digest=digest)
    with pytest.raises(Refused, match="nothing to take back"):
        tale.obey(back)
    tale.obey(approve(BOB, digest), back)
    assert tale.state.approvals == ()
    tale.obey(approve(BOB, digest), approve(CAROL, digest))
    assert (tale.state.status, tale.state.run) == (Status.migrating, 1)
    tale.obey(back)
    assert tale.state.status is Status.awaiting_approval and react(tale.state) == [], "the run is called off"
    with pytest.raises(Refused):
        tale.obey(tell(e.Begun(run=1, digest=digest)))
    tale.obey(approve(BOB, digest))
    assert (tale.state.status, tale.state.run) == (Status.migrating, 2)
    with pytest.raises(Refused, match="not the current one"):
        tale.obey(tell(e.Begun(run=1, digest=digest)))
    tale.obey(tell(e.Begun(run=2, digest=digest)))
    with pytest.raises(Refused, match="The run has begun"):
        tale.obey(back)


def test_a_run_that_has_not_begun_is_cancelled_at_once() -> None:
    tale = asked()
    tale.obey(approve(BOB, tale.state.digest), approve(CAROL, tale.state.digest), c.Cancel(by=ALICE))
    assert tale.state.status is Status.cancelled and "as it was" in tale.state.undone


# --- time -----------------------------------------------------------------------------------------------


def test_reminder_escalation_and_expiry_each_once() -> None:
    tale = asked(SOON)
    happened = {}
    for minute in range(130):
        for _ in range(2):
            for event in tale.obey(minutes(tale, minute)) if tale.state.status is Status.awaiting_approval else ():
                happened[minute] = event
    assert happened == {
        10: e.Reminded(number=1),
        20: e.Reminded(number=2),
        30: e.Escalated(),
        40: e.Reminded(number=3),
        80: e.Reminded(number=4),
        120: e.Expired(),
    }


def test_a_clock_that_stood_still_reminds_once() -> None:
    tale = asked(SOON.model_copy(update={"escalate_to": ()}))
    assert tale.obey(minutes(tale, 100)) == [e.Reminded(number=4)]
    assert tale.obey(minutes(tale, 100)) == []


def test_without_reminders_nobody_is_reminded() -> None:
    tale = asked(SOON.model_copy(update={"escalate_to": (), "remind_minutes": 0}))
    assert tale.obey(minutes(tale, 119)) == []


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.awaiting_approval])
def test_time_brings_nothing_elsewhere(status: Status) -> None:
    state = asked(SOON).state.model_copy(update={"status": status})
    assert state.asked_at is not None
    assert due(state, state.asked_at + timedelta(days=400)) is None


def test_escalated_means_that_the_second_group_has_voices_too() -> None:
    tale = asked(SOON)
    with pytest.raises(Refused, match="not among"):
        tale.obey(approve(EMIL, tale.state.digest))
    tale.obey(minutes(tale, 30), approve(EMIL, tale.state.digest))
    assert voices.asked(tale.state) == (BOB.id, CAROL.id, EMIL.id)
    tale.obey(approve(BOB, tale.state.digest))
    assert tale.state.status is Status.migrating


def test_an_expired_request_is_made_again_with_what_was_acknowledged() -> None:
    tale = Tale().checked(plan(), result(WARNING), policy=SOON)
    tale.obey(request(tale.state, acknowledged=(WARNING.key,)))
    digest = tale.state.digest
    tale.obey(approve(BOB, digest), minutes(tale, 120))
    assert (tale.state.status, tale.state.expired, tale.state.approvals) == (Status.ready, True, ())
    with pytest.raises(Refused, match="ready to be started"):
        tale.obey(approve(CAROL, digest))
    tale.obey(request(tale.state, acknowledged=tale.state.acknowledged))
    assert tale.state.status is Status.awaiting_approval and not tale.state.expired
    assert tale.state.requests == 2 and tale.state.reminded == 0
    tale.obey(approve(CAROL, digest))
    assert tale.state.status is Status.awaiting_approval, "what was approved before it expired is void"


# --- breaking the glass ---------------------------------------------------------------------------------


def test_breaking_the_glass_needs_a_reason_and_stands_in_the_state() -> None:
    tale = asked()
    with pytest.raises(Refused, match="at least 10 letters"):
        tale.obey(c.BreakGlass(by=CAROL, digest=tale.state.digest, reason="  hurry    "))
    events = tale.obey(c.BreakGlass(by=CAROL, digest=tale.state.digest, reason=f" {REASON} "))
    assert [type(x) for x in events] == [e.GlassBroken, e.RunQueued]
    assert tale.state.glass is not None
    assert (tale.state.glass.by, tale.state.glass.reason) == (CAROL, REASON)
    assert tale.state.status is Status.migrating and tale.state.approvals == ()


def test_there_may_be_no_glass_to_break() -> None:
    tale = asked(Policy(approvals=1))
    with pytest.raises(Refused, match="Nobody may start"):
        tale.obey(c.BreakGlass(by=CAROL, digest=tale.state.digest, reason=REASON))


def test_a_glass_broken_for_one_plan_is_whole_for_the_next() -> None:
    tale = asked()
    tale.obey(c.BreakGlass(by=CAROL, digest=tale.state.digest, reason=REASON))
    tale.obey(tell(e.Drifted(run=1, changes=("table c was added",), plan=plan(("a", "b", "c")))))
    assert tale.state.glass is None and tale.state.status is Status.ready


# --- the target's name ----------------------------------------------------------------------------------


def test_replacing_a_production_target_needs_its_name() -> None:
    tale = Tale().checked(plan(options=Options(overwrite=True)), policy=TWO)
    for wrong in ("", "shop", "SHOP-NEW"):
        with pytest.raises(Refused, match="type its name"):
            tale.obey(request(tale.state, typed=wrong))
    tale.obey(request(tale.state, typed="shop-new"))
    assert tale.state.typed == "shop-new"


# --- drift ----------------------------------------------------------------------------------------------


def approved() -> Tale:
    tale = asked()
    tale.obey(approve(BOB, tale.state.digest), approve(CAROL, tale.state.digest))
    return tale


def test_drift_voids_the_approvals_and_old_buttons_tell_the_difference() -> None:
    tale = approved()
    old, new = tale.state.digest, plan(("orders", "people", "late"))
    tale.obey(tell(e.Drifted(run=1, changes=("table public.late was added",), plan=new, results=(result(),))))
    state = tale.state
    assert (state.status, state.approvals, state.digest) == (Status.ready, (), new.digest)
    assert react(state) == []
    for command in (approve(BOB, old), c.Revoke(by=BOB, digest=old), c.Decline(by=BOB, digest=old, reason="no")):
        with pytest.raises(Refused, match=r"changed since this button was shown: table public\.late was added"):
            tale.obey(command)
    tale.obey(request(tale.state))
    assert tale.state.drift == ()


def test_drift_into_a_blocker_blocks_and_says_so_at_old_buttons() -> None:
    tale = approved()
    old = tale.state.digest
    tale.obey(tell(e.Drifted(run=1, changes=("a check blocks now: the disk is full",), plan=None)))
    assert tale.state.status is Status.blocked and tale.state.plan is None
    with pytest.raises(Refused, match="the disk is full"):
        tale.obey(approve(BOB, old))


def test_what_has_begun_does_not_drift() -> None:
    tale = approved()
    begun = tell(e.Begun(run=1, digest=tale.state.digest))
    with pytest.raises(Refused, match="not the plan that was approved"):
        tale.obey(tell(e.Begun(run=1, digest="0" * 64)))
    tale.obey(begun)
    assert tale.obey(begun) == [], "a conductor that took over begins nothing twice"
    with pytest.raises(Refused, match="its own work"):
        tale.obey(tell(e.Drifted(run=1, changes=("x",), plan=plan())))
    tale.obey(tell(e.RunFailed(run=1, problem=LOST)), c.Resume(by=ALICE))
    assert tale.state.begun, "a retry continues; it does not compare the target with its own work"


def test_what_was_found_is_part_of_what_is_approved() -> None:
    plain = plan()
    found = plain.model_copy(update={"validation": ("warn:settings:TimeZone",)})
    assert found.digest != plain.digest
    assert '"validation"' not in plain.canonical(), "plans of earlier versions keep their digests"
    tale = Tale().checked(plain, policy=TWO).checked(found, policy=TWO)
    with pytest.raises(Refused, match="a check warns now: settings TimeZone"):
        tale.obey(c.Request(by=ALICE, digest=plain.digest))


# --- stories of earlier versions ------------------------------------------------------------------------


def test_a_request_of_an_earlier_version_is_read_and_approved() -> None:
    tale = Tale().requested()
    old = EVENT.validate_python({"type": "requested", "by": {"id": ALICE.id}, "digest": tale.state.digest})
    assert isinstance(old, e.Requested) and old.pinned is None and old.policy is None
    story = [*tale.story[:-1], tale.story[-1].model_copy(update={"event": old})]
    state = replay(MIGRATION, story)
    assert [type(x) for x in decide(state, approve(DORA, state.digest))] == [e.Approved, e.RunQueued]


def test_a_run_of_an_earlier_version_has_begun_with_its_first_phase() -> None:
    tale = approved()
    tale.obey(tell(e.PhaseReached(run=1, phase="prepare", title="Reading")))
    assert tale.state.begun
    tale.obey(tell(e.Proven(run=1, receipt=RECEIPT)))
