"""The services: `/migrate services`, the list's modal, and one service's page."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from slack_bolt import Ack, App
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from bot import access, past, stale
from bot.deps import Deps
from bot.gestures import Body, Gesture, gesture, log, show, tell, typed
from bot.listeners import history
from bot.refs import named
from bot.stale import Page
from bot.ui import configure, services
from bot.ui.text import View
from jobs.adapters.services_redis import RedisServices
from jobs.core.lifecycle import Ring
from jobs.core.model import Service
from jobs.core.services import key_of
from jobs.core.summary import Summary, Wanted

GONE = "This service is not configured any more, or you may not see it here."
ANEW_SECONDS = 5
"""A look that was asked for twice within so long is one look."""
LOOK_SECONDS = 60
"""A worker may be busy, and one that is free may take some seconds; after so long the page says that nobody came."""


def register(app: App, deps: Deps) -> None:
    """Hangs the list and the page into `app`."""

    def listed(ack: Ack, body: Body, client: WebClient, step: int | None = None) -> None:
        """`step` turns pages; None begins at the first, as a new search must."""
        ack()
        g = gesture(body)
        page = 0 if step is None or g.sheet is None else max(0, g.sheet.page + step)
        show(deps, client, g, "", "read", _listing(deps, g, page), 0)

    for action in ("services_open", "services_search_input"):
        app.action(action)(lambda ack, body, client: listed(ack, body, client))
    app.action("services_next")(lambda ack, body, client: listed(ack, body, client, 1))
    app.action("services_previous")(lambda ack, body, client: listed(ack, body, client, -1))

    @app.view(services.CALLBACK)
    def searched(ack: Ack, body: Body) -> None:
        ack(response_action="update", view=_listing(deps, gesture(body), 0))

    @app.action("service_open")
    def opened(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        _chosen(deps, client, g, body, lambda service: _open(deps, client, g, service))

    @app.action("service_refresh")
    def refresh(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        _chosen(deps, client, g, body, lambda service: _refresh(deps, client, g, service))

    @app.action("service_logs")
    def logs(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        _chosen(deps, client, g, body, lambda service: history.instead(deps, client, g, service.name))

    @app.action("service_migrate")
    def migrate(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        _chosen(deps, client, g, body, lambda service: _migrate(deps, client, g, service))


def opened(deps: Deps, client: WebClient, body: Body, words: str) -> None:
    """Answers the command: a modal at once (a trigger lives three seconds), then what was found."""
    channel, user = str(body["channel_id"]), str(body["user_id"])
    try:
        answer = client.views_open(trigger_id=str(body["trigger_id"]), view=services.looking(channel, words))
        view = _page_of(deps, user, channel, words[: services.SEARCH], 0)
        client.views_update(view_id=answer["view"]["id"], view=view)
    except SlackApiError as error:
        log.warning("services not shown", code=error.response.get("error"))


def visible(deps: Deps, user: str, channel: str) -> list[Service]:
    """The services that this person may see here, in the file's order."""
    config = deps.config
    all_of_them = config.all_services()
    needed = {group for one in all_of_them if one.channels for group in access.service_groups_needed(config, one)}
    groups = deps.people.groups(needed) if needed else {}
    return [one for one in all_of_them if access.may_see_service(config, user, groups, channel, one)]


def _listing(deps: Deps, g: Gesture, page: int) -> View:
    words = typed(g.values, "services_search", "services_search_input")
    return _page_of(deps, g.user.id, g.channel, words, page)


def _page_of(deps: Deps, user: str, channel: str, words: str, page: int) -> View:
    hits = services.found(visible(deps, user, channel), words)
    looks = RedisServices(deps.redis).facts([one.name for one in hits])
    return services.listing(channel, words, hits, looks, page, datetime.now(UTC))


def _chosen(deps: Deps, client: WebClient, g: Gesture, body: Body, act: Callable[[Service], None]) -> None:
    """Runs `act` with the service of the button, if this person may see it here now."""
    action = (body.get("actions") or [{}])[0]
    key = named(action.get("value"))
    service = next((one for one in visible(deps, g.user.id, g.channel) if key_of(one.name) == key), None)
    if service is None:
        tell(client, g, GONE)
        return
    act(service)


def _open(deps: Deps, client: WebClient, g: Gesture, service: Service) -> None:
    """A modal at once; on top of the list where there is one, which closing it brings back."""
    first = services.page(g.channel, service, None, (), datetime.now(UTC), note="Looking…")
    try:
        start = client.views_push if g.in_modal else client.views_open
        answer = start(trigger_id=g.trigger, view=first)
        view = page_of(deps, g.user.id, g.channel, service)
        client.views_update(view_id=answer["view"]["id"], view=view)
    except SlackApiError as error:
        log.warning("service not shown", code=error.response.get("error"))


def page_of(deps: Deps, user: str, channel: str, service: Service, note: str = "") -> View:
    """A service's page as this person may see it here; `note` in the place of its age."""
    facts = RedisServices(deps.redis).facts([service.name]).get(service.name)
    return services.page(channel, service, facts, _past(deps, user, channel, service), datetime.now(UTC), note)


def _past(deps: Deps, user: str, channel: str, service: Service) -> Sequence[Summary]:
    """The service's last migrations, and further those that left a restore point, as this person may see them."""
    kept: list[Summary] = []
    for one in past.seen(deps, user, channel, Wanted(service=service.name)):
        exact = service.name in [side.name for side in (one.source, one.target) if isinstance(side, Service)]
        if exact and (len(kept) < services.LATEST or one.restore_point is not None):
            kept.append(one)
    return kept


def _refresh(deps: Deps, client: WebClient, g: Gesture, service: Service) -> None:
    facts = RedisServices(deps.redis).facts([service.name]).get(service.name)
    token = f"u{int(time.time()) // ANEW_SECONDS}"
    deps.desk.queue.ring(Ring(kind="facts", migration=key_of(service.name), token=token, first=True))
    said = f"A worker looks at the server now. {services.brief_age(facts, datetime.now(UTC))}"
    shown = show(deps, client, g, "", "read", page_of(deps, g.user.id, g.channel, service, said), 0)
    if shown is not None:
        seen, until = facts.at.isoformat() if facts else "", time.time() + LOOK_SECONDS
        where = {"view_id": shown.view_id, "hash": shown.hash, "user": g.user.id, "channel": g.channel}
        stale.wait(deps.redis, Page(**where, service=service.name, seen=seen, until=until))


def _migrate(deps: Deps, client: WebClient, g: Gesture, service: Service) -> None:
    """Step 1 with this service as the target; who may ask for it is decided when it is submitted."""
    draft = configure.Draft(channel=g.channel, target=service, ask_channel=not g.channel)
    show(deps, client, g, "", "configure", configure.view(draft), 0)
