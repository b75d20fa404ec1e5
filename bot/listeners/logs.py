"""*Show logs*: the modal of the story and of the tables, from the card, App Home, a list or a message's menu."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App
from slack_sdk.web import WebClient

from bot import access
from bot.deps import Deps
from bot.gestures import Body, Gesture, gesture, refusing, show, tell, typed
from bot.refs import ref
from bot.ui import log_view
from bot.ui.log_view import Look
from bot.ui.text import View, unmarked
from jobs.adapters import keys
from jobs.core.errors import Denied, FerrybotError, Refused
from jobs.core.state import RUNNING, State


def register(app: App, deps: Deps) -> None:
    """Hangs *Show logs* into `app`."""

    def act(ack: Ack, body: Body, client: WebClient, step: int | None = None) -> None:
        """`step` turns pages; None begins at the first, as a new search must."""
        ack()
        g = gesture(body)
        migration = g.ref.m if g.ref else g.sheet.m if g.sheet else ""
        page = 0 if step is None or g.sheet is None else g.sheet.page + step
        refusing(client, g, lambda: _read(deps, client, g, migration, page))

    for action in ("show_logs", "log_search_input", "log_show_select"):
        app.action(action)(lambda ack, body, client: act(ack, body, client))
    app.action("logs_next")(lambda ack, body, client: act(ack, body, client, 1))
    app.action("logs_previous")(lambda ack, body, client: act(ack, body, client, -1))

    @app.view(log_view.CALLBACK)
    def searched(ack: Ack, body: Body) -> None:
        g = gesture(body)
        try:
            view, _ = _view(deps, g, g.sheet.m if g.sheet else "", 0)
        except FerrybotError as error:
            ack(response_action="errors", errors={"log_search": unmarked(error.what)})
            return
        ack(response_action="update", view=view)

    @app.shortcut("ferrybot_logs")
    def from_message(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        found = _migration_of(deps, g.channel, body.get("message") or {})
        if found is None:
            tell(client, g, "This message is not about a migration. Use it on a migration's card.")
            return
        refusing(client, g, lambda: _read(deps, client, g, found, 0))


def _read(deps: Deps, client: WebClient, g: Gesture, migration: str, page: int) -> None:
    view, version = _view(deps, g, migration, page)
    if g.sheet is not None and g.sheet.step in ("history", "service"):
        # On top of the list, which closing the log brings back.
        client.views_push(trigger_id=g.trigger, view=view)
        return
    show(deps, client, g, "", "read", view, version)


def _view(deps: Deps, g: Gesture, migration: str, page: int) -> tuple[View, int]:
    """The log as the gesture's modal asks for it, and the version that it shows. Raises `Refused` and `Denied`."""
    state = readable(deps, g, migration)
    show_as, words = typed(g.values, "log_show", "log_show_select"), typed(g.values, "log_search", "log_search_input")
    look = Look.of(show_as, words, page)
    _, story = deps.desk.story(migration)
    kept = deps.desk.ledger.attachment(migration, "tables")
    now = deps.board.progress(migration) if state.status in RUNNING else None
    return log_view.view(state, story, look, kept, now), state.version


def readable(deps: Deps, g: Gesture, migration: str) -> State:
    """The migration, if this person may read it here. Raises `Refused` and `Denied`."""
    state = deps.desk.state(migration) if migration else None
    if state is None or state.version == 0:
        raise Refused("This button is not one of mine.")
    groups = deps.people.groups(access.operate_groups_needed(state, deps.config))
    decision = access.may_see(state, deps.config, g.user.id, groups, g.channel)
    if isinstance(decision, access.Denied):
        raise Denied(decision.reason)
    return state


def _migration_of(deps: Deps, channel: str, message: Body) -> str | None:
    """By its metadata where Slack sends them, by a card's buttons, or by the thread that it stands in."""
    payload: Any = (message.get("metadata") or {}).get("event_payload") or {}
    if payload.get("migration"):
        return str(payload["migration"])
    for block in message.get("blocks") or ():
        for element in block.get("elements") or ():
            found = ref(element.get("value")) if isinstance(element.get("value"), str) else None
            if found:
                return found.m
    known: Any = deps.redis.get(keys.card(channel, str(message.get("thread_ts") or message.get("ts") or "")))
    return known.decode() if known is not None else None
