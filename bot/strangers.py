"""Who else is connected with our Slack app: Slack gives each gesture to one of the connections, whosever it is.

Two installations on one app lose about half of their gestures to each other. Slack's `hello` on a Socket Mode
connection says how many connections the app has; our own `web` processes are counted in Redis. What is left over
belongs to somebody else, and `ferrybot doctor` says so.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from contextlib import suppress
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from jobs.adapters import keys

log = structlog.get_logger(__name__)

BEAT_SECONDS = 20.0
FADE_SECONDS = 60.0
"""Longer than a beat, and about as long as Slack takes to notice that a killed process has gone."""
KEEP_SECONDS = 24 * 3600
WEBS = f"{keys.PREFIX}:webs"
STRANGERS = f"{keys.PREFIX}:strangers"


class Register:
    """One `web` process in the list of ours, from `with` to its end."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._id = secrets.token_hex(8)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="register", daemon=True)
        self._greeted = False

    def __enter__(self) -> Register:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        try:
            self._redis.zrem(WEBS, self._id)
        except RedisError:
            # It fades by itself.
            return

    def hear(self, _client: object, message: dict[str, Any], _raw: str | None = None) -> None:
        """A message of Slack's on our connection."""
        total = message.get("num_connections")
        if message.get("type") != "hello" or not isinstance(total, int):
            return
        # When Slack asks us to connect anew, our connection from before is still open at this moment.
        before, self._greeted = int(self._greeted), True
        try:
            ours = self._ours()
            if total > ours + before:
                note = {"all": total - before, "ours": ours, "at": time.time()}
                self._redis.set(STRANGERS, json.dumps(note), ex=KEEP_SECONDS)
                log.warning("another installation is connected with this Slack app", connections=total, ours=ours)
            elif total <= ours:
                self._redis.delete(STRANGERS)
        except RedisError as error:
            log.info("connections could not be compared", reason=type(error).__name__)

    def _ours(self) -> int:
        now = time.time()
        self._redis.zadd(WEBS, {self._id: now})
        self._redis.zremrangebyscore(WEBS, "-inf", now - FADE_SECONDS)
        return int(self._redis.zcard(WEBS))

    def _loop(self) -> None:
        while True:
            with suppress(RedisError):  # counted again with the next beat
                self._ours()
            if self._stop.wait(BEAT_SECONDS):
                return


def strangers(redis: Redis) -> dict[str, float] | None:
    """What was heard last of connections that are not ours: `all`, `ours`, `at`; None when there were none."""
    kept: Any = redis.get(STRANGERS)
    return dict(json.loads(kept)) if kept else None
