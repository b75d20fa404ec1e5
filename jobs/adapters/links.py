"""One-time links: who holds the token may hand in one secret for one migration, once, within ten minutes.

Redis keeps only the token's hash, so reading Redis does not open a page. `peek` shows the page and uses nothing up
(chat programs and virus scanners open links too); `take` is an atomic GETDEL, so of two submissions one wins.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

import redis
from pydantic import TypeAdapter

from jobs.core.errors import Transient

PREFIX = "ferrybot:link:"
LINK_SECONDS = 600
"""Long enough to look a password up, short enough that a link found later is worthless."""


@dataclass(frozen=True)
class Link:
    """What a token stands for; `about` says on the page whose password is asked."""

    migration: str
    user: str
    about: str = ""


_LINK = TypeAdapter(Link)


class OneTimeLinks:
    """Makes and redeems tokens; raises `Transient` when Redis is away."""

    def __init__(self, redis: redis.Redis) -> None:
        self._redis = redis

    def make(self, migration: str, user: str, about: str = "") -> str:
        """A new token for the address `/secret/TOKEN`."""
        token = secrets.token_urlsafe(32)
        kept = _LINK.dump_json(Link(migration, user, about)).decode()
        self._ask(self._redis.set, _key(token), kept, ex=LINK_SECONDS)
        return token

    def peek(self, token: str) -> Link | None:
        """What the token stands for, without using it up; None when unknown, used or expired."""
        return _read(self._ask(self._redis.get, _key(token)))

    def take(self, token: str) -> Link | None:
        """What the token stands for, for the one who asks first; None afterwards."""
        return _read(self._ask(self._redis.getdel, _key(token)))

    def _ask(self, command: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except redis.RedisError as error:
            raise Transient(f"Redis did not answer ({type(error).__name__}).", remedy="Try again.") from None


def _key(token: str) -> str:
    return PREFIX + hashlib.sha256(token.encode()).hexdigest()


def _read(kept: Any) -> Link | None:
    return None if kept is None else _LINK.validate_json(kept)
