"""Every sequence of gestures and reports: what may follow what, whoever asks and however often."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import Refused
from jobs.core.evolve import replay
from jobs.core.lifecycle import react
from jobs.core.model import Person, Wish
from jobs.core.policy import Policy
from jobs.core.state import ENDED, RUNNING, State, Status
from jobs.core.throttle import Limit
from tests.support.oracle import Oracle
from tests.support.statuses import (
    DIFFERENCE,
    MIDNIGHT,
    MOMENTS,
    MORNING,
    NIGHTLY,
    PEOPLE,
    PINNED,
    PLANS,
    POINT,
    ROWS,
    renders,
)
from tests.support.tales import (
    ALICE,
    BLOCKER,
    CAROL,
    LOST,
    MIGRATION,
    NOON,
    RECEIPT,
    WARNING,
    Tale,
    approve,
    configure,
    draft,
    result,
    tell,
)


class Lives(RuleBasedStateMachine):
    """People and workers do anything at any time. What they find out is kept by the oracle, apart from `State`."""

    def __init__(self) -> None:
        super().__init__()
        self.tale = Tale()
        self.oracle = Oracle()
        self.crowd: list[Person] = []
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
            self.oracle.note(before, command, event)

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
            assert len(self.oracle.consents) < self.state.policy.approvals
            assert self.oracle.queued_for_request == 0

    @invariant()
    def a_run_has_its_request_and_plan(self) -> None:
        if self.state.status in RUNNING or self.state.status in (Status.paused, Status.failed, Status.done):
            assert not (self.state.held and self.state.status not in RUNNING), "no way out leaves the source held"
            assert self.oracle.asked is not None and self.oracle.queued_for_request == 1
            assert self.state.digest == self.oracle.asked.digest, "what was approved is what runs"
        if self.state.status is Status.scheduled:
            assert self.oracle.asked is not None and self.state.digest == self.oracle.asked.digest
            assert self.state.opens is not None and self.state.resuming is bool(self.oracle.queued_for_request)
            assert not self.state.held
            assert len(self.oracle.consents) >= self.state.policy.approvals or self.oracle.broken
        if self.state.status is Status.done:
            assert self.oracle.proven

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
