"""Only what gestures need: Slack, Redis and `web`, without workers and databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from bot.sandbox.stage import MANIFEST, Process, Stage


@contextmanager
def small_stage(services: dict[str, Any]) -> Iterator[Stage]:
    """Slack and Redis, and everything that was started on it ended."""
    made = Stage(services, {})
    try:
        made.write_config()
        made.slack.start()
        made.slack.load_manifest(yaml.safe_load(MANIFEST.read_text()))
        made.redis.start()
        yield made
    finally:
        made.__exit__()


def web(stage: Stage) -> Process:
    """One more `web`, ready."""
    started = stage.start("web")
    stage.wait_ready()
    return started
