"""Direct messages to the people who are asked: one each and for each request, kept up to date until it is decided.

An edit notifies nobody, so that whoever has not answered by a reminder is written to anew: the new message has the
buttons from then on, and the earlier one points to it.

The same promise as for the thread (`bot.courier`): noted before, settled after, and a message in doubt is looked for
where that is allowed. Slack opens the conversation when a message is sent to a person's id, and answers with its
channel, so that writing needs no permission of its own (docs.slack.dev/reference/methods/chat.postMessage); only to
look for a message in doubt the conversation must be opened first (im:write) and read (im:history).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field

from bot.calls import DEGRADES, GONE, Later, SlackRefusal
from bot.outbox import Outbox
from bot.ui import direct
from bot.ui.text import Block, context
from jobs.core import voices
from jobs.core.state import State

log = structlog.get_logger(__name__)
Call = Callable[..., dict[str, Any]]
"""(method, **arguments) -> Slack's answer; raises `Later`, `Uncertain` or `SlackRefusal`"""

MOST = 25
"""People who are written to for one request; a larger group sees the card, where it is mentioned."""
EVENT = "ferrybot_direct"
SKEW_SECONDS = 300
"""How far our clock and Slack's may be apart when we look for a message in doubt."""
CANNOT_LOOK = "done:cannot_look_direct"


@dataclass(frozen=True, order=True)
class _Name:
    """Names one direct message in the outbox: a request's first one to a person, or that of reminder `number`."""

    request: int
    person: str
    number: int = 0

    @classmethod
    def read(cls, text: str) -> _Name:
        """Raises `ValueError` for what is no such name."""
        _, request, person, *number = text.split(":")
        return cls(int(request), person, int(number[0]) if number else 0)

    def __str__(self) -> str:
        # Reminders have a beginning of their own: an earlier version's courier leaves alone what it does not know.
        first = f"{self.request}:{self.person}"
        return f"remind:{first}:{self.number}" if self.number else f"direct:{first}"


class _Sent(BaseModel):
    """One direct message as the outbox remembers it, in the field that its `_Name` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str = Field(default="", description="empty: this person cannot be written to")
    ts: str = ""
    shown: str = ""
    ended: bool = False
    repeat: bool = False
    seen: int = Field(
        default=0, description="the latest reminder that is none to this person: sent, or answered before"
    )

    def kept(self) -> str:
        """Without what is as by default, so that an earlier version's courier reads it."""
        return self.model_dump_json(exclude_defaults=True)


class Direct:
    """The direct messages of one migration, for one delivery."""

    def __init__(self, outbox: Outbox, state: State, call: Call) -> None:
        self.outbox, self.state, self.call = outbox, state, call

    def update(self) -> None:
        """Writes to whoever is asked now, and brings what was written up to date."""
        people = self._asked()
        for doubt in self._names("doubt:"):
            self._settle(doubt, people)
        for name in self._names():
            self._refresh(name)
        for person in people:
            name = self._due(person)
            if not self.outbox.get(str(name)):
                self._post(name)
                for earlier in self._to(person)[:-1]:
                    self._refresh(earlier)

    def _asked(self) -> list[str]:
        """Whoever was named by a person first: the card does not mention them as it mentions a group."""
        named = {delegation.to.id for delegation in self.state.delegations}
        return sorted(voices.asked(self.state), key=lambda person: person not in named)[:MOST]

    def _names(self, beginning: str = "") -> list[_Name]:
        kinds = (f"{beginning}direct:", f"{beginning}remind:")
        found = [name.removeprefix(beginning) for name in self.outbox.values if name.startswith(kinds)]
        return sorted(_Name.read(name) for name in found)

    def _to(self, person: str) -> list[_Name]:
        """The messages of this request to a person, in their order."""
        return [name for name in self._names() if (name.request, name.person) == (self.state.requests, person)]

    def _due(self, person: str) -> _Name:
        """The message by which this person is asked now: a new one where a reminder came that concerns them."""
        made = self._to(person)
        if not made:
            return _Name(self.state.requests, person)
        sent, number = self._sent(made[-1]), self.state.reminded
        if not sent.channel or sent.seen >= number or person not in self._silent:
            return made[-1]
        return _Name(self.state.requests, person, number)

    def _sent(self, name: _Name) -> _Sent:
        return _Sent.model_validate_json(self.outbox.get(str(name)))

    def _settle(self, name: _Name, people: list[str]) -> None:
        """A message that was begun and never remembered: found, or not made, or (nobody may look) to be repeated."""
        doubt = f"doubt:{name}"
        wanted = name.person in people and name == self._due(name.person)
        found = self._look(name, self.outbox.get(doubt))
        if found:
            sent = _Sent(channel=found[0], ts=found[1], seen=name.number)
            self.outbox.settle(doubt, **{str(name): sent.kept()})
        elif self._can_look or not wanted:
            self.outbox.drop(doubt)

    @property
    def _can_look(self) -> bool:
        return self.outbox.get(CANNOT_LOOK) != "1"

    # --- one message ------------------------------------------------------------------------------------

    def _post(self, name: _Name) -> None:
        doubt = f"doubt:{name}"
        repeat = bool(self.outbox.get(doubt))
        text, blocks = self._message(name, repeat)
        if not repeat:
            self.outbox.put(**{doubt: f"{time.time() - SKEW_SECONDS:.0f}"})
        try:
            answer = self.call(
                "chat.postMessage",
                channel=name.person,
                text=text,
                blocks=blocks,
                metadata={"event_type": EVENT, "event_payload": self._payload(name)},
                unfurl_links=False,
                unfurl_media=False,
            )
        except Later:
            if not repeat:
                self.outbox.settle(doubt)
            raise
        except SlackRefusal as refusal:
            # The card and App Home ask this person, too; the others must not wait.
            log.warning("person cannot be written to", migration=self.state.id, person=name.person, code=refusal.code)
            self.outbox.settle(doubt, **{str(name): _Sent(ended=True).kept()})
            return
        shown, seen = _print(text, blocks), self.state.reminded
        sent = _Sent(channel=answer["channel"], ts=answer["ts"], shown=shown, repeat=repeat, seen=seen)
        self.outbox.settle(doubt, **{str(name): sent.kept()})

    def _refresh(self, name: _Name) -> None:
        sent = self._sent(name)
        if sent.ended:
            return
        now = name.request == self.state.requests
        again = now and any(self._sent(later).channel for later in self._to(name.person) if later > name)
        text, blocks = self._shown(name, sent, now=now, again=again)
        ended = not now or again or direct.ended(self.state)
        if _print(text, blocks) != sent.shown:
            try:
                self.call("chat.update", channel=sent.channel, ts=sent.ts, text=text, blocks=blocks)
            except SlackRefusal as refusal:
                log.warning(
                    "direct message not updated", migration=self.state.id, person=name.person, code=refusal.code
                )
                if refusal.code in GONE and not ended:
                    # Deleted, or no longer editable: a new one, since its buttons are still needed.
                    self.outbox.drop(str(name))
                    return
                ended = True
        # A reminder that came while this person's voice was given is none, also when it is taken back later.
        seen = sent.seen if not now or name.person in self._silent else self.state.reminded
        fresh = {"shown": _print(text, blocks), "ended": ended, "seen": seen}
        self.outbox.put(**{str(name): sent.model_copy(update=fresh).kept()})

    @cached_property
    def _silent(self) -> frozenset[str]:
        return frozenset(voices.silent(self.state))

    def _shown(self, name: _Name, sent: _Sent, *, now: bool, again: bool) -> tuple[str, list[Block]]:
        """What a message says now that was sent before."""
        if again:
            return direct.reminded(self.state)
        return self._message(name, sent.repeat) if now else direct.superseded(self.state)

    def _message(self, name: _Name, repeat: bool) -> tuple[str, list[Block]]:
        text, blocks = direct.message(self.state, name.person, reminder=bool(name.number))
        if repeat:
            blocks = [*blocks, context(":repeat: This may repeat an earlier message; this one is kept up to date.")]
        return text, blocks

    def _payload(self, name: _Name) -> dict[str, Any]:
        """The message's metadata, by which it is known again."""
        payload = {"migration": self.state.id, "request": name.request, "person": name.person}
        return payload | ({"reminder": name.number} if name.number else {})

    # --- looking for a message in doubt -----------------------------------------------------------------

    def _look(self, name: _Name, oldest: str) -> tuple[str, str] | None:
        """Channel and ts of the message whose metadata says so; None when it is not there or we may not look."""
        if not self._can_look:
            return None
        try:
            channel = str(self.call("conversations.open", users=name.person)["channel"]["id"])
            page = self.call(
                "conversations.history", channel=channel, oldest=oldest, include_all_metadata=True, limit=200
            )
        except SlackRefusal as refusal:
            if refusal.code in DEGRADES:
                self.outbox.put(**{CANNOT_LOOK: "1"})
            # Any other refusal is about this person: there is no conversation in which it could stand.
            return None
        wanted = self._payload(name)
        for message in page.get("messages", []):
            meta = message.get("metadata") or {}
            if meta.get("event_type") == EVENT and meta.get("event_payload") == wanted:
                return channel, str(message["ts"])
        return None


def _print(text: str, blocks: Any) -> str:
    return hashlib.sha256(json.dumps([text, blocks], sort_keys=True).encode()).hexdigest()[:16]
