"""Payloads of Slack as typed gestures, and the two ways of answering one: in the modal, or only to that person."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from bot.deps import Deps
from bot.modals import Open
from bot.refs import Ref, Sheet, ref, sheet
from bot.ui import text as t
from jobs.away import AWAY
from jobs.core.errors import Denied, FerrybotError
from jobs.core.model import Person
from jobs.desk import deliver

log = structlog.get_logger(__name__)
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Gesture:
    """Who did what, where. `ref` and `sheet` are None where the payload holds none of ours."""

    user: Person
    channel: str
    trigger: str
    ref: Ref | None
    sheet: Sheet | None
    view_id: str
    view_hash: str
    values: Mapping[str, Mapping[str, Any]]
    response_url: str
    key: str

    @property
    def in_modal(self) -> bool:
        return bool(self.view_id)


def gesture(body: Body) -> Gesture:
    """Reads a block action, a view submission or a view closing."""
    view = body.get("view") or {}
    user = body.get("user") or {}
    action = (body.get("actions") or [{}])[0]
    made_of = sheet(view.get("private_metadata")) if view.get("type") == "modal" else None
    return Gesture(
        user=Person(id=user["id"], name=str(user.get("name") or user.get("username") or "")),
        channel=(body.get("channel") or {}).get("id") or (made_of.channel if made_of else ""),
        trigger=str(body.get("trigger_id") or ""),
        ref=ref(action.get("value")),
        sheet=made_of,
        view_id=str(view.get("id") or "") if view.get("type") == "modal" else "",
        view_hash=str(view.get("hash") or ""),
        values=(view.get("state") or {}).get("values") or {},
        response_url=str(body.get("response_url") or ""),
        # The same for every delivery of one gesture: a click by its time, a submission by the view that it left.
        key=str(action.get("action_ts") or f"{view.get('id', '')}:{view.get('hash', '')}"),
    )


def typed(values: Mapping[str, Mapping[str, Any]], block: str, action: str) -> str:
    """The text or the chosen value of one field; empty when nothing was entered."""
    cell = values.get(block, {}).get(action) or {}
    if cell.get("selected_option"):
        return str(cell["selected_option"]["value"])
    return str(cell.get("value") or cell.get("selected_conversation") or "").strip()


def ticked(values: Mapping[str, Mapping[str, Any]], block: str, action: str) -> frozenset[str]:
    """The values of the ticked boxes."""
    cell = values.get(block, {}).get(action) or {}
    return frozenset(str(o["value"]) for o in cell.get("selected_options") or ())


def tell(client: WebClient, g: Gesture, text: str) -> None:
    """An answer that only this person sees: in the channel, else as a direct message."""
    text = t.clip(text, t.MESSAGE_TEXT)
    try:
        if g.channel:
            client.chat_postEphemeral(channel=g.channel, user=g.user.id, text=text)
            return
    except SlackApiError as error:
        log.info("ephemeral answer refused", code=error.response.get("error"))
    try:
        client.chat_postMessage(channel=g.user.id, text=text, unfurl_links=False)
    except SlackApiError as error:
        log.warning("person cannot be told", code=error.response.get("error"))


def show(
    deps: Deps, client: WebClient, g: Gesture, migration: str, step: str, view: t.View, version: int
) -> Open | None:
    """Shows `view` in the modal of the gesture, or opens one; remembers it, so that news reach it.

    None when Slack refused it."""
    try:
        if g.in_modal:
            answer = client.views_update(view_id=g.view_id, view=view)
        else:
            answer = client.views_open(trigger_id=g.trigger, view=view)
    except SlackApiError as error:
        log.warning("view refused", code=error.response.get("error"), detail=str(error.response.data)[:300])
        if error.response.get("error") == "expired_trigger_id":
            # Too much was going on, or another process had to take the click up: nothing at all would be seen.
            tell(client, g, "The window could not be opened in time; please press the button again.")
        return None
    shown: Any = answer["view"]
    opened = Open(view_id=shown["id"], hash=shown["hash"], step=step, user=g.user.id, version=version)
    if migration:
        deps.modals.remember(migration, opened)
        _look_again(deps, migration, opened)
    return opened


def _look_again(deps: Deps, migration: str, shown: Open) -> None:
    """What happened meanwhile the courier may have drawn before us, and we have drawn over it: it looks once more."""
    with suppress(*AWAY):
        if deps.desk.state(migration).version > shown.version:
            deps.desk.queue.ring(deliver(migration, f"w{time.time_ns()}"))


def said(error: FerrybotError) -> str:
    """A refusal as its person reads it. Mentions survive only in our own words, never in a database's."""
    if isinstance(error, Denied):
        return error.what
    return f"{t.escape(error.what)} {t.escape(error.remedy)}".strip()


def refusing(client: WebClient, g: Gesture, act: Callable[[], Any]) -> bool:
    """Runs `act`; a refusal becomes an answer to this person alone. True when it went through."""
    try:
        act()
    except FerrybotError as error:
        tell(client, g, f":information_source: {said(error)}")
        return False
    return True
