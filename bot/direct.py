"""Direct messages to the people who are asked: one each and for each request, kept up to date until it is decided.

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


class _Sent(BaseModel):
    """One direct message as the outbox remembers it, in the field `direct:REQUEST:PERSON`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str = Field(default="", description="empty: this person cannot be written to")
    ts: str = ""
    shown: str = ""
    ended: bool = False
    repeat: bool = False


class Direct:
    """The direct messages of one migration, for one delivery."""

    def __init__(self, outbox: Outbox, state: State, call: Call) -> None:
        self.outbox, self.state, self.call = outbox, state, call

    def update(self) -> None:
        """Writes to whoever is asked now, and brings what was written up to date."""
        wanted = {f"direct:{self.state.requests}:{person}": person for person in self._asked()}
        for doubt in self._names("doubt:direct:"):
            self._settle(doubt, doubt.removeprefix("doubt:") in wanted)
        for name in self._names("direct:"):
            self._refresh(name)
        for name, person in wanted.items():
            if not self.outbox.get(name):
                self._post(name, person)

    def _asked(self) -> list[str]:
        """Whoever was named by a person first: the card does not mention them as it mentions a group."""
        named = {delegation.to.id for delegation in self.state.delegations}
        return sorted(voices.asked(self.state), key=lambda person: person not in named)[:MOST]

    def _names(self, beginning: str) -> list[str]:
        return [name for name in self.outbox.values if name.startswith(beginning)]

    def _settle(self, doubt: str, wanted: bool) -> None:
        """A message that was begun and never remembered: found, or not made, or (nobody may look) to be repeated."""
        name = doubt.removeprefix("doubt:")
        found = self._look(name, self.outbox.get(doubt))
        if found:
            self.outbox.settle(doubt, **{name: _Sent(channel=found[0], ts=found[1]).model_dump_json()})
        elif self._can_look or not wanted:
            self.outbox.drop(doubt)

    @property
    def _can_look(self) -> bool:
        return self.outbox.get(CANNOT_LOOK) != "1"

    # --- one message ------------------------------------------------------------------------------------

    def _post(self, name: str, person: str) -> None:
        doubt = f"doubt:{name}"
        repeat = bool(self.outbox.get(doubt))
        text, blocks = self._message(person, repeat)
        payload = {"migration": self.state.id, "request": self.state.requests, "person": person}
        if not repeat:
            self.outbox.put(**{doubt: f"{time.time() - SKEW_SECONDS:.0f}"})
        try:
            answer = self.call(
                "chat.postMessage",
                channel=person,
                text=text,
                blocks=blocks,
                metadata={"event_type": EVENT, "event_payload": payload},
                unfurl_links=False,
                unfurl_media=False,
            )
        except Later:
            if not repeat:
                self.outbox.settle(doubt)
            raise
        except SlackRefusal as refusal:
            # The card and App Home ask this person, too; the others must not wait.
            log.warning("person cannot be written to", migration=self.state.id, person=person, code=refusal.code)
            self.outbox.settle(doubt, **{name: _Sent(ended=True).model_dump_json()})
            return
        sent = _Sent(channel=answer["channel"], ts=answer["ts"], shown=_print(text, blocks), repeat=repeat)
        self.outbox.settle(doubt, **{name: sent.model_dump_json()})

    def _refresh(self, name: str) -> None:
        sent = _Sent.model_validate_json(self.outbox.get(name))
        if sent.ended:
            return
        _, request, person = name.split(":")
        now = int(request) == self.state.requests
        text, blocks = self._message(person, sent.repeat) if now else direct.superseded(self.state)
        ended = not now or direct.ended(self.state)
        if _print(text, blocks) != sent.shown:
            try:
                self.call("chat.update", channel=sent.channel, ts=sent.ts, text=text, blocks=blocks)
            except SlackRefusal as refusal:
                log.warning("direct message not updated", migration=self.state.id, person=person, code=refusal.code)
                if refusal.code in GONE and not ended:
                    # Deleted, or no longer editable: a new one, since its buttons are still needed.
                    self.outbox.drop(name)
                    return
                ended = True
        fresh = {"shown": _print(text, blocks), "ended": ended}
        self.outbox.put(**{name: sent.model_copy(update=fresh).model_dump_json()})

    def _message(self, person: str, repeat: bool) -> tuple[str, list[Block]]:
        text, blocks = direct.message(self.state, person)
        if repeat:
            blocks = [*blocks, context(":repeat: This may repeat an earlier message; this one is kept up to date.")]
        return text, blocks

    # --- looking for a message in doubt -----------------------------------------------------------------

    def _look(self, name: str, oldest: str) -> tuple[str, str] | None:
        """Channel and ts of the message whose metadata says so; None when it is not there or we may not look."""
        _, request, person = name.split(":")
        if not self._can_look:
            return None
        try:
            channel = str(self.call("conversations.open", users=person)["channel"]["id"])
            page = self.call(
                "conversations.history", channel=channel, oldest=oldest, include_all_metadata=True, limit=200
            )
        except SlackRefusal as refusal:
            if refusal.code in DEGRADES:
                self.outbox.put(**{CANNOT_LOOK: "1"})
            # Any other refusal is about this person: there is no conversation in which it could stand.
            return None
        wanted = {"migration": self.state.id, "request": int(request), "person": person}
        for message in page.get("messages", []):
            meta = message.get("metadata") or {}
            if meta.get("event_type") == EVENT and meta.get("event_payload") == wanted:
                return channel, str(message["ts"])
        return None


def _print(text: str, blocks: Any) -> str:
    return hashlib.sha256(json.dumps([text, blocks], sort_keys=True).encode()).hexdigest()[:16]
