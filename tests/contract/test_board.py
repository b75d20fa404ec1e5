"""The board: last values, heartbeats that fade, and no harm when it is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import RedisError
from redis.retry import Retry

from jobs.adapters import keys
from jobs.adapters.board_redis import FRESH_SECONDS, RedisBoard
from jobs.core.progress import RunProgress, TaskProgress
from jobs.core.samples import Samples
from jobs.flow.heart import Heart
from jobs.ports.board import BEAT_SECONDS, Board
from tests.support.tales import MIGRATION

OTHER = "m0000000002"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def board(redis: Redis) -> Board:
    return RedisBoard(redis)


def lane(name: str, rows: int, age: float = 0.0) -> TaskProgress:
    return TaskProgress(task="1", title="public.orders", rows=rows, bytes=rows, lane=name, at=time.time() - age)


def test_a_heartbeat_is_of_one_kind_and_one_migration_and_fades(redis: Redis, board: Board) -> None:
    assert board.alive(MIGRATION, "migrate") is False
    board.beat(MIGRATION, "migrate")
    assert board.alive(MIGRATION, "migrate") is True
    assert board.alive(MIGRATION, "validate") is False and board.alive(OTHER, "migrate") is False
    left: Any = redis.pttl(keys.beat(MIGRATION, "migrate"))
    assert 0 < left <= BEAT_SECONDS * 1000
    board.rest(MIGRATION, "migrate")
    assert board.alive(MIGRATION, "migrate") is False


def test_the_heart_beats_from_the_first_moment_to_the_last(board: Board) -> None:
    with Heart(board, MIGRATION, "migrate"):
        assert board.alive(MIGRATION, "migrate")
    assert not board.alive(MIGRATION, "migrate")


def test_the_last_value_of_each_lane_that_is_still_there(board: Board) -> None:
    assert board.progress(MIGRATION) is None
    board.publish(MIGRATION, RunProgress(tasks_done=1, tasks_total=4))
    board.publish(MIGRATION, RunProgress(tasks_done=2, tasks_total=4))
    board.report(MIGRATION, lane("a", 1))
    board.report(MIGRATION, lane("a", 5))
    board.report(MIGRATION, lane("b", 9))
    board.report(MIGRATION, lane("dead", 100, age=FRESH_SECONDS + 1))
    board.report(OTHER, lane("c", 7))
    shown = board.progress(MIGRATION)
    assert shown is not None and shown.tasks_done == 2
    assert [(p.lane, p.rows) for p in shown.now] == [("b", 9), ("a", 5)]


def test_clearing_forgets_the_values_and_keeps_what_was_delivered(board: Board) -> None:
    board.publish(MIGRATION, RunProgress())
    board.report(MIGRATION, lane("a", 1))
    board.deliver(MIGRATION, 12)
    board.clear(MIGRATION)
    assert board.progress(MIGRATION) is None
    board.publish(MIGRATION, RunProgress())
    after = board.progress(MIGRATION)
    assert after is not None and after.now == ()
    assert board.delivered(MIGRATION) == 12 and board.delivered(OTHER) == 0


def test_samples_outlive_a_long_pause_and_go_with_the_rest(redis: Redis, board: Board) -> None:
    assert board.samples(MIGRATION) is None
    samples = Samples().add(RunProgress(at=1000.0, rows_per_second=5.0, lanes=2))
    board.sample(MIGRATION, samples)
    assert board.samples(MIGRATION) == samples and board.samples(OTHER) is None
    left: Any = redis.ttl(keys.samples(MIGRATION))
    assert left > 7 * 24 * 3600
    board.clear(MIGRATION)
    assert board.samples(MIGRATION) is None


def test_values_do_not_stay_for_ever(redis: Redis, board: Board) -> None:
    board.publish(MIGRATION, RunProgress())
    board.report(MIGRATION, lane("a", 1))
    found: Any = redis.keys("*")
    assert len(found) == 2
    for key in found:
        left: Any = redis.ttl(key)
        assert left > 0, key


def test_a_redis_that_is_away_stops_no_copy_but_no_question_gets_a_false_answer() -> None:
    board = RedisBoard(Redis(port=1, retry=Retry(NoBackoff(), 0)))
    board.beat(MIGRATION, "migrate")
    board.rest(MIGRATION, "migrate")
    board.report(MIGRATION, lane("a", 1))
    board.publish(MIGRATION, RunProgress())
    with pytest.raises(RedisError):
        board.alive(MIGRATION, "migrate")
    with pytest.raises(RedisError):
        board.delivered(MIGRATION)


def test_a_redis_that_is_away_costs_a_copy_one_try_and_not_one_for_each_report() -> None:
    tries: list[float] = []

    class Counting(Redis):
        def execute_command(self, *args: Any, **options: Any) -> Any:
            tries.append(time.monotonic())
            raise RedisAway("away")

    board = RedisBoard(Counting())
    for _ in range(100):
        board.beat(MIGRATION, "migrate")
    assert len(tries) == 1
