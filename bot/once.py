"""A click is carried out once: a second delivery goes no further, and what a killed `web` left undone is taken up.

Commands are safe to repeat anyway; this keeps the second delivery from answering "you have already …" to a person
who pressed once. Slack is told that a click arrived before its deed is done, and never delivers it again. So the
click itself is noted together with the mark that it was seen, and the note goes when the deed is done. A note whose
`web` lives no more is taken by another one (`bot.recall`). A note speaks for a person, so it is sealed: whoever can
write to Redis cannot press buttons, and whoever can read it does not see what was typed. Redis away means no memory,
and then the ledger alone decides, as it always does.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError
from slack_bolt import BoltContext, BoltRequest, BoltResponse
from slack_bolt.listener.listener_completion_handler import ListenerCompletionHandler

from bot.gestures import Body
from jobs.adapters import keys

log = structlog.get_logger(__name__)

KEPT_SECONDS = 600
"""A replayed request verifies for 300 (docs.slack.dev/authentication/verifying-requests-from-slack)."""
FADE_SECONDS = 12
"""A `web` that has said nothing for so long is dead; it speaks every few seconds."""
UNDONE = f"{keys.PREFIX}:clicks"
RECALLED = "ferrybot_recalled"
"""In Bolt's context: the key of a click that is carried out for a `web` that died."""
CLICK = "ferrybot_click"
_NONCE = 12
_UNKEPT = frozenset({"token", "response_url"})
"""Of a payload: what would let others speak for Slack or answer in our name; no listener reads them."""

# The mark and the note stand or fall together: killed in between, a click would be seen and forgotten.
_TAKE = """
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[3]) then
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
    return 1
end
return 0
"""
_CHANGE = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""


@dataclass(frozen=True)
class Click:
    """A click that is not carried out yet; `tries` counts the processes that died over it."""

    key: str
    web: str
    at: float
    tries: int
    body: Mapping[str, Any]
    kept: bytes


class Clicks:
    """The clicks that one `web` process has taken and not yet carried out; `token`, which all of them have, seals."""

    def __init__(self, redis: Redis, token: SecretStr) -> None:
        self._redis = redis
        self._cipher = AESGCM(hashlib.sha256(b"ferrybot clicks " + token.get_secret_value().encode()).digest())
        self.id = secrets.token_hex(8)
        self._mine: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, key: str, body: Body) -> bool:
        """False when this click was seen before. Raises `RedisError`."""
        kept = {name: value for name, value in body.items() if name not in _UNKEPT}
        self._begin(key)
        note = self._note(key, time.time(), 0, kept)
        seen = f"{keys.PREFIX}:seen:{key}"
        return bool(self._redis.eval(_TAKE, 2, seen, UNDONE, key, note, str(KEPT_SECONDS)))

    def take_over(self, click: Click) -> bool:
        """False when another process was faster. Raises `RedisError`."""
        self._begin(click.key)
        note = self._note(click.key, click.at, click.tries + 1, click.body)
        return bool(self._redis.eval(_CHANGE, 1, UNDONE, click.key, click.kept, note))

    def give_back(self, click: Click) -> None:
        """Nobody's: the next look finds it again. Raises `RedisError`."""
        note = self._note(click.key, click.at, click.tries, click.body, web="")
        self._redis.hset(UNDONE, click.key, note)

    def done(self, key: str) -> None:
        """The click is carried out, or its person was told that it is not."""
        with self._lock:
            self._mine.pop(key, None)
        with suppress(RedisError):  # `beat` takes it away later
            self._redis.hdel(UNDONE, key)

    def beat(self) -> None:
        """Says that this process lives, and forgets notes of its own that nobody works at. Raises `RedisError`."""
        self._redis.set(_alive(self.id), 1, ex=FADE_SECONDS)
        old = time.monotonic() - KEPT_SECONDS
        with self._lock:
            self._mine = {key: since for key, since in self._mine.items() if since > old}
            mine = set(self._mine)
        for click in self.undone():
            if click.web == self.id and click.key not in mine:
                self._redis.hdel(UNDONE, click.key)

    def end(self) -> None:
        """This process ends in good order: nothing of its own is left."""
        with suppress(RedisError):  # it fades by itself
            self._redis.delete(_alive(self.id))

    def undone(self) -> Iterator[Click]:
        """Every note, of any process. Raises `RedisError`."""
        notes: Any = self._redis.hgetall(UNDONE)
        for key, kept in notes.items():
            try:
                note = json.loads(self._cipher.decrypt(kept[:_NONCE], kept[_NONCE:], key))
            except (InvalidTag, ValueError):
                # Not ours, or of the time before the token was changed: nobody speaks by it.
                log.warning("a note of a click is not ours", key=key.decode(errors="replace"))
                self._redis.hdel(UNDONE, key)
                continue
            yield Click(key.decode(), note["web"], note["at"], note["tries"], note["body"], kept)

    def orphans(self) -> Iterator[Click]:
        """Notes of processes that live no more. Raises `RedisError`."""
        for click in self.undone():
            if click.web != self.id and not self._redis.exists(_alive(click.web)):
                yield click

    def _begin(self, key: str) -> None:
        with self._lock:
            self._mine[key] = time.monotonic()

    def _note(self, key: str, at: float, tries: int, body: Mapping[str, Any], web: str | None = None) -> bytes:
        """Sealed to its key, so that it cannot be moved to another click's."""
        note = {"web": self.id if web is None else web, "at": at, "tries": tries, "body": dict(body)}
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, json.dumps(note).encode(), key.encode())


def _alive(web: str) -> str:
    return f"{keys.PREFIX}:web:{web}"


def only_once(clicks: Clicks) -> Callable[..., BoltResponse]:
    """Bolt's middleware: acknowledges a click's second delivery and goes no further."""

    def once(body: Body, context: BoltContext, next: Callable[[], BoltResponse]) -> BoltResponse:
        key = str(context.get(RECALLED) or "") or _key(body)
        with suppress(RedisError):
            if key and not context.get(RECALLED) and not clicks.take(key, body):
                return BoltResponse(status=200, body="")
        context[CLICK] = key
        return next()

    return once


class Completed(ListenerCompletionHandler):
    """Bolt calls it when a listener has ended, however it ended: whatever went wrong, its person was told."""

    def __init__(self, clicks: Clicks) -> None:
        self._clicks = clicks

    def handle(self, request: BoltRequest, response: BoltResponse | None) -> None:
        """Forgets the note."""
        key = request.context.get(CLICK)
        if key:
            self._clicks.done(str(key))


def _key(body: Body) -> str:
    """The same for each delivery of one click; empty for what must be answered each time, as submissions are."""
    if body.get("type") != "block_actions":
        return ""
    action: dict[str, Any] = (body.get("actions") or [{}])[0]
    place = (body.get("container") or {}).get("message_ts") or (body.get("view") or {}).get("id") or ""
    stamp, trigger = action.get("action_ts"), body.get("trigger_id")
    user = (body.get("user") or {}).get("id")
    return f"{user}:{place}:{action.get('action_id')}:{stamp}:{trigger}" if stamp and trigger else ""
