"""What a process remembers of stories is what the ledger says, whatever became of the ledger meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from redis import Redis

from jobs.adapters import keys
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.ledger_remembered import RememberingLedger
from jobs.core import events as e
from jobs.core.events import Recorded
from tests.support.tales import MIGRATION

OTHER = "m0000000002"


class Counting(RedisLedger):
    """Notes how many events were read."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.counts: list[int] = []

    def read(self, migration: str, after: int = 0) -> Sequence[Recorded]:
        found = super().read(migration, after)
        self.counts.append(len(found))
        return found


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def counting(redis: Redis) -> Counting:
    return Counting(redis)


def write(ledger: RedisLedger, migration: str, *texts: str) -> None:
    ledger.append(migration, len(ledger.read(migration)), [e.Noted(run=1, text=text) for text in texts])


def test_only_what_is_new_is_read_again(counting: Counting) -> None:
    ledger = RememberingLedger(counting)
    write(counting, MIGRATION, "a", "b", "c")
    assert len(ledger.read(MIGRATION)) == 3
    write(counting, MIGRATION, "d")
    counting.counts.clear()
    assert [r.version for r in ledger.read(MIGRATION, 2)] == [3, 4]
    assert counting.counts == [2]  # the event that stood last, and the new one


@pytest.mark.parametrize("again", [(), ("x",), ("x", "y"), ("x", "y", "z", "!")])
def test_a_story_that_lost_its_end_is_read_anew(counting: Counting, redis: Redis, again: tuple[str, ...]) -> None:
    """As from a backup; others may have written on since: shorter, as long, or longer than what is known."""
    ledger = RememberingLedger(counting)
    write(counting, MIGRATION, "a")
    backup = redis.dump(keys.story(MIGRATION))
    assert isinstance(backup, bytes)
    write(counting, MIGRATION, "b", "c")
    ledger.read(MIGRATION)
    redis.restore(keys.story(MIGRATION), 0, backup, replace=True)
    write(counting, MIGRATION, *again)
    assert ledger.read(MIGRATION) == RedisLedger(redis).read(MIGRATION)
    assert ledger.read(MIGRATION) == RedisLedger(redis).read(MIGRATION)


def test_a_story_that_is_gone_is_gone(counting: Counting, redis: Redis) -> None:
    ledger = RememberingLedger(counting)
    write(counting, MIGRATION, "a")
    ledger.read(MIGRATION)
    redis.delete(keys.story(MIGRATION))
    assert ledger.read(MIGRATION) == []
    assert ledger.read(MIGRATION) == []


def test_those_in_use_longest_ago_are_forgotten(counting: Counting) -> None:
    ledger = RememberingLedger(counting, stories=1)
    write(counting, MIGRATION, "a", "b")
    write(counting, OTHER, "a", "b")
    ledger.read(MIGRATION)
    ledger.read(OTHER)
    counting.counts.clear()
    ledger.read(OTHER)
    ledger.read(MIGRATION)
    assert counting.counts == [1, 2]
