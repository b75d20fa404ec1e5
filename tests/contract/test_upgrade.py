"""Two versions at one ledger: an older process leaves alone what a newer one wrote, and crashes over nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
from redis import Redis
from rq import Queue as RqQueue
from rq.serializers import JSONSerializer

from bot import courier
from jobs import tasks
from jobs.adapters import keys
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import MIGRATIONS, SLACK, RqDoorbell
from jobs.core.errors import LedgerAway, Stopped, Unreadable
from jobs.core.events import Event, Recorded
from jobs.core.evolve import replay
from jobs.core.state import Status
from jobs.desk import Desk
from jobs.flow.sweep import sweep
from jobs.flow.watch import StoryWatch
from tests.support.tales import MIGRATION, Tale, configure, draft

OTHER = "m0000000002"
NEWER = '{"form": 2, "event": {"type": "teleported", "run": 1}}'


@dataclass
class House:
    redis: Redis
    desk: Desk

    def write(self, migration: str, tale: Tale) -> None:
        self.desk.ledger.append(migration, 0, [r.event for r in tale.story])

    def write_newer(self, migration: str) -> None:
        """What a process of the next version would append."""
        version = self.desk.ledger.read(migration)[-1].version + 1
        self.redis.xadd(keys.story(migration), {"at": "1", "event": NEWER}, id=f"{version}-0")

    def jobs(self, queue: str) -> list[str]:
        return RqQueue(queue, connection=self.redis, serializer=JSONSerializer).job_ids


@pytest.fixture
def house(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "s" * 32)
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:1/api/")
    with Redis.from_url(redis_url) as redis:
        yield House(redis, Desk(RedisLedger(redis), RqDoorbell(redis)))


def test_one_newer_story_does_not_keep_the_others_from_healing(house: House) -> None:
    for migration in (MIGRATION, OTHER):
        house.write(migration, Tale().running())
    house.write_newer(MIGRATION)
    assert sweep(house.desk, RedisBoard(house.redis)) == 2, "run and thread of the other"
    assert all(OTHER in job for job in (*house.jobs(MIGRATIONS), *house.jobs(SLACK)))


@pytest.mark.parametrize("door", [tasks.validate, tasks.migrate, tasks.lane, courier.deliver])
def test_a_job_of_the_older_version_lays_it_down(house: House, door: Callable[[str], None]) -> None:
    house.write(MIGRATION, Tale().running())
    house.write_newer(MIGRATION)
    length = house.redis.xlen(keys.story(MIGRATION))
    door(MIGRATION)
    assert house.redis.xlen(keys.story(MIGRATION)) == length, "nothing was added"
    assert not house.redis.exists(keys.thread(MIGRATION))


def test_a_run_under_way_is_put_down_and_not_failed(house: House) -> None:
    house.write(MIGRATION, Tale().running())
    state = house.desk.state(MIGRATION)
    watch = StoryWatch(house.desk.ledger, RedisBoard(house.redis), state, "lane", threading.Event(), lambda *_: None)
    watch.check()
    house.write_newer(MIGRATION)
    watch._polled = 0.0  # a second has passed
    with pytest.raises(Stopped, match="newer Ferrybot"):
        watch.check()


def test_a_person_reads_why(house: House) -> None:
    house.write(MIGRATION, Tale().running())
    house.write_newer(MIGRATION)
    with pytest.raises(Unreadable, match="newer Ferrybot"):
        house.desk.obey(MIGRATION, configure())


class WritesOnly(RedisLedger):
    """Its server goes away right after a write."""

    away = False

    def append(self, migration: str, expected: int, events: Sequence[Event]) -> int:
        version = super().append(migration, expected, events)
        self.away = True
        return version

    def read(self, migration: str, after: int = 0) -> Sequence[Recorded]:
        if self.away:
            raise LedgerAway()
        return super().read(migration, after)


def test_what_was_written_is_never_told_as_not_done(house: House) -> None:
    desk = Desk(WritesOnly(house.redis), house.desk.queue)
    told = desk.obey(MIGRATION, draft())
    assert (told.status, told.version) == (Status.draft, 1)
    seen = replay(MIGRATION, house.desk.ledger.read(MIGRATION))
    assert told.model_copy(update={"created": None, "changed": None}) == seen.model_copy(
        update={"created": None, "changed": None}
    )
    assert house.jobs(SLACK) == [f"deliver-{MIGRATION}-v1"]
