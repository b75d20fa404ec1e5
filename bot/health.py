"""Is this process well? Checks with a word for each, and a tiny HTTP server for processes that have no other."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry

from bot.metrics import exposition, program
from jobs.settings import JobSettings, SettingsError

Check = Callable[[], object]
"""Raises, or returns a text that says what is wrong; anything else means well."""


@dataclass(frozen=True)
class Health:
    """What /healthz asks: each check by its name; `facts` are told too, and judge nothing."""

    process: str
    checks: Mapping[str, Check]
    facts: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    def look(self) -> tuple[bool, dict[str, Any]]:
        """All well?, and what to tell: it names what is broken, and no address."""
        said: dict[str, Any] = {"version": program(), "process": self.process}
        broken = {name: problem for name, check in self.checks.items() if (problem := _problem(check))}
        said |= {name: broken.get(name, "ok") for name in self.checks}
        for name, fact in self.facts.items():
            try:
                said[name] = fact()
            except Exception as error:
                said[name] = f"unknown ({type(error).__name__})"
        return not broken, said


def _problem(check: Check) -> str:
    try:
        answer = check()
    except Exception as error:
        # An endpoint that watches must answer whatever is broken; the kind of error names no address.
        return f"away ({type(error).__name__})"
    return answer if isinstance(answer, str) else ""


@contextmanager
def endpoint(settings: JobSettings, health: Health, metrics: CollectorRegistry) -> Iterator[None]:
    """/healthz and /metrics on FERRYBOT_HEALTH_PORT, until its end; nothing where that is not set."""
    if settings.health_port is None:
        yield
        return
    try:
        server = ThreadingHTTPServer((settings.host, settings.health_port), _handler(health, metrics))
    except OSError as error:
        problem = f"FERRYBOT_HEALTH_PORT: {settings.host}:{settings.health_port} cannot be listened on"
        remedy = "Give each process on a machine a port of its own."
        raise SettingsError([f"{problem} ({error.strerror}). {remedy}"]) from None
    server.daemon_threads = True
    # A child that outlives us must not keep the port.
    os.register_at_fork(after_in_child=server.socket.close)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler(health: Health, metrics: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "Ferrybot"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/healthz":
                    well, said = health.look()
                    self._answer(200 if well else 503, "application/json", json.dumps(said).encode())
                case "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, exposition(metrics))
                case _:
                    self._answer(404, "text/plain", b"/healthz and /metrics\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Every probe would be a line."""

    return Handler
