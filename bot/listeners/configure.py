"""Step 1: `/migrate`, the shortcut, and the choice of a target."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from bot import access
from bot.config import human_bytes
from bot.deps import Deps
from bot.gestures import Body, Gesture, gesture, log, show, tell, ticked, typed
from bot.listeners import history, home, services
from bot.modals import Open
from bot.refs import Sheet
from bot.ui import configure, findings
from bot.ui.text import OPTIONS, Block, unmarked
from jobs.core.commands import Draft
from jobs.core.errors import Denied, FerrybotError
from jobs.core.model import Dialect, Person, Service
from jobs.core.state import FORM, State

_ID_LETTERS = string.ascii_lowercase + string.digits
UNFINISHED = 3
"""So many unfinished migrations are offered to go on with."""


def register(app: App, deps: Deps) -> None:
    """Hangs the listeners of step 1 into `app`."""

    @app.command("/migrate")
    def migrate(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        _command(deps, client, body)

    @app.shortcut("ferrybot_migrate")
    def shortcut(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        user = Person(id=body["user"]["id"], name=str(body["user"].get("name") or ""))
        open_configure(deps, client, user, str(body["trigger_id"]), "", ask_channel=True)

    @app.action("home_migrate")
    def home_migrate(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        open_configure(deps, client, g.user, g.trigger, "", ask_channel=True)

    @app.options("target_select")
    def targets(ack: Ack, body: Body) -> None:
        ack(options=suggest(deps, body, target=True))

    @app.action("target_select")
    def target_chosen(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        show(deps, client, g, "", "configure", configure.view(_typed(deps, g, body)), 0)

    @app.action("channel_select")
    def channel_chosen(ack: Ack) -> None:
        ack()

    @app.view(configure.CALLBACK)
    def submitted(ack: Ack, body: Body) -> None:
        _submit(deps, ack, gesture(body))

    @app.action("draft_continue")
    def go_on(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        if g.ref is not None:
            go_on_with(deps, client, g, g.ref.m)

    @app.view_closed(configure.CALLBACK)
    def closed(ack: Ack) -> None:
        ack()


def _command(deps: Deps, client: WebClient, body: Body) -> None:
    """`/migrate` alone begins; a word after it asks for something else."""
    words = str(body.get("text") or "").split()
    if not words:
        user = Person(id=body["user_id"], name=str(body.get("user_name") or ""))
        open_configure(deps, client, user, str(body["trigger_id"]), str(body["channel_id"]))
        return
    if words[0].lower() == "history":
        history.opened(deps, client, body, " ".join(words[1:]))
        return
    if words[0].lower() == "services":
        services.opened(deps, client, body, " ".join(words[1:]))
        return
    text, blocks = home.answer(deps, body, words)
    home.reply(client, body, text, blocks)


def open_configure(
    deps: Deps, client: WebClient, user: Person, trigger: str, channel: str, *, ask_channel: bool = False
) -> None:
    """Opens step 1 at once (a trigger lives three seconds), then offers what was left unfinished."""
    draft = configure.Draft(channel=channel, ask_channel=ask_channel)
    try:
        answer = client.views_open(trigger_id=trigger, view=configure.view(draft))
    except SlackApiError as error:
        log.warning("modal not opened", code=error.response.get("error"))
        return
    unfinished = _unfinished(deps, user.id)
    if unfinished:
        shown: Any = answer["view"]
        view = configure.view(replace(draft, unfinished=unfinished))
        try:
            client.views_update(view_id=shown["id"], hash=shown["hash"], view=view)
        except SlackApiError as error:
            # The person was faster than we: the offer is not worth overwriting what they chose.
            log.info("offer not shown", code=error.response.get("error"))


def _unfinished(deps: Deps, user: str) -> list[State]:
    states = [deps.desk.state(m) for m in deps.desk.ledger.open()]
    mine = [s for s in states if s.status in FORM and s.requester and s.requester.id == user]
    mine.sort(key=lambda s: s.changed.timestamp() if s.changed else 0.0, reverse=True)
    return mine[:UNFINISHED]


def suggest(deps: Deps, body: Body, engines: Collection[Dialect] = (), *, target: bool = False) -> list[Block]:
    """Services whose name, engine, environment or description holds every word that was typed.

    `engines`: only services of these, where any are given; `target`: only what may be written to."""
    g = gesture(body)
    channel = g.channel or typed(g.values, "channel", "channel_select")
    words = str(body.get("value") or "").lower().split()
    services = deps.config.targets_for(channel) if channel else deps.config.all_services()
    services = [s for s in services if not engines or s.engine in engines]
    services = [s for s in services if not (target and s.protected)]
    found = [s for s in services if all(w in _searched(s) for w in words)]
    return [configure.service_option(s) for s in found[:OPTIONS]]


def _searched(service: Service) -> str:
    return f"{service.name} {service.engine} {service.environment} {service.description}".lower()


def _typed(deps: Deps, g: Gesture, body: Body) -> configure.Draft:
    """Step 1 as it stands in the modal."""
    blocks = {b.get("block_id") for b in (body.get("view") or {}).get("blocks", [])}
    return configure.Draft(
        channel=g.sheet.channel if g.sheet else "",
        migration=g.sheet.m if g.sheet else "",
        target=service_named(deps, typed(g.values, "target", "target_select")),
        free_text=typed(g.values, "free_disk", "free_disk_input"),
        confirmed=bool(ticked(g.values, "disk_confirm", "disk_confirm_check")),
        ask_channel="channel" in blocks,
    )


def service_named(deps: Deps, name: str) -> Service | None:
    try:
        return deps.config.service(name) if name else None
    except KeyError:
        return None


def _submit(deps: Deps, ack: Ack, g: Gesture) -> None:
    """Step 1 becomes a draft, or errors at their fields."""
    made = g.sheet or Sheet()
    channel = typed(g.values, "channel", "channel_select") or made.channel
    target = service_named(deps, typed(g.values, "target", "target_select"))
    free, errors = _free_disk(typed(g.values, "free_disk", "free_disk_input"))
    if target is None:
        errors["target"] = "Choose a target service; this one is not configured any more."
    else:
        errors |= _denied(deps, g.user.id, channel, target)
    if errors:
        ack(response_action="errors", errors=errors)
        return
    assert target is not None
    migration = made.m or new_id(g.view_id)
    command = Draft(
        by=g.user,
        channel=channel,
        target=target,
        policy=deps.config.policy_of(target),
        free_bytes=free,
    )
    try:
        if made.m:
            demand_mine(deps.desk.state(made.m), g.user.id)
        state = deps.desk.obey(migration, command)
    except FerrybotError as error:
        ack(response_action="errors", errors={"target": unmarked(error.what)})
        return
    ack(response_action="update", view=findings.view(state, deps.modals.form(migration)))
    deps.modals.remember(migration, Open(view_id=g.view_id, step="validation", user=g.user.id, version=state.version))


def _free_disk(text: str) -> tuple[int | None, dict[str, str]]:
    if not text:
        return None, {}
    try:
        return int(human_bytes(text)), {}
    except (ValueError, TypeError):
        return None, {"free_disk": "Write a size with its unit, for example 40 GB."}


def _denied(deps: Deps, user: str, channel: str, target: Service) -> Mapping[str, str]:
    needed = access.groups_needed(deps.config, target, "request")
    decision = access.may_request(deps.config, user, deps.people.groups(needed), channel, target)
    return {} if isinstance(decision, access.Allowed) else {"target": unmarked(decision.reason)}


def new_id(view_id: str) -> str:
    """The id of the migration that a modal begins: 51 bits of its view's id, so that a submission that Slack
    delivers twice begins one migration and not two."""
    number = int.from_bytes(hashlib.sha256(view_id.encode()).digest()[:8], "big")
    letters = []
    for _ in range(10):
        number, letter = divmod(number, len(_ID_LETTERS))
        letters.append(_ID_LETTERS[letter])
    return "m" + "".join(letters)


def demand_mine(state: State, user: str) -> None:
    """A form belongs to the person who began it."""
    if state.requester is not None and state.requester.id != user:
        raise Denied(f"This migration is being prepared by <@{state.requester.id}>.")


def go_on_with(deps: Deps, client: WebClient, g: Gesture, migration: str) -> None:
    """Opens an unfinished migration at the step where it was left."""
    state = deps.desk.state(migration)
    try:
        demand_mine(state, g.user.id)
    except FerrybotError as error:
        tell(client, g, error.what)
        return
    if state.status not in FORM:
        tell(client, g, "This migration is past its three steps; its card in the channel shows what can be done.")
        return
    view = findings.view(state, deps.modals.form(migration))
    show(deps, client, g, migration, "validation", view, state.version)
