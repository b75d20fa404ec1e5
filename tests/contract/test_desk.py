"""The desk over the real ledger and doorbell: whatever is lost between writing and ringing, the sweep rings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway
from rq import Queue as RqQueue
from rq.serializers import JSONSerializer

from jobs.adapters import keys
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import MIGRATIONS, SLACK, RqDoorbell
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import Refused
from jobs.core.lifecycle import Ring
from jobs.core.state import State, Status
from jobs.desk import Desk
from jobs.flow.sweep import sweep
from jobs.ports.queue import Queue
from tests.support.tales import ALICE, MIGRATION, RECEIPT, Tale, configure, draft


@dataclass
class House:
    """One ledger, one doorbell, one board."""

    redis: Redis
    desk: Desk = field(init=False)
    board: RedisBoard = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(RedisLedger(self.redis), RqDoorbell(self.redis))
        self.board = RedisBoard(self.redis)

    def jobs(self, queue: str) -> list[str]:
        return RqQueue(queue, connection=self.redis, serializer=JSONSerializer).job_ids

    def write(self, tale: Tale) -> State:
        """The tale's story as written by a process that died before it rang."""
        known = self.desk.state(MIGRATION).version
        self.desk.ledger.append(MIGRATION, known, [r.event for r in tale.story[known:]])
        return self.desk.state(MIGRATION)

    def sweep(self) -> int:
        return sweep(self.desk, self.board)


@pytest.fixture
def house(redis_url: str) -> Iterator[House]:
    with Redis.from_url(redis_url) as redis:
        yield House(redis)


class DeadBell:
    """The process dies between writing and ringing."""

    def ring(self, ring: Ring) -> bool:
        raise RedisAway("killed here")

    def waiting(self, ring: Ring) -> bool:
        raise RedisAway("killed here")


def test_obeying_writes_and_rings_the_work_and_the_courier(house: House) -> None:
    house.desk.obey(MIGRATION, draft())
    state = house.desk.obey(MIGRATION, configure())
    assert (state.status, state.version) == (Status.configured, 2)
    assert house.jobs(MIGRATIONS) == [f"validate-{MIGRATION}-a1"]
    assert house.jobs(SLACK) == [f"deliver-{MIGRATION}-v1", f"deliver-{MIGRATION}-v2"]


def test_a_refusal_writes_and_rings_nothing(house: House) -> None:
    with pytest.raises(Refused):
        house.desk.obey(MIGRATION, c.Pause(by=ALICE))
    assert house.redis.keys("*") == []


def test_a_crash_between_writing_and_ringing_is_healed_once(house: House) -> None:
    dead: Queue = DeadBell()
    house.desk.obey(MIGRATION, draft())
    told = Desk(house.desk.ledger, dead).obey(MIGRATION, configure())
    assert told.status is Status.configured, "it was done, so nobody may hear that it was not"
    assert house.desk.state(MIGRATION).status is Status.configured, "written"
    assert house.jobs(MIGRATIONS) == [], "and not rung"
    assert house.sweep() == 2
    (job,) = house.jobs(MIGRATIONS)
    assert job.startswith(f"validate-{MIGRATION}-a1-s")
    assert house.sweep() == 0, "it waits in its queue now"
    assert house.jobs(MIGRATIONS) == [job]


@pytest.mark.parametrize(
    ("tale", "kind"),
    [
        (Tale().running(), "migrate"),
        (Tale().failed(), ""),
        (Tale().requested(), ""),
        (Tale().checked(None), ""),
    ],
)
def test_the_sweep_rings_what_the_state_deserves(house: House, tale: Tale, kind: str) -> None:
    state = house.write(tale)
    house.board.deliver(MIGRATION, state.version)
    assert house.sweep() == (1 if kind else 0)
    assert [job.split("-")[0] for job in house.jobs(MIGRATIONS)] == ([kind] if kind else [])


def test_a_beating_run_is_left_alone(house: House) -> None:
    house.write(Tale().running())
    house.board.beat(MIGRATION, "migrate")
    house.sweep()
    assert house.jobs(MIGRATIONS) == []
    house.board.rest(MIGRATION, "migrate")
    house.sweep()
    assert len(house.jobs(MIGRATIONS)) == 1


def test_what_was_not_told_is_told_and_then_no_more(house: House) -> None:
    state = house.write(Tale().requested())
    house.board.deliver(MIGRATION, state.version - 1)
    assert house.sweep() == 1 and len(house.jobs(SLACK)) == 1
    house.board.deliver(MIGRATION, state.version)
    house.redis.delete(f"rq:queue:{SLACK}")
    house.sweep()
    assert house.jobs(SLACK) == []


def test_an_end_whose_courier_died_before_closing_is_closed_later(house: House) -> None:
    state = house.write(Tale().done())
    house.board.deliver(MIGRATION, state.version)
    assert house.sweep() == 1, "still open, so a courier must look once more"
    house.desk.ledger.close(MIGRATION)
    house.redis.delete(f"rq:queue:{SLACK}")
    assert house.sweep() == 0


def test_a_story_that_cannot_be_read_keeps_no_other_from_healing(house: House) -> None:
    broken = "m0000000000"  # sorted before the other
    house.redis.xadd(keys.story(broken), {"at": "1", "event": '{"type": "of a later version"}'}, id="1-0")
    house.redis.sadd(keys.OPEN, broken)
    house.write(Tale().running())
    assert house.sweep() == 2
    assert len(house.jobs(MIGRATIONS)) == 1


def test_proven_before_the_crash_ends_without_a_new_run(house: House) -> None:
    house.write(Tale().running())
    house.desk.obey(MIGRATION, c.Tell(event=e.Proven(run=1, receipt=RECEIPT)))
    house.redis.delete(f"rq:queue:{MIGRATIONS}")
    house.sweep()
    (job,) = house.jobs(MIGRATIONS)
    assert job.startswith(f"migrate-{MIGRATION}-r1-s"), "the same run, not another"
    state = house.desk.obey(MIGRATION, c.Tell(event=e.Finished(run=1, receipt=RECEIPT)))
    assert state.status is Status.done and state.run == 1
