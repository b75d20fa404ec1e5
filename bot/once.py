"""A click that arrives twice is carried out once, whichever `web` process it reaches.

Commands are safe to repeat anyway; this keeps the second delivery from answering "you have already …" to a person
who pressed once. Redis away means no memory, and then the ledger alone decides, as it always does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from slack_bolt import BoltResponse

from bot.gestures import Body
from jobs.adapters import keys

KEPT_SECONDS = 600
"""A replayed request verifies for 300 (docs.slack.dev/authentication/verifying-requests-from-slack)."""


def only_once(redis: Redis) -> Callable[..., BoltResponse]:
    """Bolt's middleware: acknowledges a click's second delivery and goes no further."""

    def once(body: Body, next: Callable[[], BoltResponse]) -> BoltResponse:
        key = _key(body)
        with suppress(RedisError):
            if key and not redis.set(f"{keys.PREFIX}:seen:{key}", 1, nx=True, ex=KEPT_SECONDS):
                return BoltResponse(status=200, body="")
        return next()

    return once


def _key(body: Body) -> str:
    """The same for each delivery of one click; empty for what must be answered each time, as submissions are."""
    if body.get("type") != "block_actions":
        return ""
    action: dict[str, Any] = (body.get("actions") or [{}])[0]
    place = (body.get("container") or {}).get("message_ts") or (body.get("view") or {}).get("id") or ""
    stamp, trigger = action.get("action_ts"), body.get("trigger_id")
    user = (body.get("user") or {}).get("id")
    return f"{user}:{place}:{action.get('action_id')}:{stamp}:{trigger}" if stamp and trigger else ""
