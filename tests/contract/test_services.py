"""Today's services and the looks at them: told whole, due in turn, forgotten with the service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from redis import Redis

from jobs.adapters import keys
from jobs.adapters.queue_rq import RqDoorbell
from jobs.adapters.services_redis import EVERY_SECONDS, RedisServices
from jobs.core.errors import Transient
from jobs.core.model import Service
from jobs.core.services import ServiceFacts, key_of
from jobs.flow import overview
from tests.support.tales import service

MANY = [service(f"db-{n:03}") for n in range(500)]
NOW = 1_800_000_000.0


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as made:
        yield made


@pytest.fixture
def services(redis: Redis) -> RedisServices:
    return RedisServices(redis)


def look(name: str) -> ServiceFacts:
    return ServiceFacts(name=name, at=datetime(2026, 1, 1, tzinfo=UTC), version="16.4")


def test_nothing_is_known_before_it_is_told(services: RedisServices) -> None:
    assert services.all() == [] and services.named("db-001") is None
    assert services.due(NOW, 10) == [] and services.facts([]) == services.facts(["db-001"]) == {}


def test_what_is_told_replaces_what_was(services: RedisServices) -> None:
    services.publish(MANY[:3])
    services.put(look("db-001"))
    shut = MANY[0].model_copy(update={"protected": True})
    services.publish([shut, MANY[2]])
    assert services.all() == [shut, MANY[2]] and services.named("db-001") is None
    assert services.facts(["db-000", "db-001", "db-002"]) == {}, "facts of what is gone are forgotten"


def test_five_hundred_are_looked_at_in_turn(services: RedisServices) -> None:
    services.publish(MANY)
    seen: list[str] = []
    for number in range(20):
        names = [one.name for one in services.due(NOW + number, 25)]
        services.asked(names, NOW + number)
        seen += names
    assert sorted(seen) == [one.name for one in MANY]
    assert services.due(NOW + 30, 25) == []
    again = services.due(NOW + EVERY_SECONDS, 500)
    assert [one.name for one in again] == seen[:25], "those of the first look, and no others"


def test_what_another_version_wrote_is_passed_over(services: RedisServices, redis: Redis) -> None:
    services.publish(MANY[:2])
    services.put(look("db-000"))
    redis.hset(keys.FACTS, "db-001", '{"name": "db-001", "colour": "red"}')
    redis.hset(keys.SERVICES, "db-009", '{"colour": "red"}')
    assert list(services.facts(["db-000", "db-001"])) == ["db-000"]
    assert [one.name for one in services.all()] == ["db-000", "db-001"]


# --- looking ----------------------------------------------------------------------------------------------


def test_dead_servers_do_not_keep_the_others(services: RedisServices) -> None:
    services.publish(MANY[:8])
    never, answered = threading.Event(), threading.Event()

    def observe(one: Service) -> ServiceFacts:
        match one.name:
            case "db-000":
                never.wait(60)  # accepts, and says nothing
            case "db-001":
                raise Transient("Cannot connect to db-001: refused", remedy="Check the port.")
            case "db-002":
                raise ZeroDivisionError("secret")
            case "db-007":
                answered.set()
        return look(one.name)

    try:
        assert overview.look(services, observe, NOW, seconds=2.0) == 5
    finally:
        never.set()
    facts = services.facts([one.name for one in MANY[:8]])
    assert answered.is_set() and len(facts) == 8
    assert facts["db-000"].trouble == "The server did not answer in time."
    assert facts["db-001"].trouble == "Cannot connect to db-001: refused Check the port."
    assert "ZeroDivisionError" in facts["db-002"].trouble and "secret" not in facts["db-002"].trouble
    assert overview.look(services, observe, NOW + 1) == 0, "nobody is due so soon, whether they answered or not"
    assert overview.look(services, observe, NOW + 1, key_of("db-004")) == 1, "unless a person asks"


def test_a_sweep_rings_for_one_look_at_a_time(services: RedisServices, redis: Redis) -> None:
    doorbell = RqDoorbell(redis)
    assert not overview.ring_if_due(services, doorbell, NOW), "there is nobody to look at"
    services.publish(MANY)
    assert overview.ring_if_due(services, doorbell, NOW)
    assert not overview.ring_if_due(services, doorbell, NOW + 15), "the first look has not been taken up yet"
    assert doorbell.depth()["migrations"] == 1
