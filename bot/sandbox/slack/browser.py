"""The page's own endpoints: files, live state, gestures, faults; only for a browser on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.sandbox.slack.page_actions import act, change_fault
from bot.sandbox.slack.records import Json
from bot.sandbox.slack.snapshot import snapshot

if TYPE_CHECKING:
    from bot.sandbox.slack.server import SlackSandbox

PAGE = Path(__file__).parent / "page"
PUSH_SECONDS = 0.1  # at most ten snapshots a second, however much happens
LOOPBACK = {"127.0.0.1", "localhost"}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src * data:",
    "X-Content-Type-Options": "nosniff",
}
Endpoint = Callable[[Request], Awaitable[Response]]


def is_local(connection: HTTPConnection) -> bool:
    """Host and Origin are this machine's: another site's page, or a rebound name, gets nothing."""
    host = connection.headers.get("host", "")
    origin = connection.headers.get("origin")
    local_host = urlsplit(f"//{host}").hostname in LOOPBACK
    return local_host and (origin is None or origin == f"http://{host}")


def local_only(endpoint: Endpoint) -> Endpoint:
    """Refuse what does not come from a page of this server."""

    async def guarded(request: Request) -> Response:
        if not is_local(request):
            return PlainTextResponse("only from this machine", 403)
        return await endpoint(request)

    return guarded


class Browser:
    """What the page talks to."""

    def __init__(self, sandbox: SlackSandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[BaseRoute]:
        """Routes of the page."""
        return [
            Route("/", local_only(self._static)),
            Route("/page/{name}", local_only(self._static)),
            Route("/do/act", local_only(self._act), methods=["POST"]),
            Route("/do/fault", local_only(self._fault), methods=["POST"]),
            Route("/files/{id}/{name}", local_only(self._file)),
            Route("/archives/{channel}/{stamp}", local_only(self._permalink)),
            WebSocketRoute("/live", self._live),
        ]

    async def _static(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        known = {path.name for path in PAGE.iterdir() if path.suffix in (".html", ".css", ".js")}
        if name not in known:
            return PlainTextResponse("not found", 404)
        return FileResponse(PAGE / name, headers=HEADERS)

    async def _act(self, request: Request) -> Response:
        body = await request.json()
        return JSONResponse(await asyncio.to_thread(act, self._sandbox, body))

    async def _fault(self, request: Request) -> Response:
        body = await request.json()
        return JSONResponse(await asyncio.to_thread(change_fault, self._sandbox, body))

    async def _file(self, request: Request) -> Response:
        file = self._sandbox.state.files.get(request.path_params["id"])
        if file is None or file.content is None:
            return PlainTextResponse("not found", 404)
        quoted = file.name.replace('"', "'").encode("ascii", "replace").decode()
        headers = HEADERS | {"Content-Disposition": f'attachment; filename="{quoted}"'}
        kind = "image/png" if file.name.endswith(".png") else "text/plain; charset=utf-8"
        return Response(file.content, media_type=kind, headers=headers)

    async def _permalink(self, request: Request) -> Response:
        """A permalink opens the page at the message."""
        digits = request.path_params["stamp"].removeprefix("p")
        thread = request.query_params.get("thread_ts") or f"{digits[:-6]}.{digits[-6:]}"
        return RedirectResponse(f"/?channel={request.path_params['channel']}&thread={thread}")

    async def _live(self, socket: WebSocket) -> None:
        """Push the whole state of one person whenever it has changed."""
        person = socket.query_params.get("as", "")
        if not is_local(socket) or person not in self._sandbox.workspace.users:
            await socket.close(4403)
            return
        await socket.accept()
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        changed.set()

        def wake() -> None:
            loop.call_soon_threadsafe(changed.set)

        self._sandbox.state.listeners.append(wake)
        pusher = loop.create_task(self._push(socket, person, changed))
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            return
        finally:
            self._sandbox.state.listeners.remove(wake)
            pusher.cancel()

    async def _push(self, socket: WebSocket, person: str, changed: asyncio.Event) -> None:
        last = ""
        try:
            while True:
                await changed.wait()
                changed.clear()
                text = self._text(person)
                if text != last:
                    await socket.send_text(text)
                    last = text
                await asyncio.sleep(PUSH_SECONDS)  # pacing: what happens meanwhile goes into the next push
        except (WebSocketDisconnect, RuntimeError):
            return  # the browser has gone

    def _text(self, person: str) -> str:
        with self._sandbox.state.changed:
            shown: Json = snapshot(self._sandbox, person)
            return json.dumps(shown)
