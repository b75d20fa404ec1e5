"""Slack said that it takes our calls no more: kept for `doctor` and health until Slack takes one again."""

from __future__ import annotations

import json
import time
from typing import Any

from redis import Redis

from jobs.adapters import keys

SEVERED = f"{keys.PREFIX}:severed"
CODES = frozenset({"token_revoked", "invalid_auth", "account_inactive", "not_authed", "token_expired"})
"""Refusals that mean every call (docs.slack.dev/reference/methods/auth.test); threads wait, migrations go on."""
ADVICE = "Install the app again and set SLACK_BOT_TOKEN of web and courier; the threads then continue by themselves."


def note(redis: Redis, why: str) -> None:
    """Kept once: the first moment is what matters."""
    redis.set(SEVERED, json.dumps({"why": why, "at": time.time()}), nx=True)


def mended(redis: Redis) -> None:
    """Slack took a call."""
    redis.delete(SEVERED)


def severed(redis: Redis) -> dict[str, Any] | None:
    """`why` and `at` (seconds since the epoch); None while all is well."""
    kept: Any = redis.get(SEVERED)
    return dict(json.loads(kept)) if kept else None


def said(redis: Redis) -> str:
    """For /healthz."""
    found = severed(redis)
    return f"away: {found['why']}" if found else "ok"
