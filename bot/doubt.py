"""A post in doubt: was it made before the courier was killed? Its metadata in the channel's history tells."""

from __future__ import annotations

from typing import Any

from bot.calls import DEGRADES, SlackRefusal
from bot.errand import Errand

LINE, CARD = "ferrybot_line", "ferrybot_card"


def can_look(errand: Errand) -> bool:
    """False once Slack has said that this installation has no history scope."""
    return errand.outbox.get("done:cannot_look") != "1"


def look(errand: Errand, method: str, event_type: str, name: str, value: str) -> str:
    """The ts of the message whose metadata says so; "" when it is not there or we may not look."""
    if not can_look(errand):
        return ""
    where: dict[str, Any] = {"oldest": value}
    if method == "conversations.replies":
        # Only what came after the last line: reading may be allowed once a minute, and a page is short.
        where = {"ts": errand.outbox.card, "oldest": errand.outbox.get("last") or errand.outbox.card}
    wanted = errand.id if event_type == CARD else int(value)
    cursor = None
    while True:
        try:
            page = errand.call(
                method,
                channel=errand.state.channel,
                include_all_metadata=True,
                limit=200,
                cursor=cursor,
                **where,
            )
        except SlackRefusal as refusal:
            if refusal.code in DEGRADES:
                errand.outbox.put(**{"done:cannot_look": "1"})
                return ""
            raise
        for message in page.get("messages", []):
            if _is(message, errand.id, event_type, name, wanted):
                return str(message["ts"])
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return ""


def _is(message: dict[str, Any], migration: str, event_type: str, name: str, wanted: str | int) -> bool:
    meta = message.get("metadata") or {}
    payload = meta.get("event_payload") or {}
    ours = meta.get("event_type") == event_type and payload.get("migration") == migration
    return bool(ours and payload.get(name) == wanted)
