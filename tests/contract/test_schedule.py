"""The clock's part in Redis: what waits begins once, rates are shared, rehearsals are found again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.job import Job
from rq.serializers import JSONSerializer

from jobs.adapters import keys
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import MIGRATIONS, RqDoorbell, lane_number
from jobs.adapters.rehearsals_redis import KEPT, RedisRehearsals
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.lifecycle import Ring
from jobs.core.model import Environment, Wish
from jobs.core.policy import Policy
from jobs.core.state import Status
from jobs.desk import Desk
from jobs.flow import rehearse
from jobs.flow.sweep import sweep
from tests.support.night import NIGHT
from tests.support.tales import ALICE, CHANNEL, MIGRATION, NOON, RECEIPT, TARGET, Tale, configure, plan, tell
from tests.unit.test_schedule import CLOSES, OPENS

OTHER = "m0000000002"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def desk(redis: Redis) -> Desk:
    return Desk(RedisLedger(redis), RqDoorbell(redis))


def waiting(desk: Desk, wish: Wish | None = None) -> None:
    """A migration in the ledger that waits for the night."""
    tale = Tale()
    tale.obey(c.Draft(by=ALICE, channel=CHANNEL, target=NIGHT, policy=Policy()), configure())
    tale.obey(tell(e.ValidationStarted(attempt=1)), tell(e.Validated(attempt=1, plan=plan())))
    desk.ledger.append(MIGRATION, 0, [r.event for r in tale.story])
    asked = c.Request(by=ALICE, digest=tale.state.digest, at=NOON, wish=wish or Wish())
    assert desk.obey(MIGRATION, asked).status is Status.scheduled


def test_the_sweep_begins_what_waited_once_and_pauses_what_runs_too_long(redis: Redis, desk: Desk) -> None:
    board = RedisBoard(redis)
    waiting(desk, Wish(pause_at_close=True))
    sweep(desk, board, OPENS - timedelta(minutes=1))
    assert desk.state(MIGRATION).status is Status.scheduled
    for _ in range(2):
        sweep(desk, board, OPENS)
    state = desk.state(MIGRATION)
    assert (state.status, state.run) == (Status.migrating, 1)
    queued = [r.event for r in desk.ledger.read(MIGRATION) if isinstance(r.event, e.RunQueued)]
    assert len(queued) == 1
    assert redis.lrange(f"rq:queue:{MIGRATIONS}", 0, -1) == [f"migrate-{MIGRATION}-r1".encode()]
    sweep(desk, board, CLOSES)
    assert desk.state(MIGRATION).status is Status.pausing
    desk.obey(MIGRATION, tell(e.Paused(run=1)))
    sweep(desk, board, OPENS + timedelta(days=1))
    state = desk.state(MIGRATION)
    assert (state.status, state.run) == (Status.migrating, 2)


def test_windows_that_a_story_cannot_meet_keep_no_other_from_healing(redis: Redis, desk: Desk) -> None:
    waiting(desk)
    never = NIGHT.model_copy(update={"windows": ("12:00-13:00",)})
    drafted = e.Drafted(by=ALICE, channel=CHANNEL, target=never, policy=Policy())
    source = NIGHT.model_copy(update={"name": "source"})
    asked = e.Configured(by=ALICE, source=source, options=plan().options, attempt=1)
    desk.ledger.append(OTHER, 0, [drafted, asked, e.Scheduled(until=NOON)])
    assert OTHER in desk.ledger.open()
    sweep(desk, RedisBoard(redis), OPENS)
    assert desk.state(MIGRATION).status is Status.migrating and desk.state(OTHER).status is Status.scheduled


def test_all_who_pay_keep_one_rate_and_nobody_waits_for_longer_than_asked(redis: Redis) -> None:
    board, began = RedisBoard(redis), time.monotonic()
    waits = [board.pay(MIGRATION, 100_000, 1_000_000, 10.0) for _ in range(20)]
    assert all(wait is not None for wait in waits)
    # 2 MB are allowed from 2 s after the first on; what passed meanwhile is not waited for again.
    assert waits[-1] is not None and 2.0 - (time.monotonic() - began) <= waits[-1] <= 2.0
    assert board.pay(MIGRATION, 10**9, 1_000_000, 10.0) == pytest.approx(10.0, abs=0.01)
    assert (board.pay(OTHER, 1000, 1_000_000, 10.0) or 1) < 0.01, "another migration pays for itself"
    away = RedisBoard(Redis(port=1, retry=Retry(NoBackoff(), 0)))
    assert away.pay(MIGRATION, 1, 1, 1.0) is None


def test_a_lane_knows_its_number_by_the_ring_that_called_it(redis: Redis) -> None:
    ring = Ring(kind="lane", migration=MIGRATION, token="r12-3-1700000000")
    job = Job.create("jobs.tasks.lane", id=ring.job_id, connection=redis, serializer=JSONSerializer)
    assert lane_number(job) == 3
    other = Job.create("jobs.tasks.lane", id="something-else", connection=redis, serializer=JSONSerializer)
    assert lane_number(other) == 1 and lane_number(None) == 1


def rehearsal(desk: Desk, migration: str, environment: Environment, *tables: str) -> None:
    """A finished migration of the usual source in the ledger, noted as a run notes it."""
    tale = Tale()
    target = TARGET.model_copy(update={"environment": environment})
    tale.obey(c.Draft(by=ALICE, channel=CHANNEL, target=target, policy=Policy()), configure())
    tale.obey(tell(e.ValidationStarted(attempt=1)), tell(e.Validated(attempt=1, plan=plan(tables))))
    tale.obey(c.Request(by=ALICE, digest=tale.state.digest), tell(e.Proven(run=1, receipt=RECEIPT)))
    index = RedisRehearsals(desk.ledger._redis)  # type: ignore[attr-defined]  # the same Redis
    rehearse.note(index, tale.state.model_copy(update={"id": migration}))
    tale.obey(tell(e.Finished(run=1, receipt=RECEIPT)))
    desk.ledger.append(migration, 0, [r.event for r in tale.story])


def test_the_latest_rehearsal_with_all_tables_is_found(redis: Redis, desk: Desk) -> None:
    index = RedisRehearsals(redis)
    now = Tale().checked(plan(("a", "b"))).state
    assert now.plan is not None
    assert rehearse.find(index, desk, now, now.plan) is None
    rehearsal(desk, "m0000000011", Environment.staging, "a", "b", "c")
    rehearsal(desk, "m0000000012", Environment.production, "a", "b")
    rehearsal(desk, "m0000000013", Environment.staging, "a")
    found = rehearse.find(index, desk, now, now.plan)
    assert found is not None and (found.migration, found.seconds) == ("m0000000011", RECEIPT.seconds)
    rehearsal(desk, "m0000000014", Environment.staging, "a", "b")
    found = rehearse.find(index, desk, now, now.plan)
    assert found is not None and found.migration == "m0000000014"
    version = desk.ledger.read("m0000000014")[-1].version + 1
    newer = '{"form": 2, "event": {"type": "teleported", "run": 1}}'
    redis.xadd(keys.story("m0000000014"), {"at": "1", "event": newer}, id=f"{version}-0")
    found = rehearse.find(index, desk, now, now.plan)
    assert found is not None and found.migration == "m0000000011", "what a newer version wrote is passed over"
    elsewhere = now.plan.model_copy(update={"source": now.plan.source.model_copy(update={"database": "other"})})
    other = now.model_copy(update={"source": TARGET.model_copy(update={"name": "other"})})
    assert rehearse.find(index, desk, other, elsewhere) is None
    assert rehearse.find(None, desk, now, now.plan) is None


def test_what_was_noted_and_never_ended_is_no_rehearsal(redis: Redis, desk: Desk) -> None:
    index = RedisRehearsals(redis)
    staged = TARGET.model_copy(update={"environment": Environment.staging})
    tale = Tale()
    tale.obey(c.Draft(by=ALICE, channel=CHANNEL, target=staged, policy=Policy()), configure())
    tale.obey(tell(e.ValidationStarted(attempt=1)), tell(e.Validated(attempt=1, plan=plan())))
    tale.obey(c.Request(by=ALICE, digest=tale.state.digest), tell(e.Proven(run=1, receipt=RECEIPT)))
    desk.ledger.append(OTHER, 0, [r.event for r in tale.story])
    rehearse.note(index, tale.state.model_copy(update={"id": OTHER}))
    now = Tale().checked(plan()).state
    assert now.plan is not None and rehearse.find(index, desk, now, now.plan) is None


def test_the_index_stays_short(redis: Redis) -> None:
    index = RedisRehearsals(redis)
    for number in range(KEPT + 5):
        index.note("service shop", f"m{number:010}")
    index.note("service shop", f"m{KEPT:010}")
    latest = index.latest("service shop")
    assert len(latest) == KEPT and latest[0] == f"m{KEPT:010}" and f"m{4:010}" not in latest
