"""What the courier remembers of a thread: what it has posted, and what it may have posted when it was killed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from redis import Redis

from jobs.adapters import keys


@dataclass
class Outbox:
    """One migration's hash in Redis; every field is written before or after exactly one call to Slack.

    `card`: the card's ts. `posted`: the last version told. `last`: the ts of the last line. `doubt:NAME`: a call was
    begun and its outcome is not known. `done:NAME`: something that happens once has happened.
    """

    redis: Redis
    migration: str

    def __post_init__(self) -> None:
        raw: Any = self.redis.hgetall(keys.thread(self.migration))
        self.values: dict[str, str] = {k.decode(): v.decode() for k, v in raw.items()}

    @property
    def card(self) -> str:
        return self.values.get("card", "")

    @property
    def posted(self) -> int:
        return int(self.values.get("posted", 0))

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    def put(self, **values: str | int) -> None:
        """Writes fields; `None` is not a value, `drop` removes."""
        texts: Any = {name: str(value) for name, value in values.items()}
        self.redis.hset(keys.thread(self.migration), mapping=texts)
        self.values.update(texts)

    def drop(self, *names: str) -> None:
        self.redis.hdel(keys.thread(self.migration), *names)
        for name in names:
            self.values.pop(name, None)

    def settle(self, doubt: str, **values: str | int) -> None:
        """The outcome is known: the doubt goes and the values come, in one transaction."""
        texts: Any = {name: str(value) for name, value in values.items()}
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hdel(keys.thread(self.migration), doubt)
            if texts:
                pipe.hset(keys.thread(self.migration), mapping=texts)
            pipe.execute()
        self.values.pop(doubt, None)
        self.values.update(texts)


_KEEP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_LEAVE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"

TURN_SECONDS = 30
"""A courier that was killed keeps others away at most so long. Longer than one call to Slack may take."""


class Overtaken(Exception):
    """This courier was away for so long that another one took its turn; it must not post any more."""


class Turn:
    """The right to write about one migration: one courier has it at a time."""

    def __init__(self, redis: Redis, migration: str) -> None:
        self._redis = redis
        self._key = keys.courier(migration)
        self._token = secrets.token_hex(8)
        self.mine = False

    def __enter__(self) -> Turn:
        self.mine = bool(self._redis.set(self._key, self._token, nx=True, ex=TURN_SECONDS))
        return self

    def __exit__(self, *_: object) -> None:
        if self.mine:
            self._redis.eval(_LEAVE, 1, self._key, self._token)

    def keep(self, seconds: float = TURN_SECONDS) -> None:
        """Before each call to Slack: the turn lasts that much longer. Raises `Overtaken`."""
        kept: Any = self._redis.eval(_KEEP, 1, self._key, self._token, int(seconds * 1000))
        if not kept:
            raise Overtaken
