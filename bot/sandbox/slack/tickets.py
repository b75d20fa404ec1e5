"""The two tickets a gesture carries: a trigger that opens a view, a URL that takes answers."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.records import ApiError

TRIGGER_SECONDS = 3.0  # https://docs.slack.dev/interactivity/handling-user-interaction#modal_responses
RESPONSE_SECONDS = 30 * 60.0  # same page: "up to 5 times within 30 minutes"
RESPONSE_USES = 5


@dataclass(eq=False)
class Trigger:
    """Leave to open one view for one person."""

    id: str
    user_id: str
    issued: float
    in_modal: bool
    used: bool = False


class TriggerBook:
    """Issues triggers and takes each back once, within three seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._triggers: dict[str, Trigger] = {}

    def issue(self, user_id: str, *, in_modal: bool) -> str:
        """A new trigger id in Slack's form."""
        id = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[id] = Trigger(id, user_id, self._clock.monotonic(), in_modal)
        return id

    def exchange(self, id: str | None) -> Trigger:
        """Use a trigger up; refuses unknown, used and expired ones."""
        trigger = self._triggers.get(id or "")
        if trigger is None:
            raise ApiError("invalid_trigger_id")
        if trigger.used:
            raise ApiError("exchanged_trigger_id")
        if self._clock.monotonic() - trigger.issued > TRIGGER_SECONDS:
            raise ApiError("expired_trigger_id")
        trigger.used = True
        return trigger


@dataclass(eq=False)
class ResponseUrl:
    """Leave to answer a gesture where it was made."""

    key: str
    channel: str
    user_id: str
    issued: float
    message: Message | None
    uses: int = 0


class ResponseUrls:
    """Issues response URLs and counts their uses."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._urls: dict[str, ResponseUrl] = {}

    def issue(self, channel: str, user_id: str, message: Message | None) -> str:
        """The path of a new response URL, relative to the server."""
        key = secrets.token_hex(12)
        self._urls[key] = ResponseUrl(key, channel, user_id, self._clock.monotonic(), message)
        return f"hooks/{key}"

    def use(self, key: str) -> ResponseUrl:
        """Spend one use; refuses unknown, old and worn-out ones."""
        url = self._urls.get(key)
        if url is None:
            raise ApiError("no_service")
        if self._clock.monotonic() - url.issued > RESPONSE_SECONDS:
            raise ApiError("expired_url")
        if url.uses >= RESPONSE_USES:
            raise ApiError("used_url")
        url.uses += 1
        return url
