"""Tells the workers the services of today: they have no ferrybot.yaml, and what is protected must reach them."""

from __future__ import annotations

import threading

import structlog
from redis.exceptions import RedisError

from bot.config import ConfigError
from bot.deps import Deps
from jobs.adapters.services_redis import RedisServices

log = structlog.get_logger(__name__)

EVERY_SECONDS = 15.0
"""As the sweep: a change of the file is known everywhere before a scheduled run that the next sweep begins."""


def tell(deps: Deps) -> bool:
    """Publishes the configuration of now; False when it could not be."""
    try:
        RedisServices(deps.redis).publish(deps.config.all_services())
    except (ConfigError, RedisError, OSError) as error:
        log.warning("services not told to the workers", reason=type(error).__name__)
        return False
    return True


class Directory:
    """Tells them at once and then again and again, from `with` to its end: also to a Redis that lost everything."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="directory", daemon=True)

    def __enter__(self) -> Directory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=10)

    def _loop(self) -> None:
        while True:
            tell(self._deps)
            if self._over.wait(EVERY_SECONDS):
                return
