"""The page's own endpoints: files, live state, gestures, faults. Only for a browser on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

if TYPE_CHECKING:
    from bot.sandbox.slack.server import SlackSandbox


class Browser:
    """What the page talks to."""

    def __init__(self, sandbox: SlackSandbox, page: Path) -> None:
        self._sandbox = sandbox
        self._page = page

    def routes(self) -> list[BaseRoute]:
        """Routes of the page."""
        return [Route("/", self._index)]

    async def _index(self, request: Request) -> Response:
        return FileResponse(self._page / "index.html")
