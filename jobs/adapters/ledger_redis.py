"""The ledger in Redis: a stream per migration whose entry id *is* the version.

`XADD key 5-0` fails when entry 5 exists, which is optimistic concurrency for nothing. One script adds all events
of a decision and keeps the indexes, so a crash never leaves half a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from jobs.adapters import keys
from jobs.core.errors import Conflict
from jobs.core.events import Event, Recorded
from jobs.core.record import pack, unpack

_APPEND = """
local story, open, all = KEYS[1], KEYS[2], KEYS[3]
local expected, id, at = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local last = redis.call('XREVRANGE', story, '+', '-', 'COUNT', 1)
local version = 0
if #last > 0 then version = tonumber(string.match(last[1][1], '^(%d+)')) end
if version ~= expected then return -1 end
for i = 4, #ARGV do
  version = version + 1
  redis.call('XADD', story, version .. '-0', 'at', at, 'event', ARGV[i])
end
if expected == 0 then redis.call('ZADD', all, at, id) end
redis.call('SADD', open, id)
return version
"""


class RedisLedger:
    """`jobs.ports.ledger.Ledger` in Redis streams."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._append = redis.register_script(_APPEND)

    def append(self, migration: str, expected: int, events: Sequence[Event]) -> int:
        if not events:
            # Nothing to write must not put an ended migration back among the open ones.
            return expected
        version = int(
            self._append(
                keys=[keys.story(migration), keys.OPEN, keys.ALL],
                args=[
                    expected,
                    migration,
                    datetime.now(UTC).timestamp(),
                    *(pack(event) for event in events),
                ],
            )
        )
        if version < 0:
            raise Conflict("Somebody else wrote the next event first.")
        return version

    def read(self, migration: str, after: int = 0) -> Sequence[Recorded]:
        entries: Any = self._redis.xrange(keys.story(migration), min=f"{after + 1}-0")
        return [_recorded(entry_id, fields) for entry_id, fields in entries]

    def open(self) -> Sequence[str]:
        members: Any = self._redis.smembers(keys.OPEN)
        return sorted(member.decode() for member in members)

    def close(self, migration: str) -> None:
        self._redis.srem(keys.OPEN, migration)

    def recent(self, limit: int = 20, before: str = "") -> Sequence[str]:
        start = 0
        if before:
            rank: Any = self._redis.zrevrank(keys.ALL, before)
            start = 0 if rank is None else int(rank) + 1
        page: Any = self._redis.zrevrange(keys.ALL, start, start + limit - 1)
        return [member.decode() for member in page]

    def attach(self, migration: str, name: str, text: str) -> None:
        self._redis.hset(keys.attachments(migration), name, text)

    def attachment(self, migration: str, name: str) -> str | None:
        text: Any = self._redis.hget(keys.attachments(migration), name)
        return text.decode() if text is not None else None


def _recorded(entry_id: bytes, fields: dict[bytes, bytes]) -> Recorded:
    return Recorded(
        version=int(entry_id.split(b"-")[0]),
        at=datetime.fromtimestamp(float(fields[b"at"]), UTC),
        event=unpack(fields[b"event"]),
    )
