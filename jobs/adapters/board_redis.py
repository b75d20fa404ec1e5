"""The board in Redis: heartbeats and last values. A Redis that is away is no reason to stop a copy."""

from __future__ import annotations

import time
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobs.adapters import keys
from jobs.core.disk import Disk
from jobs.core.progress import RunProgress, TaskProgress
from jobs.core.samples import Samples
from jobs.ports.board import BEAT_SECONDS

LIVE_SECONDS = 24 * 3600
SAMPLES_SECONDS = 30 * 24 * 3600
"""A run may be paused for weeks before it ends; some 10 kB each."""
FRESH_SECONDS = 20
"""A lane that has said nothing for so long is not shown as working."""
QUIET_SECONDS = 5.0
"""After a failed write nothing is tried for so long; a sixth of a heartbeat's life."""


# One schedule for all lanes: each payment moves the moment until which the bytes so far were allowed.
_PAY = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local due = tonumber(redis.call('GET', KEYS[1]) or '0')
if due < now then due = now end
due = math.min(due + tonumber(ARGV[1]) / tonumber(ARGV[2]), now + tonumber(ARGV[3]))
redis.call('SET', KEYS[1], string.format('%.6f', due), 'EX', 60)
return string.format('%.6f', due - now)
"""


class RedisBoard:
    """`jobs.ports.board.Board` in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._quiet_until = 0.0

    def beat(self, migration: str, kind: str) -> None:
        self._try(lambda: self._redis.set(keys.beat(migration, kind), time.time(), ex=BEAT_SECONDS))

    def rest(self, migration: str, kind: str) -> None:
        self._try(lambda: self._redis.delete(keys.beat(migration, kind)))

    def alive(self, migration: str, kind: str) -> bool:
        return bool(self._redis.exists(keys.beat(migration, kind)))

    def report(self, migration: str, progress: TaskProgress) -> None:
        def write() -> None:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(keys.lanes(migration), progress.lane or progress.task, progress.model_dump_json())
                pipe.expire(keys.lanes(migration), LIVE_SECONDS)
                pipe.execute()

        self._try(write)

    def publish(self, migration: str, progress: RunProgress) -> None:
        self._try(lambda: self._redis.set(keys.run(migration), progress.model_dump_json(), ex=LIVE_SECONDS))

    def progress(self, migration: str) -> RunProgress | None:
        text: Any = self._redis.get(keys.run(migration))
        if text is None:
            return None
        values: Any = self._redis.hvals(keys.lanes(migration))
        lanes = [TaskProgress.model_validate_json(value) for value in values]
        fresh = time.time() - FRESH_SECONDS
        now = tuple(sorted((p for p in lanes if p.at > fresh), key=lambda p: -p.bytes))
        return RunProgress.model_validate_json(text).model_copy(update={"now": now})

    def sample(self, migration: str, samples: Samples) -> None:
        text = samples.model_dump_json()
        self._try(lambda: self._redis.set(keys.samples(migration), text, ex=SAMPLES_SECONDS))

    def samples(self, migration: str) -> Samples | None:
        text: Any = self._redis.get(keys.samples(migration))
        return Samples.model_validate_json(text) if text is not None else None

    def fill(self, migration: str, peak: Disk) -> None:
        self._try(lambda: self._redis.set(keys.peak(migration), peak.model_dump_json(), ex=SAMPLES_SECONDS))

    def fullest(self, migration: str) -> Disk | None:
        text: Any = self._redis.get(keys.peak(migration))
        return Disk.model_validate_json(text) if text is not None else None

    def delivered(self, migration: str) -> int:
        version: Any = self._redis.hget(keys.thread(migration), "delivered")
        return int(version or 0)

    def deliver(self, migration: str, version: int) -> None:
        self._redis.hset(keys.thread(migration), "delivered", version)

    def pay(self, migration: str, size: int, rate: int, most: float) -> float | None:
        waits: list[float] = []
        self._try(
            lambda: waits.append(
                float(self._redis.eval(_PAY, 1, keys.toll(migration), str(size), str(rate), str(most)))
            )
        )
        return waits[0] if waits else None

    def clear(self, migration: str) -> None:
        self._redis.delete(keys.lanes(migration), keys.run(migration), keys.samples(migration), keys.peak(migration))

    def _try(self, write: Any) -> None:
        if time.monotonic() < self._quiet_until:
            return
        try:
            write()
        except RedisError:
            # Live values only: the run goes on and a later report tells the newest. Each try may wait for seconds
            # in the thread that copies, so that many reports must not mean many tries.
            self._quiet_until = time.monotonic() + QUIET_SECONDS
