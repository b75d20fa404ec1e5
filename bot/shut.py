"""When Slack says no for good: requester and owners of both services hear once why the thread stands still."""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from bot import severed
from bot.calls import SHUT, Later, SlackRefusal
from bot.errand import Errand
from bot.ui.text import clip, plain
from jobs.adapters.services_redis import RedisServices
from jobs.core.model import Service

log = structlog.get_logger(__name__)

MOST = 25
"""People who are told, as of those who are asked for an approval."""
_GROUP = "S"
"""Ids of Slack's user groups begin with it."""


def stuck(errand: Errand, refusal: SlackRefusal) -> None:
    """Tells each person once for each reason; each further delivery tries the channel again."""
    if refusal.code in severed.CODES:
        severed.note(errand.c.redis, f"Slack says {refusal.code}")
    if refusal.code not in SHUT:
        log.error("slack refused", migration=errand.id, code=refusal.code, detail=refusal.detail)
    if errand.outbox.get("stuck") != refusal.code:
        errand.outbox.put(stuck=refusal.code, stuck_told="", stuck_all="")
    if errand.outbox.get("stuck_all"):
        return
    for person, why in _people(errand):
        if person not in errand.outbox.get("stuck_told").split():
            _tell(errand, refusal, person, why)
    errand.outbox.put(stuck_all=refusal.code)


def mended(errand: Errand) -> None:
    """The thread goes on: the next time is told anew."""
    if errand.outbox.get("stuck"):
        errand.outbox.drop("stuck", "stuck_told", "stuck_all", "doubt:stuck")


def _people(errand: Errand) -> Iterator[tuple[str, str]]:
    """Who is told, each once, and as what: the requester, then today's owners of target and source."""
    state = errand.state
    seen: set[str] = set()
    if state.requester is not None:
        seen.add(state.requester.id)
        yield state.requester.id, ""
    known = RedisServices(errand.c.redis)
    for service in (state.target, state.source):
        if not isinstance(service, Service):
            continue
        today = known.named(service.name) or service
        for owner in today.owners:
            for person in _members(errand, owner):
                if person not in seen and len(seen) < MOST:
                    seen.add(person)
                    yield person, f" You are told as an owner of {plain(clip(service.name, 100))}."


def _members(errand: Errand, owner: str) -> list[str]:
    if not owner.startswith(_GROUP):
        return [owner]
    try:
        answer = errand.call("usergroups.users.list", usergroup=owner)
    except SlackRefusal as refusal:
        log.warning("owners cannot be looked up", group=owner, code=refusal.code)
        return []
    return [str(user) for user in answer.get("users") or ()]


def _tell(errand: Errand, refusal: SlackRefusal, person: str, why: str) -> None:
    """Noted before and settled after: killed in between, it is told again and marked."""
    repeat = " (This may repeat an earlier message.)" if errand.outbox.get("doubt:stuck") == person else ""
    errand.outbox.put(**{"doubt:stuck": person})
    text = _text(errand, refusal) + why + repeat
    try:
        errand.call("chat.postMessage", channel=person, text=text, unfurl_links=False)
    except Later:
        errand.outbox.settle("doubt:stuck")
        raise
    except SlackRefusal as second:
        log.error("a person cannot be told", migration=errand.id, code=second.code)
    errand.outbox.settle("doubt:stuck", stuck_told=f"{errand.outbox.get('stuck_told')} {person}".strip())


def _text(errand: Errand, refusal: SlackRefusal) -> str:
    advice = (
        "Please invite me to that channel (`/invite @Ferrybot`) or unarchive it; the story then continues there."
        if refusal.code in SHUT
        else "Please show this to whoever runs Ferrybot: its log says more. I keep trying."
    )
    return (
        f"I cannot write about {plain(clip(errand.state.title, 300))} in <#{errand.state.channel}> ({refusal.code}). "
        f"{advice} The migration itself is not affected."
    )
