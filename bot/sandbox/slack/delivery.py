"""The way of a payload to the app, by Socket Mode or by signed requests, and of its acknowledgement back."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlencode, urlsplit

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.sandbox.slack.records import Json
from bot.sandbox.slack.state import State

ACK_SECONDS = 3.0  # https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response
CONNECTION_LIMIT = 10  # https://docs.slack.dev/apis/events-api/using-socket-mode#connections
# https://docs.slack.dev/apis/events-api#retries: nearly at once, after 1 minute, after 5 minutes
EVENT_RETRY_DELAYS = (0.0, 60.0, 300.0)

Kind = Literal["slash_commands", "interactive", "events_api"]


@dataclass(frozen=True)
class Receipt:
    """How a delivery ended; `error` is Slack's name for it."""

    acked: bool
    body: Json | None = None
    error: str | None = None


OnAck = Callable[[Json | None], None]
LOST = Receipt(False, None, "dispatch_failed")
SILENCE = Receipt(False, None, "operation_timeout")


class Transport(Protocol):
    """Carries one payload; calls `on_ack` at the moment the acknowledgement arrives."""

    async def carry(self, kind: Kind, payload: Json, on_ack: OnAck, retry: tuple[int, str] | None = None) -> Receipt:
        """Deliver once and wait for the acknowledgement, three seconds at most."""
        ...


class SocketTransport:
    """Socket Mode: several connections, each payload to the next of them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._connections: list[WebSocket] = []
        self._tickets: set[str] = set()
        self._pending: dict[str, tuple[asyncio.Future[Json | None], OnAck]] = {}
        self._turn = 0
        self.ack_seconds = ACK_SECONDS

    @property
    def connected(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def issue_ticket(self) -> str:
        """Leave to connect once."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, socket: WebSocket) -> None:
        """One connection from hello to goodbye."""
        ticket = socket.query_params.get("ticket", "")
        if ticket not in self._tickets:
            await socket.close(4401)
            return
        self._tickets.discard(ticket)
        await socket.accept()
        if len(self._connections) >= CONNECTION_LIMIT:
            await self._part(socket, "too_many_websockets")
            return
        await self._greet(socket)
        try:
            while True:
                self._receive(await socket.receive_text())
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError: closed from this side meanwhile
            pass
        finally:
            self._forget(socket)

    async def carry(self, kind: Kind, payload: Json, on_ack: OnAck, retry: tuple[int, str] | None = None) -> Receipt:
        """Deliver over the next connection; nothing is ever replayed over another."""
        if not self._connections:
            return LOST
        envelope_id = secrets.token_hex(16)
        envelope: Json = {"envelope_id": envelope_id, "type": kind, "payload": payload}
        envelope["accepts_response_payload"] = kind != "events_api"
        if kind == "events_api":
            envelope |= {"retry_attempt": retry[0] if retry else 0, "retry_reason": retry[1] if retry else ""}
        future: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._pending[envelope_id] = (future, on_ack)
        self._turn += 1
        socket = self._connections[self._turn % len(self._connections)]
        try:
            await socket.send_text(json.dumps(envelope))
            return Receipt(True, await asyncio.wait_for(future, self.ack_seconds))
        except TimeoutError:
            return SILENCE
        except (WebSocketDisconnect, RuntimeError):  # the connection died under the envelope
            return LOST
        finally:
            self._pending.pop(envelope_id, None)

    async def disconnect(self, reason: str) -> None:
        """Close every connection; with a word before unless the reason is `drop`."""
        for socket in list(self._connections):
            self._forget(socket)
            await self._part(socket, reason)

    async def _greet(self, socket: WebSocket) -> None:
        """hello, and from then on the connection takes payloads."""
        hello = {
            "type": "hello", "num_connections": len(self._connections) + 1,
            "debug_info": {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._state.workspace.app_id},
        }  # fmt: skip
        await socket.send_text(json.dumps(hello))
        with self._state.mutate():
            self._connections.append(socket)

    async def _part(self, socket: WebSocket, reason: str) -> None:
        try:
            if reason != "drop":
                goodbye = {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
                await socket.send_text(json.dumps(goodbye))
            await socket.close()
        except (WebSocketDisconnect, RuntimeError):
            return  # it is closed, which is what was wanted

    def _receive(self, text: str) -> None:
        ack = json.loads(text)
        future, on_ack = self._pending.pop(ack.get("envelope_id"), (None, None))
        if future is None or on_ack is None or future.done():
            return  # too late: the person has already been told
        on_ack(ack.get("payload"))
        future.set_result(ack.get("payload"))

    def _forget(self, socket: WebSocket) -> None:
        with self._state.mutate():
            if socket in self._connections:
                self._connections.remove(socket)


class HttpTransport:
    """Signed requests to the app's request URL."""

    def __init__(self, request_url: str, signing_secret: str) -> None:
        self.request_url = request_url
        self._secret = signing_secret.encode()
        self.ack_seconds = ACK_SECONDS

    async def carry(self, kind: Kind, payload: Json, on_ack: OnAck, retry: tuple[int, str] | None = None) -> Receipt:
        """POST once; any status but 200 counts as failed."""
        content_type, body = _encode(kind, payload)
        headers = self._sign(body) | {"Content-Type": content_type}
        if retry and retry[0]:
            headers |= {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": retry[1]}
        try:
            status, answer_type, answer = await asyncio.to_thread(self._post, body, headers)
        except TimeoutError:
            return SILENCE
        except (OSError, http.client.HTTPException):
            return LOST
        if status != 200:
            return Receipt(False, None, f"dispatch_failed (HTTP {status})")
        decoded = _decode(answer_type, answer)
        on_ack(decoded)
        return Receipt(True, decoded)

    async def verify_url(self) -> bool:
        """Ask the app to prove that the request URL is its own (`url_verification`)."""
        challenge = secrets.token_hex(12)
        heard: list[Json | None] = []
        question = {"type": "url_verification", "token": "x", "challenge": challenge}
        await self.carry("events_api", question, heard.append)
        answer = heard[0] if heard else None
        return answer is not None and challenge in (answer.get("challenge"), answer.get("text"))

    def _sign(self, body: bytes) -> dict[str, str]:
        """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
        stamp = str(int(time.time()))  # the true clock: the app checks it against its own
        digest = hmac.new(self._secret, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        url = urlsplit(self.request_url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=self.ack_seconds)
        try:
            connection.request("POST", url.path or "/", body, headers)
            response = connection.getresponse()
            return response.status, response.headers.get("Content-Type", ""), response.read()
        finally:
            connection.close()


def _encode(kind: Kind, payload: Json) -> tuple[str, bytes]:
    if kind == "events_api":
        return "application/json", json.dumps(payload).encode()
    form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return "application/x-www-form-urlencoded", urlencode(form).encode()


def _decode(content_type: str, body: bytes) -> Json | None:
    if not body:
        return None
    if content_type.startswith("application/json"):
        decoded: Json = json.loads(body)
        return decoded
    return {"text": body.decode()}
