"""The small web application beside Slack: the one-time password page, health, metrics, and Slack over HTTP.

The page takes a password only where nobody else can read along: over TLS, or on this machine. Behind a proxy it
believes X-Forwarded-Proto only when PUBLIC_URL says https; a request that a proxy forwarded without such a PUBLIC_URL
is refused, however local the proxy is. Run it under `SERVER_OPTIONS`: uvicorn's own guesses about proxies would
hide what this module must see, and its access log would hold the tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot import secret_html as html
from bot.health import Health
from bot.metrics import exposition, registry
from jobs.adapters.links import OneTimeLinks
from jobs.core.errors import FerrybotError
from jobs.ports.secrets import Secrets
from jobs.settings import is_loopback

SERVER_OPTIONS: Mapping[str, Any] = {
    "proxy_headers": False,
    "server_header": False,
    "access_log": False,
    "log_config": None,
}
"""For `uvicorn.Config(app, host=…, port=…, **SERVER_OPTIONS)`."""

MAX_BODY = 1024 * 1024
"""Slack's largest payloads, submitted views with their state, stay far below."""
MAX_FORM = 16 * 1024
"""4,096 characters of password, percent-encoded."""
SECRET_SECONDS = 7 * 24 * 3600
"""As long as a paused migration may wait; the flow forgets the secret as soon as the migration ends."""

_log = logging.getLogger("ferrybot.pages")

OnSecret = Callable[[str, str, str], None]
SlackHandler = Callable[[Request], Awaitable[Response]]


def pages(
    *,
    links: OneTimeLinks,
    secrets: Secrets,
    on_secret: OnSecret,
    health: Health,
    public_url: str | None = None,
    metrics: CollectorRegistry | None = None,
    slack_handler: SlackHandler | None = None,
) -> Starlette:
    """The application. `on_secret(migration, user, reference)` runs in a thread after a password was deposited."""
    page = _SecretPage(links, secrets, on_secret, public_url)
    routes = [
        Route("/secret/{token}", page, methods=["GET", "POST"]),
        Route("/healthz", _healthz(health), methods=["GET"]),
        Route("/metrics", _metrics(metrics or registry("web")), methods=["GET"]),
    ]
    if slack_handler:
        routes.append(Route("/slack/events", _slack(slack_handler), methods=["POST"]))
    return Starlette(routes=routes, middleware=[Middleware(BodyLimit, limit=MAX_BODY)])


def _slack(handler: SlackHandler) -> SlackHandler:
    async def slack_events(request: Request) -> Response:
        return await handler(request)

    return slack_events


class BodyLimit:
    """ASGI middleware: 413 for a larger body, declared or streamed."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        # Read before the application runs, so that a body too large is never half acted upon.
        body = await _body(receive, self._limit) if declared.isdigit() and int(declared) <= self._limit else None
        if body is None:
            await PlainTextResponse("The request is too large.", 413)(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)


async def _body(receive: Receive, limit: int) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class _SecretPage:
    """GET shows the form and uses nothing up; POST takes the link, then deposits the password."""

    def __init__(self, links: OneTimeLinks, secrets: Secrets, on_secret: OnSecret, public_url: str | None) -> None:
        self._links = links
        self._secrets = secrets
        self._on_secret = on_secret
        self._behind_tls = urlsplit(public_url or "").scheme == "https"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.answer(Request(scope, receive))
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        if not _private(request, behind_tls=self._behind_tls):
            return _html(html.insecure(), 403)
        token = str(request.path_params["token"])
        try:
            if request.method == "POST":
                return await self._take(request, token)
            return await run_in_threadpool(self._show, token)
        except FerrybotError as error:
            _log.error("the one-time page failed: %s", error.what)
            return _html(html.trouble(error.what), 503)

    def _show(self, token: str, fault: str = "") -> Response:
        link = self._links.peek(token)
        if link is None:
            return _html(html.gone(), 404)
        return _html(html.form(link.about, fault), 422 if fault else 200)

    async def _take(self, request: Request, token: str) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _html(html.gone(), 404)
        # Read by hand: a form parser could spool a password to a temporary file.
        secret = _field(await request.body())
        if not secret:
            return await run_in_threadpool(self._show, token, "Please enter the password.")
        return await run_in_threadpool(self._deposit, token, SecretStr(secret))

    def _deposit(self, token: str, secret: SecretStr) -> Response:
        link = self._links.take(token)
        if link is None:
            return _html(html.gone(), 404)
        reference = self._secrets.deposit(secret, SECRET_SECONDS)
        try:
            self._on_secret(link.migration, link.user, reference)
        except Exception:
            # Whatever went wrong there: a password that nobody will use must not stay behind.
            self._secrets.forget(reference)
            _log.exception("a password was handed in for %s but could not be passed on", link.migration)
            return _html(html.trouble("The password could not be passed on and was deleted."), 500)
        return _html(html.thanks())


def _field(body: bytes) -> str:
    if len(body) > MAX_FORM:
        return ""
    try:
        values = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=4, errors="strict")
    except ValueError:
        return ""
    secret = values.get("secret", [""])[0]
    return "" if "\x00" in secret or len(secret) > 4096 else secret


def _private(request: Request, *, behind_tls: bool) -> bool:
    """Nobody between the browser and us can read along."""
    if request.url.scheme == "https":
        return True
    hops = [h.strip().lower() for h in ",".join(request.headers.getlist("x-forwarded-proto")).split(",") if h.strip()]
    if behind_tls and hops:
        return all(hop == "https" for hop in hops)
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "x-forwarded-proto", "forwarded", "via"))
    local = is_loopback(request.client.host if request.client else None)
    # The Host header too: a name that an attacker's DNS points at 127.0.0.1 is not this machine.
    return local and not forwarded and is_loopback(request.url.hostname)


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, html.HEADERS)


def _healthz(health: Health) -> Callable[[Request], Response]:
    def healthz(_request: Request) -> Response:
        well, said = health.look()
        return JSONResponse(said, 200 if well else 503, {"Cache-Control": "no-store"})

    return healthz


def _metrics(known: CollectorRegistry) -> Callable[[Request], Response]:
    def metrics(_request: Request) -> Response:
        return Response(exposition(known), media_type=CONTENT_TYPE_LATEST)

    return metrics
