"""What the courier remembers of a thread: what it has posted, and what it may have posted when it was killed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis import Redis

from jobs.adapters import keys


@dataclass
class Outbox:
    """One migration's hash in Redis; every field is written before or after exactly one call to Slack.

    `card`: the card's ts. `posted`: the last version told. `doubt:NAME`: a call was begun and its outcome is not
    known. `done:NAME`: something that happens once has happened.
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
