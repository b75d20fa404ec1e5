"""What one can ask without beginning anything: App Home, and the words after `/migrate`."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from slack_bolt import App
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from bot import past, stale
from bot.deps import Deps
from bot.gestures import Body, log
from bot.listeners import services
from bot.ui import canonical, home, logs
from bot.ui import services as service_list
from bot.ui.text import Block, clip, section
from jobs.adapters import keys
from jobs.adapters.services_redis import RedisServices
from jobs.core import voices
from jobs.core.errors import Unreadable
from jobs.core.state import ENDED, State
from jobs.core.summary import Wanted

LISTED = 20
HOMES_AT_ONCE = 10


def register(app: App, deps: Deps) -> None:
    """Hangs App Home into `app`."""

    @app.event("app_home_opened")
    def opened(event: Body, client: WebClient) -> None:
        if event.get("tab", "home") == "home":
            publish(deps, client, str(event["user"]))


def publish(deps: Deps, client: WebClient, user: str, *, opened: bool = True) -> None:
    """Brings one person's App Home up to date."""
    if opened:
        deps.redis.zadd(keys.HOMES, {user: time.time()})
    states = recent(deps, user, "", LISTED)
    try:
        shown = services.visible(deps, user, "")
        looks = RedisServices(deps.redis).facts([one.name for one in shown[: service_list.AT_HOME]])
        known = service_list.home_blocks(shown, looks, datetime.now(UTC))
        view = home.view(known, states, asked_of(deps, user))
        client.views_publish(user_id=user, view=view)
    except SlackApiError as error:
        log.warning("home not published", code=error.response.get("error"))


def asked_of(deps: Deps, user: str) -> list[State]:
    """The open requests that wait for this person, who has not spoken yet; the oldest first."""
    waiting = []
    for migration in deps.desk.ledger.open():
        with suppress(Unreadable):  # the sweep tells of it; what a newer version wrote must not hide the others
            state = deps.desk.state(migration)
            waiting += [state] if user in voices.silent(state) else []
    return sorted(waiting, key=lambda state: state.asked_at.timestamp() if state.asked_at else 0.0)


def refresh(deps: Deps, client: WebClient, state: State, user: str) -> None:
    """A decision was made: whoever was asked and has looked at App Home lately sees it there, too.

    `state` is the one before, which still knows who was asked."""
    opened = stale.opened_lately(deps.redis)
    concerned = [person for person in (user, *voices.everybody(state)) if person in opened]
    for person in list(dict.fromkeys(concerned))[:HOMES_AT_ONCE]:
        publish(deps, client, person, opened=False)


def recent(deps: Deps, user: str, channel: str, limit: int) -> list[State]:
    """The latest migrations that this person may see here, the youngest first; as much of them as a list needs."""
    return [summary.state for summary in islice(past.seen(deps, user, channel), limit)]


def going_on(deps: Deps, user: str, channel: str) -> list[State]:
    """What has not ended in this channel."""
    states = (summary.state for summary in past.seen_open(deps, user, channel))
    return list(islice((s for s in states if s.status not in ENDED and s.channel == channel), LISTED))


def answer(deps: Deps, body: Body, words: list[str]) -> tuple[str, list[Block]]:
    """The ephemeral answer to `/migrate WORD …`."""
    user, channel = str(body["user_id"]), str(body["channel_id"])
    word = words[0].lower()
    if word == "help":
        return "Help for /migrate", [section(home.HELP)]
    if word == "status":
        return home.listing(going_on(deps, user, channel), "Going on in this channel")
    if word == "list":
        return home.listing(recent(deps, user, channel, LISTED), "Latest migrations")
    if word == "logs":
        return _logs(deps, user, channel, words[1] if len(words) > 1 else "")
    if word == "plan":
        return _plan(deps, user, channel, words[1] if len(words) > 1 else "")
    text = home.unknown(" ".join(words))
    return text, [section(text)]


def _logs(deps: Deps, user: str, channel: str, wanted: str) -> tuple[str, list[Block]]:
    found = past.seen(deps, user, channel, Wanted(words=(wanted.strip("`").lower(),)) if wanted else Wanted())
    state = next((s.state for s in found if not wanted or s.id == wanted.strip("`").lower()), None)
    if state is None:
        text = (
            "There is no migration of that id that you may see here." if wanted else "Nothing was migrated here yet."
        )
        return text, [section(f"{text} `/migrate list` lists the latest.")]
    whole, story = deps.desk.story(state.id)
    lines = [logs.line(r.event, whole) for r in story]
    blocks = logs.reply([home.row(state), *[clip(x, 600) for x in lines if x][-15:]])[1]
    listing = home.listing([state], "Log")[1]
    return f"Log of {state.title}", [*blocks, listing[-1]]


def _plan(deps: Deps, user: str, channel: str, wanted: str) -> tuple[str, list[Block]]:
    """The latest migration with a plan, or that one."""
    wanted = wanted.strip("`").lower()
    found = past.seen(deps, user, channel, Wanted(words=(wanted,)) if wanted else Wanted())
    ids = (summary.id for summary in found if not wanted or summary.id == wanted)
    states = [deps.desk.state(migration) for migration in islice(ids, LISTED)]
    state = next((state for state in states if state.plan is not None), None)
    if state is None:
        text = "That migration has no plan yet." if states and wanted else "There is no plan that you may see here."
        return text, [section(f"{text} `/migrate list` lists the latest migrations.")]
    return f"Plan of {state.title}", canonical.message(state)


def reply(client: WebClient, body: Body, text: str, blocks: list[Block]) -> None:
    """Answers only the person who asked; where the bot is not in the channel, as a direct message."""
    arguments: dict[str, Any] = {"text": clip(text, 3000), "blocks": blocks[:50]}
    try:
        client.chat_postEphemeral(channel=body["channel_id"], user=body["user_id"], **arguments)
    except SlackApiError as error:
        log.info("ephemeral answer refused", code=error.response.get("error"))
        client.chat_postMessage(channel=body["user_id"], unfurl_links=False, **arguments)
