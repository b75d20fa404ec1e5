"""The index of rehearsals in Redis: a short sorted set per source."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from redis import Redis

from jobs.adapters import keys

KEPT = 20
KEPT_SECONDS = 400 * 24 * 3600
"""Longer than any sensible `rehearsal_days`."""


class RedisRehearsals:
    """`jobs.ports.rehearsals.Rehearsals` in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def note(self, source: str, migration: str) -> None:
        key = keys.rehearsals(source)
        with self._redis.pipeline() as pipe:
            pipe.zadd(key, {migration: time.time()})
            pipe.zremrangebyrank(key, 0, -KEPT - 1)
            pipe.expire(key, KEPT_SECONDS)
            pipe.execute()

    def latest(self, source: str) -> Sequence[str]:
        found: Any = self._redis.zrevrange(keys.rehearsals(source), 0, KEPT - 1)
        return [member.decode() for member in found]
