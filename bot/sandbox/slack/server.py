"""A local Slack: strict enough to develop and test a Bolt app against, and nothing leaves this machine."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, Self, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from bot.sandbox.slack import api_chat, api_files
from bot.sandbox.slack.api import Tokens, WebApi
from bot.sandbox.slack.browser import Browser
from bot.sandbox.slack.delivery import HttpTransport, SocketTransport
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.messages import Channel
from bot.sandbox.slack.people import Person
from bot.sandbox.slack.postman import Postman
from bot.sandbox.slack.rates import Rates
from bot.sandbox.slack.records import ApiCall, ApiError, Json, Problem
from bot.sandbox.slack.state import State
from bot.sandbox.slack.transcript import everything, transcript
from bot.sandbox.slack.workspace import Workspace

T = TypeVar("T")
HOST = "127.0.0.1"
START_SECONDS = 10.0
# Slack pings its sockets too. Often, because slack_sdk's client closes only between two things received.
PING_SECONDS = 0.25


class SlackSandbox:
    """A Slack of one's own, on a free loopback port while the `with` block lasts.

    `mode="http"` delivers signed requests to `request_url` instead of over Socket Mode connections.
    """

    def __init__(
        self,
        workspace: Workspace | None = None,
        *,
        port: int = 0,
        mode: Literal["socket", "http"] = "socket",
        request_url: str | None = None,
    ) -> None:
        if mode == "http" and not request_url:
            raise ValueError("mode='http' needs a request_url")
        self.state = State(workspace or Workspace.default())
        self.mode = mode
        self._tokens = Tokens()
        self._sockets = SocketTransport(self.state)
        self._http = HttpTransport(request_url or "", self._tokens.signing_secret)
        self._transport = self._http if mode == "http" else self._sockets
        self._loop: asyncio.AbstractEventLoop | None = None
        self._postman = Postman(self.state, self._transport, self._running_loop)
        self._people: dict[str, Person] = {}
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._bound = _bind(port)
        self.state.url = f"http://{HOST}:{self._bound.getsockname()[1]}/"
        self.faults.when_disconnecting(self._disconnect)
        self.commands: list[Json] = []
        self.shortcuts: list[Json] = []

    # -- where it is and how to get in

    @property
    def url(self) -> str:
        """The browser page."""
        return self.state.url

    @property
    def api_url(self) -> str:
        """For `WebClient(base_url=...)`."""
        return self.url + "api/"

    @property
    def bot_token(self) -> str:
        """xoxb-..."""
        return self._tokens.bot

    @property
    def app_token(self) -> str:
        """xapp-..."""
        return self._tokens.app

    @property
    def signing_secret(self) -> str:
        """What signs requests in HTTP mode."""
        return self._tokens.signing_secret

    # -- what is in it

    @property
    def workspace(self) -> Workspace:
        """People, groups and channels; may be changed while running."""
        return self.state.workspace

    @property
    def faults(self) -> Faults:
        """Misfortune on demand."""
        return self.state.faults

    @property
    def rates(self) -> Rates:
        """Rate limits: `.scale`, `.enabled`, `.overrides`."""
        return self.state.rates

    @property
    def scopes(self) -> set[str]:
        """The scopes granted to the bot; a set to be changed in place or replaced."""
        return self.state.scopes

    @scopes.setter
    def scopes(self, scopes: set[str]) -> None:
        self.state.scopes = set(scopes)

    @property
    def problems(self) -> list[Problem]:
        """Every strictness violation seen; faults that were asked for do not count."""
        return self.state.problems

    @property
    def calls(self) -> list[ApiCall]:
        """Every call of the Web API, in order of its answer."""
        return self.state.calls

    @property
    def ack_seconds(self) -> float:
        """How long a gesture waits for its acknowledgement: Slack's 3 s, less in tests that let it pass."""
        return self._transport.ack_seconds

    @ack_seconds.setter
    def ack_seconds(self, seconds: float) -> None:
        self._transport.ack_seconds = seconds

    @property
    def connections(self) -> int:
        """Open Socket Mode connections."""
        return self._sockets.connected

    def person(self, user_id: str) -> Person:
        """A human of the workspace, by id or by name."""
        users = self.workspace.users
        user = users.get(user_id) or next((u for u in users.values() if u.name == user_id), None)
        if user is None:
            raise KeyError(f"nobody is called {user_id!r}; there are {sorted(users)}")
        with self.state.changed:
            return self._people.setdefault(user.id, Person(self.state, self._postman, user))

    def channel(self, name_or_id: str) -> Channel:
        """A channel by id or name."""
        channel = self.workspace.channel(name_or_id)
        if channel is None:
            raise KeyError(f"no channel {name_or_id!r}; there are {sorted(self.workspace.channels)}")
        return channel

    def transcript(self, channel: str, ts: str | None = None) -> str:
        """A channel or one thread as text."""
        with self.state.changed:
            return transcript(self.state, self.channel(channel), ts)

    # -- waiting and steering

    def wait_for(self, predicate: Callable[[SlackSandbox], T | None], timeout: float = 30.0, what: str = "") -> T:
        """The first true thing that `predicate` returns, asked again at every change; else AssertionError.

        The predicate runs under the sandbox's lock: it must look, not act.
        """
        deadline = time.monotonic() + timeout
        with self.state.changed:
            while True:
                found = predicate(self)
                if found:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    waited = what or getattr(predicate, "__name__", "a condition")
                    raise AssertionError(f"after {timeout} s still no {waited}\n\n{everything(self.state)}")
                self.state.changed.wait(left)

    def wait_for_connection(self, count: int = 1, timeout: float = 30.0) -> None:
        """Wait until the app has so many Socket Mode connections."""
        self.wait_for(lambda s: s.connections >= count, timeout, f"{count} Socket Mode connections")

    def load_manifest(self, manifest: Json) -> None:
        """Take scopes, events, commands and shortcuts from a parsed app manifest."""
        features, settings = manifest.get("features", {}), manifest.get("settings", {})
        self.scopes = set(manifest.get("oauth_config", {}).get("scopes", {}).get("bot", []))
        self.state.events = set(settings.get("event_subscriptions", {}).get("bot_events", []))
        self.commands = features.get("slash_commands", [])
        self.shortcuts = features.get("shortcuts", [])
        if name := features.get("bot_user", {}).get("display_name"):
            self.workspace.users[self.workspace.bot_user_id].real_name = name
        self.state.touch()

    def set_request_url(self, request_url: str) -> None:
        """HTTP mode: where the app listens, if that was not known at the start."""
        self._http.request_url = request_url

    def verify_request_url(self) -> bool:
        """HTTP mode: Slack's `url_verification` handshake."""
        return asyncio.run_coroutine_threadsafe(self._http.verify_url(), self._running_loop()).result()

    def uninstall(self) -> None:
        """Remove the app: its two farewell events are sent, every call answers `token_revoked`."""
        self._postman.event({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self.workspace.bot_user_id]}})
        self._postman.event({"type": "app_uninstalled"})
        self._tokens.revoked = True

    def send_event(self, event: Json) -> None:
        """Deliver any event in the background, if the app is subscribed to its type."""
        self._postman.event(event)

    # -- starting and stopping

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Serve from a thread of its own; returns when connections are taken."""
        ready = threading.Event()
        config = uvicorn.Config(
            self._asgi, interface="asgi3", http="h11", ws="websockets-sansio", lifespan="off",
            log_level="error", timeout_graceful_shutdown=1, ws_ping_interval=PING_SECONDS,
        )  # fmt: skip
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._serve, args=(ready,), name="slack-sandbox", daemon=True)
        self._thread.start()
        if not ready.wait(START_SECONDS):
            raise RuntimeError("the Slack sandbox did not start")

    def stop(self) -> None:
        """Stop serving; open connections are cut."""
        if self._server is None or self._thread is None:
            return
        self._running_loop().call_soon_threadsafe(self._server.stopping.set)
        self._thread.join(START_SECONDS)
        self._bound.close()

    def _serve(self, ready: threading.Event) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(ready.set)  # the port is bound already: clients queue from here on
            assert self._server is not None
            await self._server.serve(sockets=[self._bound])

        with suppress(asyncio.CancelledError):
            asyncio.run(main())

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the Slack sandbox is not running")
        return self._loop

    def _disconnect(self, reason: str) -> None:
        asyncio.run_coroutine_threadsafe(self._sockets.disconnect(reason), self._running_loop()).result()

    def _connect_url(self) -> str:
        return f"{self.url.replace('http://', 'ws://')}link?ticket={self._sockets.issue_ticket()}&app_id=A0FERRYBOT"

    # -- HTTP

    async def _asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application; remembers the connection under a request so that a fault can cut it."""
        if scope["type"] == "http":
            scope["sandbox.transport"] = lambda: send.__self__.transport  # type: ignore[attr-defined]  # uvicorn's
        await self._app(scope, receive, send)

    @property
    def _app(self) -> Starlette:
        if not hasattr(self, "_starlette"):
            api = WebApi(self.state, self._tokens, self._connect_url)
            browser = Browser(self)
            self._starlette = Starlette(
                routes=[
                    Route("/api/{method}", api.serve, methods=["GET", "POST"]),
                    Route("/upload/v1/{key}", self._upload, methods=["POST", "PUT"]),
                    Route("/hooks/{key}", self._hook, methods=["POST"]),
                    WebSocketRoute("/link", self._sockets.serve),
                    *browser.routes(),
                ]
            )
        return self._starlette

    async def _upload(self, request: Request) -> Response:
        """The second step of an upload: raw bytes, or a form with one file."""
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            parts: list[Any] = [part for part in (await request.form()).values() if not isinstance(part, str)]
            content = await parts[0].read() if parts else b""
        else:
            content = await request.body()
        try:
            api_files.receive_upload(self.state, request.path_params["key"], content)
        except ApiError as refusal:
            self.state.problem("upload refused", refusal.error, "; ".join(refusal.messages))
            return PlainTextResponse(refusal.error, 400)
        return PlainTextResponse(f"OK - {len(content)}")

    async def _hook(self, request: Request) -> Response:
        """A response URL."""
        try:
            body = await request.json()
            with self.state.changed:
                api_chat.respond(self.state, request.path_params["key"], body)
        except (ApiError, ValueError) as refusal:
            error = refusal.error if isinstance(refusal, ApiError) else "invalid_payload"
            messages = refusal.messages if isinstance(refusal, ApiError) else []
            self.state.problem("response_url refused", error, "; ".join(messages))
            return JSONResponse({"ok": False, "error": error}, 404 if error in _GONE else 400)
        return PlainTextResponse("ok")


class _Server(uvicorn.Server):
    """uvicorn's server without its two waits of a tenth of a second, which a hundred tests would feel."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        await self.on_tick(0)
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut every connection; what still runs is cancelled with the loop."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # one round of the loop: the connections close


_GONE = {"used_url", "expired_url", "no_service"}


def _bind(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    bound.listen(128)
    return bound
