"""Today's services and the last looks at them in Redis: hashes by name, and who was looked at when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError
from redis import Redis

from jobs.adapters import keys
from jobs.core.model import Service
from jobs.core.services import ServiceFacts

EVERY_SECONDS = 300.0
"""How old facts may become: what they say (lag, room, roles) changes within minutes, and a look costs one session."""


class RedisServices:
    """`jobs.ports.services.Services` in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def publish(self, services: Sequence[Service]) -> None:
        texts = {service.name: service.model_dump_json() for service in services}
        known: Any = self._redis.hkeys(keys.SERVICES)
        gone = [name for name in known if name.decode() not in texts]
        # In one transaction: a worker must never see an empty list in between.
        with self._redis.pipeline(transaction=True) as pipe:
            if texts:
                pipe.hset(keys.SERVICES, items=[part for pair in texts.items() for part in pair])
            if gone:
                pipe.hdel(keys.SERVICES, *gone)
                pipe.hdel(keys.FACTS, *gone)
                pipe.zrem(keys.FACTS_ASKED, *gone)
            pipe.execute()

    def all(self) -> list[Service]:
        texts: Any = self._redis.hvals(keys.SERVICES)
        found = [service for text in texts if (service := _service(text)) is not None]
        return sorted(found, key=lambda service: service.name)

    def named(self, name: str) -> Service | None:
        text: Any = self._redis.hget(keys.SERVICES, name)
        return _service(text) if text is not None else None

    def due(self, now: float, most: int) -> list[Service]:
        asked: Any = self._redis.zrange(keys.FACTS_ASKED, 0, -1, withscores=True)
        last = {name.decode(): float(at) for name, at in asked}
        late = [service for service in self.all() if last.get(service.name, 0.0) <= now - EVERY_SECONDS]
        return sorted(late, key=lambda service: last.get(service.name, 0.0))[:most]

    def asked(self, names: Sequence[str], now: float) -> None:
        if names:
            self._redis.zadd(keys.FACTS_ASKED, dict.fromkeys(names, now))

    def put(self, facts: ServiceFacts) -> None:
        self._redis.hset(keys.FACTS, facts.name, facts.model_dump_json())

    def facts(self, names: Sequence[str]) -> Mapping[str, ServiceFacts]:
        if not names:
            return {}
        texts: Any = self._redis.hmget(keys.FACTS, list(names))
        found: dict[str, ServiceFacts] = {}
        for text in texts:
            # What another version wrote is read anew within minutes.
            with suppress(ValidationError):
                if text is not None:
                    facts = ServiceFacts.model_validate_json(text)
                    found[facts.name] = facts
        return found


def _service(text: bytes) -> Service | None:
    try:
        return Service.model_validate_json(text)
    except ValidationError:
        # Told by a newer version; it will be told again by ours, or is for a newer worker.
        return None
