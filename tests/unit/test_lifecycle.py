"""The life of a migration, by readable examples: up to a run."""

from __future__ import annotations

import pytest

from bot.ui import card
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import Refused
from jobs.core.lifecycle import decide, react
from jobs.core.model import Person, Problem
from jobs.core.policy import Policy
from jobs.core.state import ENDED, Status
from tests.support.statuses import (
    in_status,
    renders,
)
from tests.support.tales import (
    ALICE,
    BOB,
    CAROL,
    LOST,
    RECEIPT,
    WARNING,
    Tale,
    approve,
    configure,
    draft,
    plan,
    result,
    tell,
)


@pytest.mark.parametrize("status", Status)
def test_every_status_is_reached_and_renders(status: Status) -> None:
    tale = in_status(status)
    renders(tale.state, tale.story)


@pytest.mark.parametrize("status", Status)
def test_cancel_in_every_status(status: Status) -> None:
    tale = in_status(status)
    if status in (*ENDED, Status.cancelling, Status.rolling_back):
        with pytest.raises(Refused, match=r"already|cannot be undone"):
            tale.obey(c.Cancel(by=BOB))
        return
    tale.obey(c.Cancel(by=BOB))
    if tale.state.run:
        assert tale.state.status is Status.cancelling
        (ring,) = react(tale.state)
        assert (ring.kind, ring.token) == ("migrate", "r1-cancel"), "the conductor undoes what it made"
        tale.obey(tell(e.Cancelled(undone="2 tables were removed.")))
    assert tale.state.status is Status.cancelled
    assert tale.state.cancelled_by == BOB
    assert tale.state.undone


@pytest.mark.parametrize("status", sorted(ENDED))
def test_ended_is_ended(status: Status) -> None:
    tale = in_status(status)
    for command in (
        *((c.Refresh(by=ALICE), c.RollBack(by=ALICE)) if status is not Status.done else ()),
        c.Revalidate(by=ALICE),
        c.Release(by=ALICE),
        draft(),
        configure(),
        c.Request(by=ALICE, digest=tale.state.digest),
        approve(CAROL, tale.state.digest),
        c.Decline(by=BOB, digest=tale.state.digest, reason="no"),
        c.Pause(by=ALICE),
        c.Resume(by=ALICE),
        tell(e.Noted(run=tale.state.run, text="late")),
        tell(e.Finished(run=tale.state.run, receipt=RECEIPT)),
        tell(e.RunFailed(run=tale.state.run, problem=LOST)),
        tell(e.ValidationStarted(attempt=tale.state.attempt)),
    ):
        with pytest.raises(Refused):
            decide(tale.state, command)
    assert decide(tale.state, c.Detach(by=ALICE)) == []
    assert react(tale.state) == []


def test_a_stale_button_tells_the_difference() -> None:
    tale = Tale().requested(plan(("orders",)))
    shown = tale.state.digest
    tale.obey(c.Decline(by=BOB, digest=shown, reason="more tables, please"))
    tale.requested(plan(("orders", "people")))
    with pytest.raises(
        Refused, match=r"The plan changed since this button was shown: table public\.people was added"
    ):
        tale.obey(approve(BOB, shown))
    with pytest.raises(Refused, match=r"public\.people was added"):
        tale.obey(c.Decline(by=BOB, digest=shown, reason="no"))
    assert tale.state.status is Status.awaiting_approval and tale.state.approvals == ()


def test_a_plan_older_than_the_last_one_asks_to_look_again() -> None:
    tale = Tale().checked(plan(("a",)))
    shown = tale.state.digest
    tale.checked(plan(("b",))).checked(plan(("c",)))
    with pytest.raises(Refused, match="please look at it again"):
        tale.obey(c.Request(by=ALICE, digest=shown))


def test_request_with_a_stale_digest_starts_nothing() -> None:
    tale = Tale().checked(plan(("orders",)), policy=Policy())
    shown = tale.state.digest
    tale.checked(plan(("orders", "people")), policy=Policy())
    with pytest.raises(Refused, match=r"table public\.people was added"):
        tale.obey(c.Request(by=ALICE, digest=shown))
    assert tale.state.status is Status.ready


def test_a_double_click_on_migrate_starts_one_run() -> None:
    tale = Tale().checked(plan(), policy=Policy())
    request = c.Request(by=ALICE, digest=tale.state.digest)
    assert [type(x) for x in tale.obey(request)] == [e.Requested, e.RunQueued]
    assert tale.obey(request) == []
    with pytest.raises(Refused, match="nothing was started twice"):
        tale.obey(c.Request(by=BOB, digest=tale.state.digest))


def test_a_double_click_on_approve_counts_once() -> None:
    tale = Tale().requested(policy=Policy(approvals=2))
    tale.obey(approve(BOB, tale.state.digest))
    with pytest.raises(Refused, match="counts once"):
        tale.obey(approve(BOB, tale.state.digest))
    assert tale.state.status is Status.awaiting_approval
    assert [type(x) for x in tale.obey(approve(CAROL, tale.state.digest))] == [e.Approved, e.RunQueued]
    with pytest.raises(Refused, match="approved already and is running"):
        tale.obey(approve(Person(id="U0DORA"), tale.state.digest))


def test_the_requester_does_not_approve() -> None:
    tale = Tale().requested()
    with pytest.raises(Refused, match="somebody else must approve"):
        tale.obey(approve(ALICE, tale.state.digest))


def test_the_requester_may_approve_where_the_policy_says_so() -> None:
    tale = Tale().requested(policy=Policy(approvals=1, self_approval=True))
    tale.obey(approve(ALICE, tale.state.digest))
    assert tale.state.status is Status.migrating


def test_whoever_requests_is_the_requester_not_who_drafted() -> None:
    tale = Tale().checked(plan())
    tale.obey(c.Request(by=BOB, digest=tale.state.digest))
    with pytest.raises(Refused, match="somebody else must approve"):
        tale.obey(approve(BOB, tale.state.digest))


def test_declined_then_requested_again_begins_without_approvals() -> None:
    tale = Tale().requested(policy=Policy(approvals=2))
    digest = tale.state.digest
    tale.obey(approve(BOB, digest), c.Decline(by=CAROL, digest=digest, reason="wait for the backup"))
    declined = tale.state
    assert (declined.status, declined.approvals) == (Status.ready, ())
    assert "wait for the backup" in str(card.blocks(declined))
    tale.obey(c.Request(by=ALICE, digest=digest))
    assert tale.state.declined is None
    assert [type(x) for x in tale.obey(approve(BOB, digest))] == [e.Approved], "the earlier approval is void"


def test_a_new_target_forgets_a_refusal_of_the_old_one() -> None:
    tale = Tale().requested()
    tale.obey(c.Decline(by=BOB, digest=tale.state.digest, reason="wrong target"))
    same = draft(tale.state.policy)
    assert tale.obey(same) == [], "the same target again voids nothing"
    tale.obey(same.model_copy(update={"free_bytes": 7}))
    assert tale.state.declined is None and tale.state.plan is None


def test_warnings_must_be_acknowledged_by_name() -> None:
    tale = Tale().checked(plan(), result(WARNING), policy=Policy())
    with pytest.raises(Refused, match="acknowledge the warnings first: The time zones differ"):
        tale.obey(c.Request(by=ALICE, digest=tale.state.digest, acknowledged=("other:x",)))
    tale.obey(c.Request(by=ALICE, digest=tale.state.digest, acknowledged=(WARNING.key,)))
    assert tale.state.status is Status.migrating


def test_retry_only_when_resumable() -> None:
    tale = Tale().failed()
    assert tale.obey(c.Resume(by=BOB)) == [e.Resumed(by=BOB, run=2)]
    assert react(tale.state)[0].token == "r2"
    final = Problem(what="The source is gone.", meaning="", remedy="Begin anew.", resumable=False)
    tale = Tale().failed(final)
    with pytest.raises(Refused, match="cannot be retried") as refusal:
        tale.obey(c.Resume(by=BOB))
    assert refusal.value.remedy == "Begin anew."


def test_reports_of_an_old_attempt_are_refused() -> None:
    tale = in_status(Status.validating)
    tale.obey(configure())
    late: list[e.Report] = [
        e.ValidationStarted(attempt=1),
        e.CheckFinished(attempt=1, result=result()),
        e.Validated(attempt=1, plan=plan()),
        e.ValidationBroke(attempt=1, problem=LOST),
    ]
    for event in late:
        with pytest.raises(Refused, match="not the current one"):
            tale.obey(tell(event))


def test_reports_of_an_old_run_are_refused() -> None:
    tale = Tale().failed()
    tale.obey(c.Resume(by=ALICE))
    late: list[e.Report] = [
        e.RunStarted(run=1),
        e.PhaseReached(run=1, phase="copy", title="Copying"),
        e.Noted(run=1, text="late"),
        e.Troubled(run=1, problem=LOST, attempt=1, retry_seconds=1),
        e.RunFailed(run=1, problem=LOST),
        e.Proven(run=1, receipt=RECEIPT),
        e.Finished(run=1, receipt=RECEIPT),
    ]
    for event in late:
        with pytest.raises(Refused, match="not the current one"):
            tale.obey(tell(event))


def test_a_run_may_pause_itself_and_says_why() -> None:
    tale = Tale().running()
    with pytest.raises(Refused, match="not the current one"):
        tale.obey(c.Halt(run=2, why="the disk"))
    tale.obey(c.Halt(run=1, why="the disk"), tell(e.Paused(run=1)))
    assert tale.state.status is Status.paused and tale.state.pause_why == "the disk"
    renders(tale.state, tale.story)
    tale.obey(c.Resume(by=ALICE), c.Pause(by=ALICE))
    assert tale.state.pause_why == ""
    for status in (Status.pausing, Status.paused, Status.failed, Status.done):
        other = in_status(status)
        with pytest.raises(Refused):
            other.obey(c.Halt(run=other.state.run, why="late"))
    tale = Tale().running()
    tale.obey(tell(e.Proven(run=1, receipt=RECEIPT)))
    with pytest.raises(Refused, match="verified already"):
        tale.obey(c.Halt(run=1, why="late"))
