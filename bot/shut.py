"""When Slack says no for good: the requester hears once why the thread stands still."""

from __future__ import annotations

import structlog

from bot import severed
from bot.calls import SHUT, Later, SlackRefusal
from bot.errand import Errand
from bot.ui.text import clip, plain

log = structlog.get_logger(__name__)


def stuck(errand: Errand, refusal: SlackRefusal) -> None:
    """Tells once for each reason; each further delivery tries again."""
    if refusal.code in severed.CODES:
        severed.note(errand.c.redis, f"Slack says {refusal.code}")
    if refusal.code not in SHUT:
        log.error("slack refused", migration=errand.id, code=refusal.code, detail=refusal.detail)
    if errand.outbox.get("stuck") != refusal.code:
        errand.outbox.put(stuck=refusal.code)
        try:
            _tell_requester(errand, refusal)
        except Later:
            errand.outbox.drop("stuck")
            raise


def _tell_requester(errand: Errand, refusal: SlackRefusal) -> None:
    who = errand.state.requester
    if who is None:
        return
    advice = (
        "Please invite me to that channel (`/invite @Ferrybot`) or unarchive it; the story then continues there."
        if refusal.code in SHUT
        else "Please show this to whoever runs Ferrybot: its log says more. I keep trying."
    )
    text = (
        f"I cannot write about {plain(clip(errand.state.title, 300))} in <#{errand.state.channel}> ({refusal.code}). "
        f"{advice} The migration itself is not affected."
    )
    try:
        errand.call("chat.postMessage", channel=who.id, text=text, unfurl_links=False)
    except SlackRefusal as second:
        log.error("requester cannot be told", migration=errand.id, code=second.code)
