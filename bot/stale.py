"""What is open in front of people and no longer true: App Homes, and pages of services that wait for a look.

Couriers and listeners leave a note here, and `bot.redraw` in a `web` process takes it: only there is the
configuration that says what a person may see. A note that is lost with a process that is killed costs one redrawing;
a home is drawn anew when it is opened again, and a page by *Refresh*.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from redis import Redis

from jobs.adapters import keys
from jobs.core import events as e
from jobs.core import voices
from jobs.core.state import State

HOME_SECONDS = 12 * 3600
"""A home opened longer ago is drawn anew when it is opened again: Slack then tells us."""
KEPT_SECONDS = 3600
"""Notes that no `web` process takes for so long are worth nothing."""

_SEEN = (
    *(e.Requested, e.Escalated, e.Expired, e.Drifted, e.Scheduled, e.RunQueued, e.Resumed, e.WindowClosed),
    *(e.Paused, e.Finished, e.RunFailed, e.Cancelled, e.RolledBack),
)
"""What App Home shows and nobody's own gesture has drawn: the gate's gestures draw it at once."""


def opened_lately(redis: Redis) -> set[str]:
    """Ids of the people who have looked at App Home within `HOME_SECONDS`."""
    lately: Any = redis.zrangebyscore(keys.HOMES, time.time() - HOME_SECONDS, "+inf")
    return {member.decode() for member in lately}


def moved(redis: Redis, state: State, story: Sequence[e.Recorded], told: int) -> None:
    """Something happened after version `told`: whoever it concerns and has App Home open shall see it there."""
    if not any(isinstance(recorded.event, _SEEN) for recorded in story[told:]):
        return
    requesters = [state.requester.id] if state.requester else []
    # A request that ended knows its delegates no more, but its story does.
    lent = [recorded.event.to.id for recorded in story if isinstance(recorded.event, e.Delegated)]
    concerned = opened_lately(redis) & {*requesters, *voices.everybody(state), *lent}
    if concerned:
        redis.sadd(keys.STALE_HOMES, *concerned)
        redis.expire(keys.STALE_HOMES, KEPT_SECONDS)


def homes(redis: Redis, most: int) -> list[str]:
    """Takes at most so many people off the notes."""
    taken: Any = redis.spop(keys.STALE_HOMES, most)
    return [member.decode() for member in taken or ()]


class Page(BaseModel):
    """A service's page on which *Refresh* was pressed. `hash` is Slack's for the view as it was shown then."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    view_id: str
    hash: str
    user: str
    channel: str
    service: str
    seen: str = ""
    """When its server was looked at as the page was shown; empty: never."""
    until: float
    """When nobody waits any more, in seconds since the epoch."""


def wait(redis: Redis, page: Page) -> None:
    """This page waits for the next look at its service."""
    redis.hset(keys.STALE_PAGES, page.view_id, page.model_dump_json())
    redis.expire(keys.STALE_PAGES, KEPT_SECONDS)


def pages(redis: Redis) -> list[Page]:
    """All that wait; what another version wrote is dropped."""
    texts: Any = redis.hgetall(keys.STALE_PAGES)
    found = []
    for view, text in texts.items():
        try:
            found.append(Page.model_validate_json(text))
        except ValidationError:
            redis.hdel(keys.STALE_PAGES, view)
    return found


def take(redis: Redis, page: Page) -> bool:
    """True for the one process that may draw this page."""
    return bool(redis.hdel(keys.STALE_PAGES, page.view_id))
