"""Clicks that a killed `web` took with it: another one carries them out, or tells their people that it did not."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import structlog
from redis.exceptions import RedisError
from slack_bolt import App, BoltRequest
from slack_sdk.errors import SlackClientError

from bot.gestures import gesture, tell
from bot.once import KEPT_SECONDS, RECALLED, Click, Clicks

log = structlog.get_logger(__name__)

EVERY_SECONDS = 3.0
"""A quarter of the time after which a silent `web` counts as dead."""
TRIES = 1
"""A click is carried out for another process so often: one that ends every `web` must not end the next one, too."""
LOST = (
    ":warning: A process of mine ended before it carried out what you pressed. It may not have been done: please look"
    " at the card, and press again if it was not."
)


class Recall:
    """Looks for what others left undone, from `with` to its end."""

    def __init__(self, app: App, clicks: Clicks) -> None:
        self._app, self._clicks = app, clicks
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="recall", daemon=True)

    def __enter__(self) -> Recall:
        with suppress(RedisError):  # the thread's first look says it again
            # Before the first click: a note whose process nobody has heard of would be taken for an orphan's.
            self._clicks.beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=10)
        self._clicks.end()

    def _loop(self) -> None:
        while True:
            try:
                self._clicks.beat()
                once(self._app, self._clicks)
            except RedisError as error:
                log.warning("clicks are not looked after", reason=type(error).__name__)
            except Exception:
                log.exception("clicks are not looked after")
            if self._over.wait(EVERY_SECONDS):
                return


def once(app: App, clicks: Clicks) -> None:
    """One look."""
    for click in clicks.orphans():
        if not clicks.take_over(click):
            continue
        old = time.time() - click.at > KEPT_SECONDS
        if old or click.tries >= TRIES:
            _tell(app, clicks, click)
            continue
        log.warning("a click that a dead process took is carried out", key=click.key)
        app.dispatch(BoltRequest(body=dict(click.body), context={RECALLED: click.key}, mode="socket_mode"))


def _tell(app: App, clicks: Clicks, click: Click) -> None:
    """First told, then forgotten: killed in between, it is told twice."""
    log.warning("a click was lost with its process", key=click.key, tries=click.tries)
    try:
        tell(app.client, gesture(click.body), LOST)
    except (SlackClientError, OSError) as error:
        log.warning("the person cannot be told now", reason=type(error).__name__)
        clicks.give_back(click)
    else:
        clicks.done(click.key)
