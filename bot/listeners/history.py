"""`/migrate history`: the modal of past migrations, and its exports."""

from __future__ import annotations

from itertools import islice
from typing import Literal

from slack_bolt import Ack, App
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from bot import past
from bot.calls import SlackRefusal, upload
from bot.deps import Deps
from bot.gestures import Body, Gesture, gesture, log, show, tell, typed
from bot.ui import export, history
from bot.ui.history import PAGE, Ask
from bot.ui.text import View, count

MOST = 50_000
"""Migrations of one export: some 20 MB, more than a spreadsheet is pleasant with."""
Form = Literal["csv", "jsonl"]


def register(app: App, deps: Deps) -> None:
    """Hangs the modal's fields and buttons into `app`."""

    def act(ack: Ack, body: Body, client: WebClient, step: int | None = None) -> None:
        """`step` turns pages; None begins at the first, as a new search must."""
        ack()
        g = gesture(body)
        page = 0 if step is None or g.sheet is None else g.sheet.page + step
        show(deps, client, g, "", "read", _found(deps, g, _asked(g, page)), 0)

    for action in ("history_search_input", "history_status_select", "history_environment_select"):
        app.action(action)(lambda ack, body, client: act(ack, body, client))
    app.action("history_next")(lambda ack, body, client: act(ack, body, client, 1))
    app.action("history_previous")(lambda ack, body, client: act(ack, body, client, -1))

    @app.view(history.CALLBACK)
    def searched(ack: Ack, body: Body) -> None:
        g = gesture(body)
        ack(response_action="update", view=_found(deps, g, _asked(g, 0)))

    def exported(ack: Ack, body: Body, client: WebClient, form: Form) -> None:
        ack()
        g = gesture(body)
        note = _export(deps, client, g, form)
        if note:
            page = g.sheet.page if g.sheet else 0
            show(deps, client, g, "", "read", _found(deps, g, _asked(g, page), note), 0)

    app.action("history_csv")(lambda ack, body, client: exported(ack, body, client, "csv"))
    app.action("history_jsonl")(lambda ack, body, client: exported(ack, body, client, "jsonl"))


def opened(deps: Deps, client: WebClient, body: Body, text: str) -> None:
    """Answers the command: a modal at once (a trigger lives three seconds), then what was found."""
    channel, user = str(body["channel_id"]), str(body["user_id"])
    try:
        answer = client.views_open(trigger_id=str(body["trigger_id"]), view=history.looking(channel, text))
        ask = Ask.of(text)
        client.views_update(view_id=answer["view"]["id"], view=_page(deps, user, channel, ask))
    except SlackApiError as error:
        log.warning("history not shown", code=error.response.get("error"))


def instead(deps: Deps, client: WebClient, g: Gesture, service: str) -> None:
    """The past of one service in the place of its page: Slack stacks three views, and the log is to be the third."""
    ask = Ask.of(service if " " in service else f"service:{service}")
    show(deps, client, g, "", "read", _page(deps, g.user.id, g.channel, ask), 0)


def _asked(g: Gesture, page: int) -> Ask:
    return Ask.of(
        typed(g.values, "history_search", "history_search_input"),
        typed(g.values, "history_menus", "history_status_select"),
        typed(g.values, "history_menus", "history_environment_select"),
        page,
    )


def _found(deps: Deps, g: Gesture, ask: Ask, note: str = "") -> View:
    return _page(deps, g.user.id, g.channel, ask, note)


def _page(deps: Deps, user: str, channel: str, ask: Ask, note: str = "") -> View:
    start = ask.page * PAGE
    found = list(islice(past.seen(deps, user, channel, ask.wanted), start, start + PAGE + 1))
    complete = past.remembered(deps)
    return history.view(channel, ask, found[:PAGE], more=len(found) > PAGE, complete=complete, note=note)


def _export(deps: Deps, client: WebClient, g: Gesture, form: Form) -> str:
    """Sends everything that was found to this person alone; what to say of it."""
    found = list(islice(past.seen(deps, g.user.id, g.channel, _asked(g, 0).wanted), MOST))
    if not found:
        return ":information_source: There is nothing to export."
    text = export.as_csv(found) if form == "csv" else export.json_lines(found)
    said = f"Your export: {count(len(found), 'migration')}."
    try:
        _send(client, g.user.id, f"ferrybot-history.{form}", said, text.encode())
    except (SlackApiError, SlackRefusal) as error:
        code = error.code if isinstance(error, SlackRefusal) else str(error.response.get("error"))
        log.warning("export not sent", code=code)
        tell(client, g, f":information_source: The export could not be sent ({code}).")
        return ""
    return f":inbox_tray: Sent to you as a direct message: {count(len(found), 'migration')}."


def _send(client: WebClient, user: str, name: str, said: str, content: bytes) -> None:
    """A file of a direct message. Opening one needs a scope of its own; a message to the person names it, too."""
    message = client.chat_postMessage(channel=user, text=said, unfurl_links=False)
    place = client.files_getUploadURLExternal(filename=name, length=len(content))
    upload(str(place["upload_url"]), content)
    client.files_completeUploadExternal(
        files=[{"id": str(place["file_id"]), "title": name}], channel_id=str(message["channel"])
    )
