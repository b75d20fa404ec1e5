"""The history: summaries in order, never an older version, made anew from the ledger, quick among ten thousand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from bot import past
from jobs.adapters.history_redis import RedisHistory
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core.model import Environment, Person
from jobs.core.state import Status
from jobs.core.summary import Summary, Wanted, summary_of
from jobs.desk import Desk
from jobs.flow import remember
from jobs.flow.remember import AT_ONCE, catch_up
from jobs.ports.history import History
from tests.support.tales import ALICE, BOB, MIGRATION, NOON, SOURCE, Tale, service

DONE = summary_of(Tale().done().state)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def history(redis: Redis) -> History:
    return RedisHistory(redis)


@pytest.fixture
def desk(redis: Redis) -> Desk:
    return Desk(RedisLedger(redis), RqDoorbell(redis))


def numbered(number: int, **more: Any) -> Summary:
    """The `number`th migration: each begun a minute after the one before."""
    fields = {"id": f"m{number:010}", "created": NOON + timedelta(minutes=number), **more}
    return DONE.model_copy(update=fields)


def ids(found: Any) -> list[str]:
    return [summary.id for summary in found]


def test_a_summary_says_what_a_list_needs_and_nothing_secret() -> None:
    state = Tale().done().state
    assert (DONE.status, DONE.tables, DONE.rows, DONE.waived) == (Status.done, 2, 30, 0)
    assert DONE.approvers == (BOB,) and DONE.requester == ALICE
    assert DONE.state.title == state.title and DONE.state.public
    assert Summary.model_validate_json(DONE.model_dump_json()) == DONE


def test_the_youngest_first_and_never_an_older_version(history: History) -> None:
    for number in (2, 1, 3):
        history.put(numbered(number, version=5))
    history.put(numbered(2, version=4, status=Status.failed))
    assert ids(history.latest()) == ["m0000000003", "m0000000002", "m0000000001"]
    assert history.get(["m0000000002", "m0000000009"])["m0000000002"].status is Status.done
    history.put(numbered(2, version=6, status=Status.rolled_back))
    assert history.get(["m0000000002"])["m0000000002"].status is Status.rolled_back
    assert history.missing(["m0000000001", "m0000000009"]) == ["m0000000009"] and history.missing([]) == []
    assert history.get([]) == {}


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted(service="SHOP-old"), True),
        (Wanted(service="crm"), False),
        (Wanted(person=ALICE.id), True),
        (Wanted(person="@bo"), True),
        (Wanted(person="carol"), False),
        (Wanted(status=Status.done), True),
        (Wanted(status=Status.failed), False),
        (Wanted(environment=Environment.production), True),
        (Wanted(environment=Environment.staging), False),
        (Wanted(since=DONE.created), True),
        (Wanted(since=DONE.created + timedelta(seconds=1)), False),
        (Wanted(until=DONE.created), False),
        (Wanted(until=DONE.created + timedelta(seconds=1)), True),
        (Wanted(words=("shop", "alice", "DONE")), True),
        (Wanted(words=("shop", "mallory")), False),
        (Wanted(words=("shop",), status=Status.failed), False),
    ],
)
def test_what_is_looked_for(wanted: Wanted, fits: bool) -> None:
    assert wanted.fits(DONE) is fits


def test_what_is_open_is_read_from_the_ledger(history: History, desk: Desk) -> None:
    tale = Tale().running()
    desk.ledger.append(MIGRATION, 0, [r.event for r in tale.story])
    assert [(s.id, s.status) for s in past.every(desk, history)] == [(MIGRATION, Status.migrating)], "never delivered"
    history.put(summary_of(desk.state(MIGRATION)))
    before = desk.state(MIGRATION).version
    desk.ledger.append(MIGRATION, before, [r.event for r in Tale().done().story[before:]])
    (found,) = past.every(desk, history)
    assert found.status is Status.done, "the courier has not come yet, and the list is right all the same"
    assert list(past.every(desk, history, Wanted(status=Status.migrating))) == []
    history.put(numbered(7))
    assert ids(past.every(desk, history)) == [MIGRATION, "m0000000007"], "begun today, and begun in March"


def test_made_anew_from_the_ledger_a_little_at_a_time(
    history: History, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remember, "AT_ONCE", 4)
    story = [r.event for r in Tale().done().story]
    for number in range(10):
        desk.ledger.append(f"m{number:010}", 0, story)
        desk.ledger.close(f"m{number:010}")
    assert history.made_until() == ""
    assert [catch_up(desk, history) for _ in range(5)] == [4, 4, 2, 0, 0]
    assert history.made_until() is None
    found = {summary.id: summary for summary in history.latest()}
    assert len(found) == 10 and found["m0000000003"] == summary_of(desk.state("m0000000003"))
    assert AT_ONCE == 200


def test_ten_thousand_migrations_stay_quick(redis: Redis, history: RedisHistory, desk: Desk) -> None:
    people = [Person(id=f"U0{n}", name=f"person{n}") for n in range(50)]
    with redis.pipeline(transaction=False) as pipe:
        for n in range(10_000):
            target = service(f"shop-{n % 100}", list(Environment)[n % 3])
            made = numbered(n, requester=people[n % 50], target=target, source=SOURCE)
            pipe.hset(history._all, made.id, made.model_dump_json())
            pipe.zadd(history._order, {made.id: made.created.timestamp()})
        pipe.execute()
    began, commands = time.perf_counter(), _commands(redis)
    first = [next(past.every(desk, history)) for _ in range(1)]
    assert ids(first) == ["m0000009999"] and _commands(redis) - commands < 10, "a first page reads one page"
    rare = Wanted(service="shop-77", person="person27", words=("staging",))
    found = list(past.every(desk, history, rare))
    took = time.perf_counter() - began
    assert found and all(s.target and s.target.name == "shop-77" for s in found)
    assert len(list(past.every(desk, history))) == 10_000
    # 0.2 s on a busy machine; read from the stories it would be minutes.
    assert took < 5


def _commands(redis: Redis) -> int:
    info: Any = redis.info("stats")
    return int(info["total_commands_processed"])
