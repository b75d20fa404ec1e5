"""A small Bolt app and the ways to run it against the sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.starlette import SlackRequestHandler
from slack_sdk.web import WebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox.slack.server import SlackSandbox

Json = dict[str, Any]
CHANNEL = "C0MIGRATIONS"


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def option(text: str, value: str) -> Json:
    return {"text": plain(text), "value": value}


def section(text: str = "words") -> Json:
    return {"type": "section", "text": mrkdwn(text)}


def button(action_id: str = "go", **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain("Go")} | more


def text_input(block_id: str = "reason", **more: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "value"}
    return {"type": "input", "block_id": block_id, "label": plain("Reason"), "element": element} | more


def modal(*blocks: Json, **more: Any) -> Json:
    view = {
        "type": "modal",
        "callback_id": "configure",
        "title": plain("Configure"),
        "submit": plain("Go on"),
    }
    return view | {"blocks": list(blocks) or [text_input()]} | more


def client_of(sandbox: SlackSandbox, **more: Any) -> WebClient:
    return WebClient(token=sandbox.bot_token, base_url=sandbox.api_url, **more)


def app_of(sandbox: SlackSandbox) -> App:
    """The app of the tests: a command, a modal that complains, a message with a button, a home."""
    app = App(client=client_of(sandbox), signing_secret=sandbox.signing_secret)

    @app.command("/migrate")
    def command(ack: Any, body: Json, client: WebClient) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=modal(_source(), text_input()))

    @app.options("source")
    def sources(ack: Any, payload: Json) -> None:
        ack(options=[option(f"Database {name}", name) for name in ("orders", "billing") if payload["value"] in name])

    @app.view("configure")
    def configured(ack: Any, view: Json, client: WebClient, body: Json) -> None:
        values = view["state"]["values"]
        reason = values["reason"]["value"]["value"]
        if len(reason) < 5:
            ack(response_action="errors", errors={"reason": "Say more."})
            return
        if reason == "update":
            ack(
                response_action="update",
                view=modal(section("second step"), submit=None, callback_id="second"),
            )
            return
        ack()
        source = values["source"]["source"]["selected_option"]["value"]
        blocks = [
            section(f"*{source}* by <@{body['user']['id']}>"),
            {"type": "actions", "elements": [button("approve")]},
        ]
        client.chat_postMessage(channel=CHANNEL, text="a migration", blocks=blocks)

    @app.action("approve")
    def approved(ack: Any, body: Json, client: WebClient, respond: Any) -> None:
        ack()
        respond("noted")
        ts = body["message"]["ts"]
        client.chat_postMessage(channel=body["channel"]["id"], thread_ts=ts, text=f"approved by {body['user']['id']}")

    @app.event("app_home_opened")
    def home(event: Json, client: WebClient) -> None:
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section("your migrations")]})

    return app


def _source() -> Json:
    element = {"type": "external_select", "action_id": "source", "min_query_length": 0}
    return {"type": "input", "block_id": "source", "label": plain("Source"), "element": element}


@contextmanager
def over_sockets(build: Callable[[SlackSandbox], App] = app_of) -> Iterator[SlackSandbox]:
    """A sandbox with an app connected in Socket Mode."""
    with SlackSandbox() as sandbox:
        handler = connect(sandbox, build(sandbox))
        try:
            yield sandbox
        finally:
            close(handler)


def close(handler: SocketModeHandler) -> None:
    """Close at once: slack_sdk's client would first wait a second for another message."""
    handler.client.closed = True
    handler.client.message_queue.put(None)
    handler.close()  # type: ignore[no-untyped-call]  # Bolt has no annotations here


def connect(sandbox: SlackSandbox, app: App) -> SocketModeHandler:
    """Connect in Socket Mode; returns when hello was heard.

    Not before, because closing a client whose receiving thread has not begun hangs for ever (slack_sdk 3.47).
    """
    web_client = WebClient(token=sandbox.app_token, base_url=sandbox.api_url)
    before = sandbox.connections
    handler = SocketModeHandler(app, sandbox.app_token, web_client=web_client)
    heard = threading.Event()
    handler.client.on_message_listeners.append(lambda message: heard.set())
    handler.connect()  # type: ignore[no-untyped-call]  # nor here
    assert heard.wait(5)
    sandbox.wait_for_connection(before + 1, timeout=5)
    return handler


@contextmanager
def over_http(build: Callable[[SlackSandbox], App] = app_of) -> Iterator[SlackSandbox]:
    """A sandbox that delivers signed requests to an app behind Starlette and uvicorn."""
    with SlackSandbox(mode="http", request_url="http://127.0.0.1:1/slack/events") as sandbox:
        handler = SlackRequestHandler(build(sandbox))

        async def endpoint(request: Request) -> Response:
            return await handler.handle(request)

        web = Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])
        server = uvicorn.Server(uvicorn.Config(web, port=0, log_level="error", lifespan="off"))
        socket = server.config.bind_socket()
        socket.listen()  # requests queue from here on
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
        thread.start()
        sandbox.set_request_url(f"http://127.0.0.1:{socket.getsockname()[1]}/slack/events")
        try:
            yield sandbox
        finally:
            server.should_exit = True
            thread.join(5)
