"""Builds the Bolt app and its dependencies, and runs it beside the pages."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
import uvicorn
from slack_bolt import App, BoltContext
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.starlette import SlackRequestHandler
from slack_sdk.web import WebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from bot import pages, severed
from bot.config import ConfigFile
from bot.deps import Deps, People
from bot.directory import Directory
from bot.gestures import gesture, said, tell
from bot.health import Health
from bot.listeners import (
    approval,
    configure,
    history,
    home,
    logs,
    migration,
    proof,
    schedule,
    services,
    validation,
    workspace,
)
from bot.metrics import CountingHandler, Migrations, TimedApp, Totals, Values, registry
from bot.modals import Modals
from bot.once import Clicks, Completed, only_once
from bot.recall import Recall
from bot.redraw import Redraw
from bot.settings import Settings
from bot.strangers import Register
from jobs import metrics
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledgers import begin, open_ledger
from jobs.adapters.links import OneTimeLinks
from jobs.adapters.queue_rq import RqDoorbell
from jobs.adapters.redis_url import connect
from jobs.adapters.secrets import SecretStore
from jobs.core.errors import FerrybotError
from jobs.desk import Desk

log = structlog.get_logger(__name__)

CALL_SECONDS = 10
LISTENERS = 10
"""Gestures at work at once in one process; Socket Mode hands on as many."""
LOOKUP_SECONDS = 2
"""People and groups are looked up between a gesture and its acknowledgement, which Slack wants within 3 s."""


def build_deps(settings: Settings) -> Deps:
    """Everything that listeners need. Raises `ConfigError` when the configuration cannot be read."""
    redis = connect(settings.redis_url)
    config_file = ConfigFile(settings.config_path)
    config_file.current()
    doorbell = RqDoorbell(redis)
    return Deps(
        settings=settings,
        config_file=config_file,
        redis=redis,
        desk=Desk(open_ledger(settings, redis), doorbell),
        board=RedisBoard(redis),
        modals=Modals(redis),
        links=OneTimeLinks(redis),
        secrets=SecretStore(redis, settings.secret_key),
        people=People(_client(settings, settings.bot_token.get_secret_value(), LOOKUP_SECONDS)),
    )


def _client(settings: Settings, token: str, seconds: int = CALL_SECONDS) -> WebClient:
    client = WebClient(token=token, base_url=settings.slack_api_url, timeout=seconds)
    client.retry_handlers.insert(0, CountingHandler())  # Bolt hands it on to the client of each gesture
    return client


def build_app(settings: Settings, deps: Deps, clicks: Clicks | None = None) -> App:
    """The Bolt app with every listener."""
    clicks = clicks or Clicks(deps.redis, settings.bot_token)
    # Bolt reads SLACK_BOT_TOKEN too and warns that it does not use it: that is what we want, and no news to anybody.
    logging.getLogger("slack_bolt.App").setLevel(logging.ERROR)
    secret = settings.signing_secret.get_secret_value() if settings.signing_secret else None
    app = TimedApp(
        client=_client(settings, settings.bot_token.get_secret_value()),
        signing_secret=secret,
        # Socket Mode has no signatures to verify; HTTP mode cannot boot without the secret (bot.settings).
        request_verification_enabled=secret is not None,
        token_verification_enabled=False,
        ignoring_self_events_enabled=True,
        listener_executor=ThreadPoolExecutor(LISTENERS, thread_name_prefix="gesture"),
    )
    logging.getLogger("slack_bolt.App").setLevel(logging.NOTSET)
    app.middleware(only_once(clicks))
    app.listener_runner.listener_completion_handler = Completed(clicks)
    first = (configure, validation, approval, migration, logs, proof, schedule)
    for listeners in (*first, history, services, home, workspace):
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
    told = (
        said(error)
        if isinstance(error, FerrybotError)
        else "Something went wrong on my side, and this was not carried out. Please try again; if it happens again, "
        "the log of the `web` process says why."
    )
    tell(client, gesture(person), told)


class Web:
    """The web process: Slack's gestures and our few pages."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.deps = build_deps(settings)
        self.clicks = Clicks(self.deps.redis, settings.bot_token)
        self.app = build_app(settings, self.deps, self.clicks)
        self.register = Register(self.deps.redis)
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
        """Serves until SIGTERM or SIGINT, and then to the end of every gesture that was begun."""
        begin(self.deps.desk.ledger)
        # uvicorn raises the signal again when it has ended; what it would do then is still to be done by us.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        connecting = threading.Thread(target=self._connect, name="socket", daemon=True)
        with (
            metrics.flushing(self.deps.redis),
            self.register,
            Directory(self.deps),
            Redraw(self.deps, self.app.client),
            Recall(self.app, self.clicks),
        ):
            if self.socket is not None:
                connecting.start()
            self.server.run()
            if self.socket is not None:
                self.socket.close()  # type: ignore[no-untyped-call]  # Bolt has no types here
            self._finish()

    def _finish(self) -> None:
        """Slack was told that these gestures arrived: what they want is done before we go."""
        executor = self.app.listener_runner.listener_executor
        if isinstance(executor, ThreadPoolExecutor):
            executor.shutdown(wait=True)
        log.info("ended in good order")

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
        handler = SocketModeHandler(self.app, token, web_client=_client(self.settings, token))
        handler.client.message_listeners.append(self.register.hear)
        return handler

    def _pages(self) -> Starlette:
        deps = self.deps
        doorbell = RqDoorbell(deps.redis)
        return pages.pages(
            links=deps.links,
            secrets=deps.secrets,
            on_secret=lambda m, user, reference: validation.password_given(deps, m, user, reference),
            health=Health(
                "web",
                {"redis": deps.redis.ping, "ledger": deps.desk.ledger.open},
                {"queues": doorbell.depth, "slack": lambda: severed.said(deps.redis)},
            ),
            public_url=self.settings.public_url,
            metrics=registry(
                "web",
                Totals(deps.redis),
                Migrations(deps.desk, deps.board),
                Values("ferrybot_queue_depth", "Jobs waiting, by queue", "queue", lambda: doorbell.depth().items()),
                Values("ferrybot_failed_jobs", "Jobs kept as failed", "queue", lambda: doorbell.failed().items()),
            ),
            slack_handler=self._events() if self.settings.mode == "http" else None,
        )

    def _events(self) -> Callable[[Request], Awaitable[Response]]:
        return SlackRequestHandler(self.app).handle
