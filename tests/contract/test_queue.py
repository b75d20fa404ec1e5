"""The doorbell: names and ids only, once however often it is rung."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from rq import Queue as RqQueue
from rq import SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from jobs.adapters.queue_rq import DOORS, MIGRATIONS, SLACK, RqDoorbell
from jobs.core.lifecycle import Ring, react
from jobs.ports.queue import Queue
from tests.support.tales import MIGRATION, Tale

KINDS = sorted(DOORS)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def bell(redis: Redis) -> RqDoorbell:
    return RqDoorbell(redis)


def ring_of(kind: Any, token: str = "a1") -> Ring:
    return Ring(kind=kind, migration=MIGRATION, token=token)


def everything(redis: Redis) -> list[bytes]:
    """Every value that stands in Redis, whatever its type."""
    found: list[bytes] = []
    for key in redis.keys("*"):
        kind: Any = redis.type(key)
        match kind:
            case b"hash":
                values: Any = redis.hgetall(key)
                found += [*values.keys(), *values.values()]
            case b"list":
                items: Any = redis.lrange(key, 0, -1)
                found += items
            case b"set":
                members: Any = redis.smembers(key)
                found += members
            case b"zset":
                members = redis.zrange(key, 0, -1)
                found += members
            case b"string":
                found.append(redis.get(key))  # type: ignore[arg-type]  # a string key holds bytes
            case _:
                raise AssertionError(f"{key!r} is a {kind!r}")
    return found


def _inflated(value: bytes) -> bytes:
    """RQ deflates what its serializer wrote."""
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_holds_a_dotted_name_and_an_id_and_nothing_else(redis: Redis, bell: RqDoorbell, kind: str) -> None:
    assert bell.ring(ring_of(kind))
    job = Job.fetch(ring_of(kind).job_id, connection=redis, serializer=JSONSerializer)
    assert (job.func_name, list(job.args), job.kwargs) == (DOORS[kind][1], [MIGRATION], {})
    assert job.meta == {}


def test_no_pickle_anywhere(redis: Redis, bell: RqDoorbell) -> None:
    for kind in KINDS:
        bell.ring(ring_of(kind))
    values = everything(redis)
    assert any(MIGRATION.encode() in value for value in values)
    data: Any = redis.hget(f"rq:job:{ring_of('migrate').job_id}", "data")
    json.loads(zlib.decompress(data))
    for value in values:
        for content in (value, _inflated(value)):
            assert not content.startswith(pickle.dumps("", 2)[:1]), "a pickle's first byte"


def test_ringing_twice_is_one_job(redis: Redis, bell: RqDoorbell) -> None:
    assert bell.ring(ring_of("migrate")) is True
    assert bell.ring(ring_of("migrate")) is False
    assert RqDoorbell(redis).ring(ring_of("migrate")) is False, "nor by another process"
    assert bell.depth() == {MIGRATIONS: 1, SLACK: 0}
    assert bell.ring(ring_of("migrate", "a2")) is True
    assert bell.depth() == {MIGRATIONS: 2, SLACK: 0}


def test_ids_follow_from_the_state_alone() -> None:
    (ring,) = react(Tale().running().state)
    assert ring == react(Tale().running().state)[0]
    assert ring.job_id == f"migrate-{MIGRATION}-r1"


def test_slack_work_and_database_work_have_queues_of_their_own(bell: RqDoorbell) -> None:
    for kind in KINDS:
        bell.ring(ring_of(kind))
    slack = sum(queue == SLACK for queue, _ in DOORS.values())
    assert bell.depth() == {MIGRATIONS: len(KINDS) - slack, SLACK: slack}


def test_transfers_have_no_timeout_and_results_are_not_kept(redis: Redis, bell: RqDoorbell) -> None:
    for kind in KINDS:
        bell.ring(ring_of(kind))
        job = Job.fetch(ring_of(kind).job_id, connection=redis, serializer=JSONSerializer)
        assert (job.timeout, job.result_ttl) == (-1 if DOORS[kind][0] == MIGRATIONS else 120, 0)


def test_checks_and_runs_go_before_lanes(redis: Redis, bell: RqDoorbell) -> None:
    bell.ring(ring_of("lane"))
    bell.ring(ring_of("validate"))
    queue = RqQueue(MIGRATIONS, connection=redis, serializer=JSONSerializer)
    assert queue.job_ids == [ring_of("validate").job_id, ring_of("lane").job_id]


def test_waiting_until_a_worker_is_done_with_it(redis: Redis, bell: Queue) -> None:
    ring = ring_of("migrate")
    assert bell.waiting(ring) is False
    bell.ring(ring)
    assert bell.waiting(ring) is True
    assert bell.waiting(ring_of("validate")) is False
    assert bell.waiting(ring.model_copy(update={"migration": "m0000000002"})) is False
    again = ring_of("migrate", "a1-s77")
    assert bell.waiting(again) is True, "asked by kind: whichever ring of it waits"
    redis.delete("rq:queue:migrations")
    assert bell.waiting(ring) is False, "a job that stands in no queue is not waiting, whatever it says"


def test_a_job_just_claimed_still_counts_until_its_heartbeat_is_due(redis: Redis, bell: Queue) -> None:
    ring = ring_of("migrate")
    bell.ring(ring)
    job = Job.fetch(ring.job_id, connection=redis, serializer=JSONSerializer)
    worker = SimpleWorker([MIGRATIONS], connection=redis, serializer=JSONSerializer)
    with redis.pipeline() as pipe:
        redis.lrem("rq:queue:migrations", 0, ring.job_id)
        worker.prepare_execution(job)
        job.prepare_for_execution(worker.name, pipeline=pipe)
        pipe.execute()
    assert bell.waiting(ring) is True
    redis.hset(f"rq:job:{ring.job_id}", "started_at", "2026-01-01T00:00:00.000000Z")
    assert bell.waiting(ring) is False, "its worker died"


def test_a_finished_job_leaves_nothing_that_blocks_its_name(redis: Redis, bell: RqDoorbell) -> None:
    ring = ring_of("sweep")
    queue = RqQueue(SLACK, connection=redis, serializer=JSONSerializer)
    bell.ring(ring)
    queue.fetch_job(ring.job_id).delete()  # type: ignore[union-attr]  # it was rung one line above
    assert bell.waiting(ring) is False
    assert bell.ring(ring) is True
