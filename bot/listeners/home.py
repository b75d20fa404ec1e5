"""What one can ask without beginning anything: App Home, and the words after `/migrate`."""

from __future__ import annotations

import time
from typing import Any

from slack_bolt import App
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from bot import access
from bot.deps import Deps
from bot.gestures import Body, log
from bot.ui import canonical, home, logs
from bot.ui.text import Block, clip, section
from jobs.adapters import keys
from jobs.core import voices
from jobs.core.state import ENDED, State

LISTED = 20
HOME_SECONDS = 12 * 3600
"""A home opened longer ago is drawn anew when it is opened again: Slack then tells us."""
HOMES_AT_ONCE = 10
LOOKED_THROUGH = 200
"""So many of the latest migrations are searched for the ones a person may see."""


def register(app: App, deps: Deps) -> None:
    """Hangs App Home into `app`."""

    @app.event("app_home_opened")
    def opened(event: Body, client: WebClient) -> None:
        if event.get("tab", "home") == "home":
            publish(deps, client, str(event["user"]))

    @app.event("app_uninstalled")
    def uninstalled() -> None:
        log.error("the app was uninstalled from its workspace; migrations go on, their threads cannot be written")

    @app.event("tokens_revoked")
    def revoked() -> None:
        log.error("a token was revoked; install the app again and set SLACK_BOT_TOKEN")


def publish(deps: Deps, client: WebClient, user: str, *, opened: bool = True) -> None:
    """Brings one person's App Home up to date."""
    if opened:
        deps.redis.zadd(keys.HOMES, {user: time.time()})
    states = recent(deps, user, "", LISTED)
    try:
        view = home.view(deps.config.all_services(), states, asked_of(deps, user))
        client.views_publish(user_id=user, view=view)
    except SlackApiError as error:
        log.warning("home not published", code=error.response.get("error"))


def asked_of(deps: Deps, user: str) -> list[State]:
    """The open requests that wait for this person, who has not spoken yet; the oldest first."""
    states = [deps.desk.state(migration) for migration in deps.desk.ledger.open()]
    waiting = [state for state in states if user in voices.silent(state)]
    return sorted(waiting, key=lambda state: state.asked_at.timestamp() if state.asked_at else 0.0)


def refresh(deps: Deps, client: WebClient, state: State, user: str) -> None:
    """A decision was made: whoever was asked and has looked at App Home lately sees it there, too.

    `state` is the one before, which still knows who was asked."""
    lately: Any = deps.redis.zrangebyscore(keys.HOMES, time.time() - HOME_SECONDS, "+inf")
    opened = {member.decode() for member in lately}
    concerned = [person for person in (user, *voices.everybody(state)) if person in opened]
    for person in list(dict.fromkeys(concerned))[:HOMES_AT_ONCE]:
        publish(deps, client, person, opened=False)


def recent(deps: Deps, user: str, channel: str, limit: int) -> list[State]:
    """The latest migrations that this person may see here, the youngest first."""
    found: list[State] = []
    for migration in deps.desk.ledger.recent(LOOKED_THROUGH):
        state = deps.desk.state(migration)
        groups = deps.people.groups(access.operate_groups_needed(state, deps.config))
        if access.may_see(state, deps.config, user, groups, channel):
            found.append(state)
        if len(found) == limit:
            break
    return found


def answer(deps: Deps, body: Body, words: list[str]) -> tuple[str, list[Block]]:
    """The ephemeral answer to `/migrate WORD …`."""
    user, channel = str(body["user_id"]), str(body["channel_id"])
    word = words[0].lower()
    if word == "help":
        return "Help for /migrate", [section(home.HELP)]
    if word == "status":
        states = [s for s in recent(deps, user, channel, LISTED) if s.status not in ENDED and s.channel == channel]
        return home.listing(states, "Going on in this channel")
    if word == "list":
        return home.listing(recent(deps, user, channel, LISTED), "Latest migrations")
    if word == "logs":
        return _logs(deps, user, channel, words[1] if len(words) > 1 else "")
    if word == "plan":
        return _plan(deps, user, channel, words[1] if len(words) > 1 else "")
    text = home.unknown(" ".join(words))
    return text, [section(text)]


def _logs(deps: Deps, user: str, channel: str, wanted: str) -> tuple[str, list[Block]]:
    states = recent(deps, user, channel, LOOKED_THROUGH)
    state = next((s for s in states if not wanted or s.id == wanted.strip("`").lower()), None)
    if state is None:
        text = (
            "There is no migration of that id that you may see here." if wanted else "Nothing was migrated here yet."
        )
        return text, [section(f"{text} `/migrate list` lists the latest.")]
    _, story = deps.desk.story(state.id)
    lines = [logs.line(r.event, state) for r in story]
    blocks = logs.reply([home.row(state), *[clip(x, 600) for x in lines if x][-15:]])[1]
    listing = home.listing([state], "Log")[1]
    return f"Log of {state.title}", [*blocks, listing[-1]]


def _plan(deps: Deps, user: str, channel: str, wanted: str) -> tuple[str, list[Block]]:
    """The latest migration with a plan, or that one."""
    states = recent(deps, user, channel, LOOKED_THROUGH)
    wanted = wanted.strip("`").lower()
    state = next((s for s in states if (s.id == wanted if wanted else s.plan is not None)), None)
    if state is None or state.plan is None:
        text = "That migration has no plan yet." if state else "There is no plan that you may see here."
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
