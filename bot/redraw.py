"""Draws anew what is open in front of people when something else than their own gesture changed it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import WebClient

from bot import stale
from bot.config import ConfigError
from bot.deps import Deps
from bot.listeners import home, services
from bot.stale import Page
from jobs.adapters.services_redis import RedisServices
from jobs.away import AWAY

log = structlog.get_logger(__name__)

EVERY_SECONDS = 2.0
HOMES_AT_ONCE = 2
"""With the period some 60 a minute, of the 100 that Slack allows (views.*, tier 4): gestures need the others."""
OLD_SECONDS = 60.0
"""A look that is younger answers *Refresh*, too: a second one within seconds is not made."""
NOBODY = "No worker has looked at the server yet; all of them may be busy. Press *Refresh* again in a moment."


class Redraw:
    """Looks for notes in `bot.stale`, from `with` to its end. Several `web` processes share them."""

    def __init__(self, deps: Deps, client: WebClient) -> None:
        self._deps, self._client = deps, client
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="redraw", daemon=True)

    def __enter__(self) -> Redraw:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=10)

    def _loop(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            try:
                once(self._deps, self._client)
            except (*AWAY, ConfigError, SlackClientError, OSError) as error:
                log.warning("not drawn anew", reason=type(error).__name__)
            except Exception:
                # One view that cannot be drawn must not keep all others as they are for ever.
                log.exception("not drawn anew")


def once(deps: Deps, client: WebClient) -> None:
    """One look."""
    for user in stale.homes(deps.redis, HOMES_AT_ONCE):
        home.publish(deps, client, user, opened=False)
    for page in stale.pages(deps.redis):
        _page(deps, client, page)


def _page(deps: Deps, client: WebClient, page: Page) -> None:
    facts = RedisServices(deps.redis).facts([page.service]).get(page.service)
    same = (facts.at.isoformat() if facts else "") == page.seen
    if same and time.time() < page.until:
        return
    service = next((s for s in services.visible(deps, page.user, page.channel) if s.name == page.service), None)
    if not stale.take(deps.redis, page) or service is None:
        return
    old = facts is None or (datetime.now(UTC) - facts.at).total_seconds() > OLD_SECONDS
    view = services.page_of(deps, page.user, page.channel, service, NOBODY if same and old else "")
    try:
        client.views_update(view_id=page.view_id, hash=page.hash, view=view)
    except SlackApiError as error:
        # Closed, or the person has gone on to something else in the same modal.
        log.info("page not drawn anew", code=error.response.get("error"))
