"""Builds the Bolt app and its dependencies, and runs it beside the pages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
import uvicorn
from redis import Redis
from slack_bolt import App, BoltContext
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.starlette import SlackRequestHandler
from slack_sdk.web import WebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from bot import pages
from bot.config import ConfigFile
from bot.deps import Deps, People
from bot.gestures import gesture, tell
from bot.listeners import approval, configure, home, migration, proof, schedule, validation
from bot.modals import Modals
from bot.settings import Settings
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.links import OneTimeLinks
from jobs.adapters.queue_rq import RqDoorbell
from jobs.adapters.secrets import SecretStore
from jobs.desk import Desk

log = structlog.get_logger(__name__)

CALL_SECONDS = 10
LOOKUP_SECONDS = 2
"""People and groups are looked up between a gesture and its acknowledgement, which Slack wants within 3 s."""


def build_deps(settings: Settings) -> Deps:
    """Everything that listeners need. Raises `ConfigError` when the configuration cannot be read."""
    redis = Redis.from_url(settings.redis_url.get_secret_value())
    config_file = ConfigFile(settings.config_path)
    config_file.current()
    doorbell = RqDoorbell(redis)
    return Deps(
        settings=settings,
        config_file=config_file,
        redis=redis,
        desk=Desk(RedisLedger(redis), doorbell),
        board=RedisBoard(redis),
        modals=Modals(redis),
        links=OneTimeLinks(redis),
        secrets=SecretStore(redis, settings.secret_key),
        people=People(_client(settings, settings.bot_token.get_secret_value(), LOOKUP_SECONDS)),
    )


def _client(settings: Settings, token: str, seconds: int = CALL_SECONDS) -> WebClient:
    return WebClient(token=token, base_url=settings.slack_api_url, timeout=seconds)


def build_app(settings: Settings, deps: Deps) -> App:
    """The Bolt app with every listener."""
    # Bolt reads SLACK_BOT_TOKEN too and warns that it does not use it: that is what we want, and no news to anybody.
    logging.getLogger("slack_bolt.App").setLevel(logging.ERROR)
    secret = settings.signing_secret.get_secret_value() if settings.signing_secret else None
    app = App(
        client=_client(settings, settings.bot_token.get_secret_value()),
        signing_secret=secret,
        # Socket Mode has no signatures to verify; HTTP mode cannot boot without the secret (bot.settings).
        request_verification_enabled=secret is not None,
        token_verification_enabled=False,
        ignoring_self_events_enabled=True,
    )
    logging.getLogger("slack_bolt.App").setLevel(logging.NOTSET)
    for listeners in (configure, validation, approval, migration, proof, schedule, home):
        listeners.register(app, deps)
    app.error(_on_error)
    return app


def _on_error(error: Exception, body: Mapping[str, Any], client: WebClient, context: BoltContext) -> None:
    """A defect is logged in full, and the person is told that nothing was done."""
    log.error("a gesture failed", exc_info=error, action=str(context.matches or ""))
    if not body.get("user") and not body.get("user_id"):
        return
    person = (
        body if body.get("user") else {"user": {"id": body["user_id"]}, "channel": {"id": body.get("channel_id")}}
    )
    tell(
        client,
        gesture(person),
        "Something went wrong on my side, and this was not carried out. Please try again; if it happens again, the "
        "log of the `web` process says why.",
    )


class Web:
    """The web process: Slack's gestures and our few pages."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.deps = build_deps(settings)
        self.app = build_app(settings, self.deps)
        self.socket = self._socket() if settings.mode == "socket" else None
        self.server = uvicorn.Server(
            uvicorn.Config(
                self._pages(),
                host=settings.host,
                port=settings.port,
                **pages.SERVER_OPTIONS,
                timeout_graceful_shutdown=5,
            )
        )

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT."""
        connecting = threading.Thread(target=self._connect, name="socket", daemon=True)
        if self.socket is not None:
            connecting.start()
        self.server.run()
        if self.socket is not None:
            self.socket.close()  # type: ignore[no-untyped-call]  # Bolt has no types here

    def _connect(self) -> None:
        """Connects, and tries again while Slack is away at our start; later reconnects are the client's own."""
        assert self.socket is not None
        waited = threading.Event()
        while not self.server.should_exit:
            try:
                self.socket.connect()  # type: ignore[no-untyped-call]  # Bolt has no types here
                return
            except Exception as error:
                log.warning("slack is away, trying again", reason=type(error).__name__)
                waited.wait(2.0)

    def _socket(self) -> SocketModeHandler:
        assert self.settings.app_token is not None
        token = self.settings.app_token.get_secret_value()
        return SocketModeHandler(self.app, token, web_client=_client(self.settings, token))

    def _pages(self) -> Starlette:
        deps = self.deps
        doorbell = RqDoorbell(deps.redis)
        return pages.pages(
            links=deps.links,
            secrets=deps.secrets,
            on_secret=lambda m, user, reference: validation.password_given(deps, m, user, reference),
            health=pages.Health(ping=deps.redis.ping, depth=doorbell.depth),
            public_url=self.settings.public_url,
            gauges=[
                pages.Gauge("ferrybot_open_migrations", "Migrations that have not ended", self._open),
                pages.Gauge("ferrybot_queue_depth", "Jobs waiting, by queue", doorbell.depth, label="queue"),
            ],
            slack_handler=self._events() if self.settings.mode == "http" else None,
        )

    def _open(self) -> float:
        return float(len(self.deps.desk.ledger.open()))

    def _events(self) -> Callable[[Request], Awaitable[Response]]:
        return SlackRequestHandler(self.app).handle
