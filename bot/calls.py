"""Calls to Slack with three honest outcomes: done, refused, or unknown. Pacing happens before, not after a 429."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import Request, urlopen

from redis import Redis
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import WebClient

from bot.metrics import counted
from jobs.adapters import keys


class Later(Exception):
    """Slack asked us to wait; the call was not carried out."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"later: {seconds:.1f} s")
        self.seconds = seconds


class Uncertain(Exception):
    """No answer, or a server error: the call may have been carried out, or not."""


class SlackRefusal(Exception):
    """Slack said no; the call was not carried out. `code` is Slack's own word."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code} {detail}".strip())
        self.code = code
        self.detail = detail


GONE = frozenset(
    {
        "message_not_found",
        "edit_window_closed",
        "cant_update_message",
        "thread_not_found",
        "cannot_reply_to_message",  # a deleted card that has replies stays as a tombstone
    }
)
"""The message can no longer be edited or answered: it is made anew (docs: chat.update, chat.postMessage)."""
SHUT = frozenset({"not_in_channel", "channel_not_found", "is_archived", "restricted_action"})
"""The channel takes no message from us: its people must act (docs: chat.postMessage)."""
DEGRADES = frozenset(
    {"missing_scope", "unknown_method", "method_deprecated", "not_allowed_token_type", "access_denied"}
)
"""This installation may not use the method; the product goes on without it."""

UPLOAD_FAILED = "upload_failed"
"""Our own word: the bytes of a file did not arrive."""

_RATES = {
    # method -> (calls, seconds, burst), from docs.slack.dev/apis/web-api/rate-limits; a little below each limit.
    "chat.postMessage": (1, 1.05, 3),
    "chat.update": (50, 62.0, 6),
    "views.update": (100, 62.0, 10),
    "conversations.replies": (1, 61.0, 1),
    "conversations.history": (1, 61.0, 1),
    "conversations.open": (50, 62.0, 6),
}

Haste = Literal["first", "news", "progress"]
"""Approvals and errors; everything else that is told once; figures, of which the next are as good."""

_GCRA = """
local now, every, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = tonumber(redis.call('GET', KEYS[1]) or now)
if tat < now then tat = now end
local wait = tat - now - every * (burst - 1)
if wait > 0.000001 then return tostring(wait) end
redis.call('SET', KEYS[1], tostring(tat + every), 'PX', math.ceil((tat + every - now + 1) * 1000))
return '0'
"""

_REST = """
local now, until_ = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = tonumber(redis.call('GET', KEYS[1]) or now)
if until_ > tat then redis.call('SET', KEYS[1], tostring(until_), 'PX', math.ceil((until_ - now + 1) * 1000)) end
"""

CROWD_SECONDS = 10.0
"""Who asked so long ago still counts among those who share the turns: a running migration asks every second or so."""
PATIENCE = 4.0
"""Seconds a courier waits in place for one call; longer waits give way to other migrations."""
JSON_METHODS = ("chat.", "views.")
"""Slack reads JSON bodies only where it writes; other methods must be sent as forms, or they see no argument
(docs.slack.dev/apis/web-api/#methods_supporting_json)."""
_CODE = re.compile(r"[a-z0-9_]+")


@dataclass
class Pace:
    """Token buckets in Redis, shared by every courier."""

    redis: Redis
    enabled: bool = True
    now: Callable[[], float] = time.time
    """seconds since the epoch, the same for every courier"""
    sleep: Callable[[float], None] = time.sleep

    def wait(self, method: str, channel: str = "", haste: Haste = "news") -> float:
        """Takes a turn and returns 0, or returns the seconds until there is one."""
        if not self.enabled or method not in _RATES:
            return 0.0
        calls, seconds, burst = _RATES[method]
        bucket = keys.pace(_bucket(method, channel))
        answer: Any = self.redis.eval(_GCRA, 1, bucket, self.now(), seconds / calls, _share(burst, haste))
        return float(answer)

    def share(self, method: str, who: str) -> float:
        """Seconds per call that are left to `who` for figures, when all who asked lately get the same."""
        calls, seconds, _ = _RATES[method]
        crowd, now = keys.crowd(method), self.now()
        with self.redis.pipeline() as pipe:
            pipe.zadd(crowd, {who: now})
            pipe.zremrangebyscore(crowd, "-inf", now - CROWD_SECONDS)
            pipe.zcard(crowd)
            pipe.expire(crowd, int(CROWD_SECONDS) + 1)
            count: Any = pipe.execute()[2]
        return float(count * seconds / calls)

    def rest(self, method: str, channel: str, seconds: float) -> None:
        """Slack asked for a rest: it holds for every courier, and no turn of a burst is left after it."""
        if not self.enabled or method not in _RATES:
            return
        calls, period, burst = _RATES[method]
        now = self.now()
        until = now + seconds + (_share(burst, "first") - 1) * period / calls
        self.redis.eval(_REST, 1, keys.pace(_bucket(method, channel)), now, until)


def _share(burst: int, haste: Haste) -> int:
    """So much of a burst may be used up: one turn more for what goes first, so that it never stands behind a crowd;
    less for figures, so that a crowd of cards leaves room for news."""
    return {"first": burst + 1, "news": burst, "progress": max(1, burst // 2)}[haste]


def _bucket(method: str, channel: str) -> str:
    return f"{method}:{channel}" if method == "chat.postMessage" else method


@dataclass
class Calls:
    """The courier's way to Slack."""

    client: WebClient
    pace: Pace

    def __post_init__(self) -> None:
        # The SDK calls again when a connection breaks: a post that was made and not answered would be made twice.
        self.client.retry_handlers.clear()

    def call(self, method: str, *, haste: Haste = "news", **arguments: Any) -> dict[str, Any]:
        """Slack's answer. Raises `Later`, `Uncertain` or `SlackRefusal`; all but progress waits for its turn a
        little."""
        channel = str(arguments.get("channel", ""))
        self._turn(method, channel, haste)
        try:
            answer = _outcome(lambda: self._send(method, _given(arguments)))
        except Later as later:
            counted(method, "rate limited")
            self.pace.rest(method, channel, later.seconds)
            raise
        except Uncertain:
            counted(method, "no answer")
            raise
        except SlackRefusal as refusal:
            counted(method, "refused", refusal.code)
            raise
        counted(method, "done")
        return answer

    def _turn(self, method: str, channel: str, haste: Haste) -> None:
        patience = 0.0 if haste == "progress" else PATIENCE
        while wait := self.pace.wait(method, channel, haste):
            if wait > patience:
                raise Later(wait)
            self.pace.sleep(wait)
            patience -= wait

    def _send(self, method: str, arguments: dict[str, Any]) -> Any:
        if method.startswith(JSON_METHODS):
            return self.client.api_call(method, json=arguments).data
        form = {name: json.dumps(v) if isinstance(v, list | dict) else v for name, v in arguments.items()}
        return self.client.api_call(method, data=form).data

    def upload(self, url: str, content: bytes) -> None:
        """`upload`, as the courier's calls are made."""
        upload(url, content)


def upload(url: str, content: bytes) -> None:
    """Sends a file's bytes to the address that Slack gave for it. Raises `SlackRefusal` with `upload_failed`;
    nothing is shared by it, so it may be tried again."""
    request = Request(url, data=content, method="POST", headers={"Content-Type": "application/octet-stream"})  # noqa: S310
    try:
        with urlopen(request, timeout=60) as answer:  # noqa: S310  # the address comes from Slack's own answer
            answer.read()
    except (URLError, HTTPException, OSError) as error:
        raise SlackRefusal(UPLOAD_FAILED, type(error).__name__) from None


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _outcome(call: Callable[[], Any]) -> dict[str, Any]:
    try:
        data: dict[str, Any] = call()
        return data
    except SlackApiError as error:
        raise _explain(error) from None
    except (SlackClientError, URLError, HTTPException, OSError, TimeoutError, ValueError) as error:
        raise Uncertain(type(error).__name__) from None


def _explain(error: SlackApiError) -> Exception:
    response: Any = error.response
    if response.status_code == 429:
        return Later(_retry_after(response))
    if response.status_code >= 500 or not isinstance(response.data, dict):
        return Uncertain(f"HTTP {response.status_code}")
    code = str(response.data.get("error", "unknown_error"))
    if code in ("internal_error", "fatal_error", "request_timeout", "service_unavailable"):
        return Uncertain(code)
    if code in ("ratelimited", "rate_limited"):
        return Later(_retry_after(response))
    if not _CODE.fullmatch(code):
        # No word of Slack's: the SDK's own text about an answer that is not JSON, say from a proxy.
        return Uncertain("no answer of the API")
    detail = response.data.get("needed") or "; ".join(
        (response.data.get("response_metadata") or {}).get("messages", [])
    )
    return SlackRefusal(code, str(detail)[:300])


def _retry_after(response: Any) -> float:
    try:
        return max(0.0, float(response.headers.get("Retry-After", 1)))
    except (TypeError, ValueError):
        return 1.0
