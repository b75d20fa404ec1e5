"""The life of a migration: what may follow what, whoever asks and however often."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.sandbox.slack.blocks import check_message_blocks, check_view
from bot.ui import card, findings, log_view, logs
from bot.ui import plan as plan_view
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import Refused
from jobs.core.evolve import evolve, replay
from jobs.core.lifecycle import decide, react
from jobs.core.model import Options, Person, Problem, Wish
from jobs.core.policy import Policy
from jobs.core.state import ENDED, RUNNING, State, Status
from jobs.core.throttle import Limit
from jobs.core.verdict import BrokenKey, Difference, RestorePoint, RowDifference
from tests.support.tales import (
    ALICE,
    BLOCKER,
    BOB,
    CAROL,
    LOST,
    MIGRATION,
    NOON,
    RECEIPT,
    TARGET,
    WARNING,
    Tale,
    approve,
    configure,
    draft,
    plan,
    result,
    tell,
)

PLANS = (plan(), plan(("orders",)), plan(options=Options(parallelism=8)))
PEOPLE = (ALICE, BOB, CAROL)
PINNED = (ALICE.id, BOB.id)
# What Slack's limits on a view are counted in does not matter here: states are small, their shape is what is tried.
VIEW_BYTES = 1000
NIGHTLY = TARGET.model_copy(update={"windows": ("22:00-04:00",), "windows_bind": True})
MIDNIGHT, MORNING = NOON + timedelta(hours=12), NOON + timedelta(hours=18)
MOMENTS = st.sampled_from([None, NOON, MIDNIGHT, MORNING])


def is_night(at: datetime) -> bool:
    """Within the windows of NIGHTLY."""
    return at.hour >= 22 or at.hour < 4


DIFFERENCE = Difference(kind="index", name="public.a_idx", what="missing on the target")
ROWS = RowDifference(table="public.a", missing=2, key=("id",), examples=("1", "2"))
POINT = RestorePoint(path="/restore/m.dump", bytes=10, sha256="0" * 64)
BROKEN = BrokenKey(name="a_fk of public.a", orphans=3, find="select 1")


def renders(state: State, story: list[e.Recorded]) -> None:
    """Everything that is ever shown of a state, as strictly as Slack takes it."""
    check_message_blocks(card.blocks(state))
    assert card.text(state).strip()
    views = [findings.view(state), plan_view.view(state), log_view.view(state, story)]
    if state.plan is not None:
        views.append(plan_view.whole(state))
    for view in views:
        check_view(view, ("modal",), VIEW_BYTES)
    assert isinstance(logs.full(state, story, None), str)


# --- every sequence of gestures and reports -------------------------------------------------------------


class Lives(RuleBasedStateMachine):
    """People and workers do anything at any time. What they find out is kept here, apart from `State`."""

    def __init__(self) -> None:
        super().__init__()
        self.tale = Tale()
        self.asked: e.Requested | None = None
        self.crowd: list[Person] = []
        self.consents: set[str] = set()
        self.queued_for_request = 0
        self.proven = False
        self.begun = self.broken = False
        self.spoken: dict[str, str] = {}
        self.rendered: State | None = None

    @property
    def state(self) -> State:
        return self.tale.state

    def obey(self, command: c.Command) -> None:
        before = self.state
        try:
            events = self.tale.obey(command)
        except Refused as refusal:
            assert refusal.what
            assert self.state is before, "a refusal changes nothing"
            return
        begun_anew = isinstance(command, c.Refresh | c.Revalidate | c.RollBack) and before.status is Status.done
        assert begun_anew or not (before.status in ENDED and events), f"{command} after the end"
        for event in events:
            self.note(before, command, event)

    def note(self, before: State, command: c.Command, event: e.Event) -> None:
        """The oracle: it reads events only."""
        match event:
            case e.Requested():
                assert before.plan is not None and event.digest == before.plan.digest
                self.asked, self.consents, self.queued_for_request, self.broken = event, set(), 0, False
                self.spoken = {}
            case e.Approved():
                by, digest = event.approval.by.id, event.approval.digest
                assert self.asked is not None and before.plan is not None
                assert digest == self.asked.digest == before.plan.digest
                assert by not in self.consents, "one person counts once"
                assert self.asked.pinned is None or by in PINNED or by in {d.to.id for d in before.delegations}
                assert by != self.asked.by.id or before.policy.self_approval
                assert event.approval.voice not in self.spoken.values(), "one voice counts once, whoever speaks"
                self.spoken[by] = event.approval.voice
                self.consents.add(by)
            case e.Revoked():
                assert event.by.id in self.consents and not self.begun
                self.consents.discard(event.by.id)
                del self.spoken[event.by.id]
                self.queued_for_request = 0
            case e.GlassBroken():
                assert len(event.reason) >= 10 and before.policy.break_glass
                self.broken = True
            case e.Delegated():
                assert event.by.id in PINNED and event.to.id not in PINNED
            case e.Declined() | e.Expired():
                assert before.status is Status.awaiting_approval
                self.asked = None
            case e.Begun():
                self.begun = True
            case e.Drifted():
                assert not self.begun, "a target is not compared with our own work"
                self.asked, self.broken = None, False
            case e.RunQueued():
                assert self.asked is not None and event.digest == self.asked.digest
                waited = isinstance(command, c.When) and before.status is Status.scheduled
                assert waited or isinstance(command, c.Approve | c.Request | c.BreakGlass)
                moment = getattr(command, "at", None) or (
                    command.approval.at if isinstance(command, c.Approve) else None
                )
                assert not before.target or not before.target.windows or (moment and is_night(moment))
                assert len(self.consents) >= before.policy.approvals or self.broken
                self.queued_for_request += 1
                assert self.queued_for_request == 1, "a request starts one run"
            case e.RunStarted() | e.PhaseReached():
                self.begun = True
            case e.Resumed(mode="refresh") if before.status is Status.done:
                self.proven = False
            case e.Proven():
                self.proven = True
            case e.Finished():
                assert self.proven, "no green that was not proven"
            case _:
                pass

    # --- the usual way, so that late states are reached ---

    @initialize(
        approvals=st.integers(0, 3),
        own=st.booleans(),
        steps=st.integers(0, 7),
        crowd=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4),
        windows=st.booleans(),
    )
    def begin_somewhere(self, approvals: int, own: bool, steps: int, crowd: list[Person], windows: bool) -> None:
        self.crowd = crowd
        begun = draft(Policy(approvals=approvals, self_approval=own, break_glass=("S0CHIEFS",)))
        self.obey(begun.model_copy(update={"target": NIGHTLY}) if windows else begun)
        for _ in range(steps):
            self._usual()

    @rule(steps=st.integers(1, 3))
    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            self._usual()

    def _usual(self) -> None:
        state = self.state
        match state.status:
            case Status.draft | Status.blocked:
                self.obey(configure())
            case Status.configured:
                self.obey(tell(e.ValidationStarted(attempt=state.attempt)))
            case Status.validating:
                self.obey(tell(e.Validated(attempt=state.attempt, plan=PLANS[0])))
            case Status.ready:
                keys = tuple(f.key for r in state.results for f in r.findings)
                self.obey(c.Request(by=ALICE, digest=state.digest, acknowledged=keys))
            case Status.awaiting_approval:
                # Everybody presses, the requester and those of the last plan too; who counts is not known here.
                for by in self.crowd:
                    self.obey(approve(by, PLANS[1].digest))
                    self.obey(approve(by, state.digest))
            case Status.migrating | Status.verifying:
                self.obey(tell(e.Finished(run=state.run, receipt=RECEIPT)))
                self.obey(tell(e.Proven(run=state.run, receipt=RECEIPT)))
            case Status.pausing:
                self.obey(tell(e.Paused(run=state.run)))
            case Status.paused | Status.failed:
                self.obey(c.Resume(by=ALICE))
            case Status.cancelling:
                self.obey(tell(e.Cancelled(undone="Everything was removed.")))
            case Status.rolling_back:
                self.obey(tell(e.RolledBack(run=state.run, undone="Everything was removed.")))
            case Status.scheduled:
                self.obey(c.Tick(at=MIDNIGHT))
            case _:
                pass

    # --- anything ---

    @rule(approvals=st.integers(0, 2), own=st.booleans(), by=st.sampled_from(PEOPLE))
    def draft(self, approvals: int, own: bool, by: Person) -> None:
        self.obey(draft(Policy(approvals=approvals, self_approval=own), by))

    @rule(by=st.sampled_from(PEOPLE))
    def configure(self, by: Person) -> None:
        self.obey(configure(by))

    @rule(
        kind=st.sampled_from(
            [c.Pause, c.Resume, c.Cancel, c.Detach, c.GiveUp, c.Release, c.Refresh, c.Revalidate, c.RollBack]
        ),
        by=st.sampled_from(PEOPLE),
    )
    def press(self, kind: Callable[..., Any], by: Person) -> None:
        self.obey(kind(by=by))

    @rule(
        data=st.data(),
        by=st.sampled_from(PEOPLE),
        read=st.booleans(),
        at=MOMENTS,
        start=MOMENTS,
        pauses=st.booleans(),
    )
    def request(
        self, data: st.DataObject, by: Person, read: bool, at: datetime | None, start: datetime | None, pauses: bool
    ) -> None:
        keys = tuple(f.key for r in self.state.results for f in r.findings) if read else ()
        pinned = data.draw(st.sampled_from([None, PINNED]))
        wish = Wish(start_at=start, pause_at_close=pauses)
        self.obey(
            c.Request(
                by=by,
                digest=self._digest(data),
                acknowledged=keys,
                at=at,
                wish=wish,
                pinned=pinned,
                later=(CAROL.id,),
            )
        )

    @rule(by=st.sampled_from(PEOPLE), at=st.sampled_from([NOON, MIDNIGHT, MORNING]), start=MOMENTS)
    def change_the_time(self, by: Person, at: datetime, start: datetime | None) -> None:
        self.obey(c.Reschedule(by=by, at=at, start_at=start))

    @rule(by=st.sampled_from(PEOPLE), at=st.sampled_from([NOON, MIDNIGHT, MORNING]))
    def start_now(self, by: Person, at: datetime) -> None:
        self.obey(c.StartNow(by=by, at=at))

    @rule(at=st.sampled_from([NOON, MIDNIGHT, MORNING]))
    def tick_at(self, at: datetime) -> None:
        self.obey(c.Tick(at=at))

    @rule(by=st.sampled_from(PEOPLE), lanes=st.sampled_from([None, 1, 4]), rate=st.sampled_from([None, 10**6]))
    def slow_down(self, by: Person, lanes: int | None, rate: int | None) -> None:
        self.obey(c.Slow(by=by, limit=Limit(lanes=lanes, bytes_per_second=rate)))

    @rule(by=st.sampled_from(PEOPLE), at=MOMENTS)
    def resume_at(self, by: Person, at: datetime | None) -> None:
        self.obey(c.Resume(by=by, at=at))

    @rule(data=st.data(), by=st.sampled_from(PEOPLE))
    def approve(self, data: st.DataObject, by: Person) -> None:
        self.obey(approve(by, self._digest(data)))

    @rule(data=st.data(), by=st.sampled_from(PEOPLE))
    def decline(self, data: st.DataObject, by: Person) -> None:
        self.obey(c.Decline(by=by, digest=self._digest(data), reason="not on a Friday"))

    @rule(data=st.data(), by=st.sampled_from(PEOPLE), to=st.sampled_from(PEOPLE))
    def delegate(self, data: st.DataObject, by: Person, to: Person) -> None:
        self.obey(c.Delegate(by=by, to=to, digest=self._digest(data)))

    @rule(data=st.data(), by=st.sampled_from(PEOPLE))
    def revoke(self, data: st.DataObject, by: Person) -> None:
        self.obey(c.Revoke(by=by, digest=self._digest(data)))

    @rule(data=st.data(), by=st.sampled_from(PEOPLE), reason=st.sampled_from(["", "it cannot wait"]), at=MOMENTS)
    def break_glass(self, data: st.DataObject, by: Person, reason: str, at: datetime | None) -> None:
        self.obey(c.BreakGlass(by=by, digest=self._digest(data), reason=reason, at=at))

    @rule(hours=st.sampled_from([0, 1, 3, 5, 100]))
    def tick(self, hours: int) -> None:
        moment = c.Tick(at=(self.state.asked_at or NOON) + timedelta(hours=hours))
        for _ in range(3):
            self.obey(moment)
        story = len(self.tale.story)
        self.obey(moment)
        assert len(self.tale.story) == story, "a second clock finds nothing to do"

    @rule(late=st.integers(0, 1), data=st.data())
    def report_begin(self, late: int, data: st.DataObject) -> None:
        run = max(0, self.state.run - late)
        self.obey(tell(e.Begun(run=run, digest=self._digest(data))))

    @rule(late=st.integers(0, 1), now=st.sampled_from([*PLANS, None]))
    def report_drift(self, late: int, now: Any) -> None:
        run = max(0, self.state.run - late)
        self.obey(tell(e.Drifted(run=run, changes=("table x was added",), plan=now)))

    @rule(by=st.sampled_from(PEOPLE), reason=st.sampled_from(["", "known"]))
    def waive(self, by: Person, reason: str) -> None:
        self.obey(c.Waive(by=by, keys=tuple(d.key for d in self.state.differences), reason=reason))

    def _digest(self, data: st.DataObject) -> str:
        known = [self.state.digest, self.state.digest, *(p.digest for p in PLANS), "0" * 64, ""]
        digest: str = data.draw(st.sampled_from(known))
        return digest

    @rule(late=st.integers(0, 1), check=st.sampled_from("abc"), found=st.sampled_from([(), (WARNING,), (BLOCKER,)]))
    def report_check(self, late: int, check: str, found: Any) -> None:
        attempt = self.state.attempt - late
        self.obey(tell(e.CheckFinished(attempt=attempt, result=result(*found, check=check))))

    @rule(late=st.integers(0, 1), made=st.sampled_from([*PLANS, None]))
    def report_validation(self, late: int, made: Any) -> None:
        attempt = self.state.attempt - late
        self.obey(tell(e.ValidationStarted(attempt=attempt)))
        self.obey(tell(e.Validated(attempt=attempt, plan=made)))

    @rule(late=st.integers(0, 1))
    def report_broken_validation(self, late: int) -> None:
        self.obey(tell(e.ValidationBroke(attempt=self.state.attempt - late, problem=LOST)))

    @rule(late=st.integers(0, 1), data=st.data())
    def report_run(self, late: int, data: st.DataObject) -> None:
        run = max(0, self.state.run - late)
        lost_for_good = LOST.model_copy(update={"resumable": False})
        reports: list[e.Report] = [
            e.RunStarted(run=run),
            e.PhaseReached(run=run, phase="copy", title="Copying rows"),
            e.PhaseReached(run=run, phase="verify", title="Verifying"),
            e.Noted(run=run, text="public.orders: 10 rows"),
            e.Troubled(run=run, problem=LOST, attempt=1, retry_seconds=2),
            e.Paused(run=run),
            e.RunFailed(run=run, problem=LOST),
            e.RunFailed(run=run, problem=lost_for_good, reasons=("a", "b")),
            e.RunFailed(run=run, problem=LOST, differences=(DIFFERENCE,), rows=(ROWS,)),
            e.Strained(run=run, reason="busy", limit=Limit(lanes=1)),
            e.Strained(run=run),
            e.HoldTaken(run=run),
            e.HoldEnded(run=run, why="released"),
            e.RestorePointMade(run=run, point=POINT),
            e.RolledBack(run=run, undone="gone"),
            e.Proven(run=run, receipt=RECEIPT),
            e.Finished(run=run, receipt=RECEIPT),
            e.Cancelled(undone="gone"),
        ]
        self.obey(tell(data.draw(st.sampled_from(reports))))

    # --- always ---

    @invariant()
    def replaying_the_story_tells_the_same(self) -> None:
        assert replay(MIGRATION, self.tale.story) == self.state
        assert [r.version for r in self.tale.story] == list(range(1, len(self.tale.story) + 1))

    @invariant()
    def a_satisfied_policy_waits_for_nobody(self) -> None:
        if self.state.status is Status.awaiting_approval:
            assert len(self.consents) < self.state.policy.approvals
            assert self.queued_for_request == 0

    @invariant()
    def a_run_has_its_request_and_plan(self) -> None:
        if self.state.status in RUNNING or self.state.status in (Status.paused, Status.failed, Status.done):
            assert not (self.state.held and self.state.status not in RUNNING), "no way out leaves the source held"
            assert self.asked is not None and self.queued_for_request == 1
            assert self.state.digest == self.asked.digest, "what was approved is what runs"
        if self.state.status is Status.scheduled:
            assert self.asked is not None and self.state.digest == self.asked.digest
            assert self.state.opens is not None and self.state.resuming is bool(self.queued_for_request)
            assert not self.state.held
            assert len(self.consents) >= self.state.policy.approvals or self.broken
        if self.state.status is Status.done:
            assert self.proven

    @invariant()
    def a_plan_has_no_blocker_and_each_check_one_result(self) -> None:
        names = [r.check for r in self.state.results]
        assert len(names) == len(set(names))
        if self.state.plan is not None:
            assert not any(f.severity == "block" for r in self.state.results for f in r.findings)

    @invariant()
    def doorbells_are_valid_and_only_for_work(self) -> None:
        rings = react(self.state)
        assert bool(rings) is (self.state.status in RUNNING or self.state.status in ("configured", "validating"))
        assert all(re.fullmatch(r"[A-Za-z0-9_-]+", ring.job_id) for ring in rings)

    @invariant()
    def everything_renders(self) -> None:
        if self.state is not self.rendered:
            self.rendered = self.state
            renders(self.state, self.tale.story)


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


# --- readable examples ----------------------------------------------------------------------------------


def in_status(status: Status) -> Tale:
    """A tale that has come to this status."""
    tale = Tale()
    match status:
        case Status.new:
            pass
        case Status.draft:
            tale.obey(draft())
        case Status.configured:
            tale.obey(draft(), configure())
        case Status.validating:
            tale.obey(draft(), configure(), tell(e.ValidationStarted(attempt=1)))
        case Status.blocked:
            tale.checked(None, result(BLOCKER))
        case Status.ready:
            tale.checked(plan())
        case Status.awaiting_approval:
            tale.requested()
        case Status.scheduled:
            tale.checked(plan(), policy=Policy())
            tale.obey(c.Request(by=ALICE, digest=tale.state.digest, at=NOON, wish=Wish(start_at=MIDNIGHT)))
        case Status.migrating:
            tale.running()
        case Status.verifying:
            tale.running().obey(tell(e.PhaseReached(run=1, phase="verify", title="Verifying")))
        case Status.pausing:
            tale.running().obey(c.Pause(by=ALICE))
        case Status.paused:
            tale.running().obey(c.Pause(by=ALICE), tell(e.Paused(run=1)))
        case Status.cancelling:
            tale.running().obey(c.Cancel(by=ALICE))
        case Status.cancelled:
            tale.checked(plan()).obey(c.Cancel(by=ALICE))
        case Status.failed:
            tale.failed()
        case Status.done:
            tale.done()
        case Status.rolling_back:
            tale.done().obey(c.RollBack(by=ALICE))
        case Status.rolled_back:
            tale.done().obey(c.RollBack(by=ALICE), tell(e.RolledBack(run=2, undone="2 tables were removed.")))
    assert tale.state.status is status
    return tale


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


def test_proven_then_crash_then_finished() -> None:
    tale = Tale().running()
    tale.obey(tell(e.Proven(run=1, receipt=RECEIPT)))
    for command in (c.Pause(by=ALICE), c.Cancel(by=ALICE)):
        with pytest.raises(Refused, match="verified already"):
            tale.obey(command)
    # The conductor died. The next one finds the receipt, perhaps proves again, and ends.
    assert react(tale.state)[0].token == "r1"
    assert tale.obey(tell(e.Proven(run=1, receipt=RECEIPT))) == [], "proven once is told once"
    tale.obey(tell(e.RunStarted(run=1, takeover=True)), tell(e.Finished(run=1, receipt=RECEIPT)))
    assert tale.state.status is Status.done and tale.state.receipt == RECEIPT


def test_proven_then_the_tidying_fails_then_retry_finishes() -> None:
    tale = Tale().running()
    tale.obey(tell(e.Proven(run=1, receipt=RECEIPT)), tell(e.RunFailed(run=1, problem=LOST)))
    with pytest.raises(Refused, match="only the tidying failed"):
        tale.obey(c.Cancel(by=ALICE))
    assert "cancel" not in [b["action_id"] for b in card.buttons(tale.state)]
    tale.obey(c.Resume(by=ALICE), tell(e.Finished(run=2, receipt=RECEIPT)))
    assert tale.state.status is Status.done


def test_finished_without_a_proof_is_refused() -> None:
    with pytest.raises(Refused, match="Nothing is proven"):
        Tale().running().obey(tell(e.Finished(run=1, receipt=RECEIPT)))


@pytest.mark.parametrize("ask", [c.Pause(by=ALICE), c.Cancel(by=ALICE)])
def test_a_pause_or_cancel_that_came_first_wins_over_the_proof(ask: c.Command) -> None:
    tale = Tale().running()
    tale.obey(ask)
    with pytest.raises(Refused):
        tale.obey(tell(e.Proven(run=1, receipt=RECEIPT)))


def test_overlapping_validators_do_not_lose_or_double_a_finding() -> None:
    tale = in_status(Status.validating)
    tale.obey(tell(e.CheckFinished(attempt=1, result=result(WARNING, check="a"))))
    tale.obey(tell(e.ValidationStarted(attempt=1)))  # the sweep rang for a job that was still alive
    tale.obey(tell(e.CheckFinished(attempt=1, result=result(check="b"))))
    tale.obey(tell(e.CheckFinished(attempt=1, result=result(WARNING, check="a"))))
    assert [(r.check, len(r.findings)) for r in tale.state.results] == [("a", 1), ("b", 0)]
    tale.obey(tell(e.CheckFinished(attempt=1, result=result(BLOCKER, check="b"))))
    with pytest.raises(Refused, match="blocks"):
        tale.obey(tell(e.Validated(attempt=1, plan=plan())))


def test_a_new_check_begins_without_old_findings() -> None:
    tale = Tale().checked(None, result(BLOCKER))
    tale.obey(configure())
    assert tale.state.results == ()


def test_a_run_that_copies_again_after_a_takeover_is_not_verifying() -> None:
    tale = in_status(Status.verifying)
    tale.obey(tell(e.PhaseReached(run=1, phase="copy", title="Copying rows")))
    assert tale.state.status is Status.migrating
    assert tale.obey(tell(e.PhaseReached(run=1, phase="copy", title="Copying rows"))) == []


def test_pausing_keeps_its_status_whatever_the_run_reports() -> None:
    tale = in_status(Status.pausing)
    tale.obey(tell(e.PhaseReached(run=1, phase="verify", title="Verifying")))
    assert tale.state.status is Status.pausing


def test_closing_the_modal_makes_it_public_once() -> None:
    tale = in_status(Status.validating)
    assert tale.obey(c.Detach(by=ALICE)) == [e.Detached(by=ALICE)]
    assert tale.state.public and tale.obey(c.Detach(by=ALICE)) == []


def test_evolve_never_looks_at_a_clock() -> None:
    tale = Tale().done()
    again = State(id=MIGRATION)
    for recorded in tale.story:
        again = evolve(again, recorded)
    assert again == tale.state == replay(MIGRATION, tale.story)


def test_giving_up_is_a_way_out_only_after_a_cancel_failed() -> None:
    tale = Tale().failed()
    with pytest.raises(Refused, match="Press Cancel first"):
        tale.obey(c.GiveUp(by=ALICE))
    tale.obey(c.Cancel(by=ALICE), c.Tell(event=e.RunFailed(run=tale.state.run, problem=LOST)))
    tale.obey(c.GiveUp(by=ALICE))
    assert tale.state.status is Status.cancelled
    assert "not cleaned" in tale.state.undone


def test_a_waiver_names_differences_of_the_last_verdict_and_says_why() -> None:
    tale = Tale().running()
    tale.obey(tell(e.RunFailed(run=1, problem=LOST, differences=(DIFFERENCE,), rows=(ROWS,))))
    with pytest.raises(Refused, match="say why"):
        tale.obey(c.Waive(by=BOB, keys=(DIFFERENCE.key,), reason=" "))
    with pytest.raises(Refused, match="not those of the last verdict"):
        tale.obey(c.Waive(by=BOB, keys=("table:public.other",), reason="known"))
    with pytest.raises(Refused, match="not those of the last verdict"):
        tale.obey(c.Waive(by=BOB, keys=(), reason="known"))
    tale.obey(c.Waive(by=BOB, keys=(DIFFERENCE.key,), reason=" known "))
    assert tale.state.status is Status.migrating and tale.state.run == 2
    (waiver,) = tale.state.waivers
    assert (waiver.key, waiver.by, waiver.reason) == (DIFFERENCE.key, BOB, "known")
    assert tale.state.differences == () and tale.state.rows == ()


def test_every_way_out_of_a_run_ends_the_hold() -> None:
    ways: list[list[c.Command]] = [
        [c.Pause(by=ALICE), tell(e.Paused(run=1))],
        [c.Cancel(by=ALICE), tell(e.Cancelled(undone="gone"))],
        [tell(e.RunFailed(run=1, problem=LOST))],
        [tell(e.Proven(run=1, receipt=RECEIPT)), tell(e.Finished(run=1, receipt=RECEIPT))],
        [c.Release(by=BOB), tell(e.HoldEnded(run=1, why="released"))],
    ]
    for way in ways:
        tale = Tale().running()
        tale.obey(tell(e.HoldTaken(run=1)))
        assert tale.state.held
        tale.obey(*way)
        assert not tale.state.held


def test_released_once() -> None:
    tale = Tale().running()
    with pytest.raises(Refused, match="not held"):
        tale.obey(c.Release(by=BOB))
    tale.obey(tell(e.HoldTaken(run=1)), c.Release(by=BOB))
    assert decide(tale.state, c.Release(by=ALICE)) == [], "a second press is no second gesture"


def test_a_refresh_needs_a_new_proof_and_cannot_be_cancelled() -> None:
    tale = Tale().done()
    tale.obey(c.Refresh(by=ALICE))
    assert (tale.state.status, tale.state.mode, tale.state.run) == (Status.migrating, "refresh", 2)
    assert tale.state.receipt is None
    with pytest.raises(Refused, match="done before"):
        tale.obey(c.Cancel(by=ALICE))
    with pytest.raises(Refused, match="proven"):
        tale.obey(tell(e.Finished(run=2, receipt=RECEIPT)))
    tale.obey(tell(e.RunFailed(run=2, problem=LOST)), c.Resume(by=ALICE))
    assert tale.state.mode == "refresh", "what is retried is what failed"


def test_foreign_keys_are_looked_at_again_only_where_some_are_broken() -> None:
    with pytest.raises(Refused, match="valid"):
        Tale().done().obey(c.Revalidate(by=ALICE))
    receipt = RECEIPT.model_copy(update={"broken_keys": (BROKEN,)})
    tale = Tale().running()
    tale.obey(tell(e.Proven(run=1, receipt=receipt)), tell(e.Finished(run=1, receipt=receipt)))
    tale.obey(c.Revalidate(by=ALICE))
    assert tale.state.mode == "keys" and tale.state.receipt == receipt, "the rows stay proven"


def test_a_rollback_that_failed_can_only_be_tried_again_or_given_up() -> None:
    tale = Tale().done()
    tale.obey(c.RollBack(by=BOB))
    (ring,) = react(tale.state)
    assert (ring.kind, ring.token) == ("migrate", "r2-back")
    tale.obey(tell(e.RunFailed(run=2, problem=LOST)))
    for command in (c.Resume(by=ALICE), c.Cancel(by=ALICE), c.Refresh(by=ALICE)):
        with pytest.raises(Refused):
            tale.obey(command)
    tale.obey(c.RollBack(by=ALICE), tell(e.RolledBack(run=3, undone="gone")))
    assert tale.state.status is Status.rolled_back
