"""Before the first write: what an engine finds now decides whether the run begins, on a real ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest
from pydantic import SecretStr
from redis import Redis

from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import Permanent, Refused, Transient
from jobs.core.model import CheckResult, Dialect, Endpoint, Finding, Severity, TlsMode
from jobs.core.plan import MigrationPlan
from jobs.core.policy import Policy
from jobs.core.state import State, Status
from jobs.desk import Desk
from jobs.flow.drift import may_begin
from jobs.ports.engine import Asked, Engine
from tests.support.tales import ALICE, BLOCKER, BOB, MIGRATION, WARNING, Tale, approve, plan, result

PLACE = Endpoint("x", Dialect.postgresql, "h", 1, "d", "u", SecretStr("p"), TlsMode.prefer)
ASKED = Asked(MIGRATION, PLACE, PLACE)


@dataclass(frozen=True)
class Look:
    name: str
    title: str = "A check"


@dataclass
class Found:
    """An engine of one check, which finds what it is told to; `meanwhile` happens while it looks."""

    made: MigrationPlan
    findings: tuple[Finding, ...] = ()
    check: str = "settings"
    meanwhile: Callable[[], Any] = lambda: None

    @property
    def checks(self) -> Sequence[Look]:
        return [Look(self.check)]

    def inspect(self, asked: Asked) -> None:
        self.meanwhile()

    def look(self, check: Look, inventory: None) -> CheckResult:
        return result(*self.findings, check=check.name)

    def plan(self, asked: Asked, inventory: None) -> MigrationPlan:
        return self.made


@dataclass
class Gate:
    """An approved run that has not begun."""

    desk: Desk

    @property
    def state(self) -> State:
        return self.desk.state(MIGRATION)

    def begin(self, engine: Found, *, patient: bool = False) -> bool:
        return may_begin(self.desk, cast(Engine, engine), ASKED, self.state, self.tell, patient=patient)

    def tell(self, event: e.Report) -> State | None:
        try:
            return self.desk.obey(MIGRATION, c.Tell(event=event))
        except Refused:
            return None

    def last(self) -> e.Event:
        return self.desk.story(MIGRATION)[1][-1].event


@pytest.fixture
def gate(redis_url: str) -> Iterator[Gate]:
    with Redis.from_url(redis_url) as redis:
        made = Gate(Desk(RedisLedger(redis), RqDoorbell(redis)))
        tale = Tale().checked(plan(), policy=Policy(approvals=1))
        tale.obey(c.Request(by=ALICE, digest=tale.state.digest, pinned=(BOB.id,)), approve(BOB, tale.state.digest))
        made.desk.ledger.append(MIGRATION, 0, [recorded.event for recorded in tale.story])
        yield made


def test_nothing_changed_so_it_begins_once(gate: Gate) -> None:
    assert gate.begin(Found(plan()))
    assert gate.last() == e.Begun(run=1, digest=plan().digest)
    version = gate.state.version
    assert gate.begin(Found(plan(("other",)))), "what has begun is not compared again"
    assert gate.state.version == version


def test_another_plan_and_another_finding_are_drift(gate: Gate) -> None:
    assert not gate.begin(Found(plan(), (WARNING,)))
    drifted = gate.last()
    assert isinstance(drifted, e.Drifted) and drifted.changes == ("a check warns now: settings TimeZone",)
    assert gate.state.status is Status.ready and gate.state.results[0].findings == (WARNING,)


def test_a_blocker_is_drift_without_a_plan(gate: Gate) -> None:
    assert not gate.begin(Found(plan(), (BLOCKER,)))
    assert (gate.state.status, gate.state.plan) == (Status.blocked, None)
    assert gate.state.drift == ("a check blocks now: The target is not empty",)


def test_a_server_that_is_away_has_not_changed(gate: Gate) -> None:
    before = gate.state
    with pytest.raises(Transient, match="not empty"):
        gate.begin(Found(plan(), (BLOCKER,), "connect"))
    assert gate.state == before


UNKNOWN = WARNING.model_copy(update={"severity": Severity.unknown, "message": "This could not be checked: a lock."})


class Kept(Found):
    """Somebody's lock keeps it from what a plan is made of."""

    def plan(self, asked: Asked, inventory: None) -> MigrationPlan:
        raise Permanent("There is no plan without a full look")


def test_what_could_not_be_looked_at_for_a_while_has_not_changed(gate: Gate) -> None:
    before = gate.state
    for engine, words in ((Found(plan(), (UNKNOWN,)), "could not be checked"), (Kept(plan()), "no plan")):
        with pytest.raises(Transient, match=words):
            gate.begin(engine, patient=True)
        assert gate.state == before
    with pytest.raises(Permanent, match="no plan"):
        gate.begin(Kept(plan()))
    assert not gate.begin(Found(plan(), (UNKNOWN,)))
    assert gate.state.drift == ("a check warns now: settings TimeZone",)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (c.Revoke(by=BOB, digest=plan().digest), Status.awaiting_approval),
        (c.Cancel(by=ALICE), Status.cancelled),
        (c.Pause(by=ALICE), Status.paused),
    ],
)
@pytest.mark.parametrize("found", [plan(), plan(("other",))])
def test_whoever_calls_it_off_meanwhile_is_heard(
    gate: Gate, command: c.Command, status: Status, found: MigrationPlan
) -> None:
    assert not gate.begin(Found(found, meanwhile=lambda: gate.desk.obey(MIGRATION, command)))
    assert gate.state.status is status and not gate.state.begun


def test_a_pause_that_came_before_is_told_by_whoever_opens_the_run(gate: Gate) -> None:
    gate.desk.obey(MIGRATION, c.Pause(by=ALICE))
    assert not gate.begin(Found(plan()))
    assert gate.state.status is Status.paused
    gate.desk.obey(MIGRATION, c.Resume(by=ALICE))
    assert gate.begin(Found(plan())) and gate.state.begun
