"""A whole installation on this machine: a local Slack, Redis and every process. For the demo and for tests."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, Self

import yaml

from bot.sandbox.servers import RedisServer
from bot.sandbox.slack.server import SlackSandbox

PROCESSES = ("web", "worker", "courier", "clock")
STOP_SECONDS = 25.0
MANIFEST = Path(__file__).parents[2] / "manifest.yaml"


@dataclass
class Process:
    """One of our processes; its output is kept for people and for tests."""

    name: str
    popen: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def alive(self) -> bool:
        return self.popen.poll() is None

    def kill(self) -> None:
        """SIGKILL to the process and everything it started."""
        _signal_group(self.popen, signal.SIGKILL)
        self.popen.wait(10)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """SIGTERM, as a platform does it; SIGKILL when it takes too long."""
        if not self.alive():
            return
        self.popen.terminate()
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()


def _signal_group(popen: subprocess.Popen[str], number: signal.Signals) -> None:
    """The process, its children and their work horses (which have groups of their own)."""
    for pid in (*descendants(popen.pid), popen.pid):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, the deepest first."""
    found: list[int] = []
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return found
    for child in children:
        found += [*descendants(int(child)), int(child)]
    return found


class Stage:
    """Starts everything on `with`, stops everything at its end, whatever happened.

    `services` is the `services` section of ferrybot.yaml with secrets as `env:NAME`, whose values are in `env`.
    """

    def __init__(
        self,
        services: Mapping[str, Mapping[str, object]],
        env: Mapping[str, str],
        *,
        environments: Mapping[str, object] | None = None,
        allowed_hosts: Sequence[str] = ("127.0.0.1", "localhost"),
        allowed_secrets: Sequence[str] = ("env:SOURCE_*",),
        mode: Literal["socket", "http"] = "socket",
        workers: int = 2,
        slack: SlackSandbox | None = None,
        redis: RedisServer | None = None,
        log_level: str = "INFO",
        port: int = 0,
        on_line: Callable[[str, str], None] | None = None,
    ) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="ferrybot-stage-")
        self.mode = mode
        self.workers = workers
        self.web_port = _free_port()
        self.slack = slack or SlackSandbox(port=port, mode=mode, request_url=f"{self.web_url}/slack/events")
        self.redis = redis or RedisServer()
        self.processes: dict[str, Process] = {}
        self.on_line = on_line
        self.config = Path(self.folder.name) / "ferrybot.yaml"
        self.document = {
            "services": dict(services),
            "environments": dict(environments or {"production": {"approvals": 1, "approvers": ["S0DBA"]}}),
            "typed_sources": {"allowed_hosts": list(allowed_hosts), "allowed_secrets": list(allowed_secrets)},
        }
        self._env = dict(env)
        self.log_level = log_level
        self.secret_key = secrets.token_urlsafe(48)

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def env(self) -> dict[str, str]:
        """The environment of our processes."""
        mode = (
            {"SLACK_APP_TOKEN": self.slack.app_token}
            if self.mode == "socket"
            else {"SLACK_SIGNING_SECRET": self.slack.signing_secret}
        )
        return {
            **os.environ,
            **self._env,
            **mode,
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_API_URL": self.slack.api_url,
            "REDIS_URL": self.redis.url(),
            "FERRYBOT_CONFIG": str(self.config),
            "FERRYBOT_SECRET_KEY": self.secret_key,
            "FERRYBOT_WORKERS": str(self.workers),
            "FERRYBOT_LOG_LEVEL": self.log_level,
            "PUBLIC_URL": self.web_url,
            "HOST": "127.0.0.1",
            "PORT": str(self.web_port),
            "PYTHONUNBUFFERED": "1",
            "FERRYBOT_STARTER": str(os.getpid()),
        }

    def write_config(self) -> None:
        self.config.write_text(yaml.safe_dump(self.document, allow_unicode=True))

    def __enter__(self) -> Self:
        try:
            self.write_config()
            self.slack.start()
            if MANIFEST.exists():
                self.slack.load_manifest(yaml.safe_load(MANIFEST.read_text()))
            self.redis.start()
            for name in PROCESSES:
                self.start(name)
            self.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes.values()):
            process.popen.terminate() if process.alive() else None
        for process in self.processes.values():
            process.stop()
        self.slack.stop()
        self.redis.close()
        self.folder.cleanup()

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Gestures reach the bot."""
        if self.mode == "socket":
            self.slack.wait_for_connection(timeout=seconds)
            return
        # Another process becomes ready without telling us: asking again is all one can do.
        until = time.monotonic() + seconds
        while not self._answers():
            if time.monotonic() > until or not self.processes["web"].alive():
                raise RuntimeError(f"web did not answer\n{self.output()}")
            time.sleep(0.05)
        self.slack.verify_request_url()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.web_port)) == 0

    def start(self, name: str) -> Process:
        """Starts (again) one process of the Procfile."""
        popen = subprocess.Popen(
            [sys.executable, "-m", "bot", name],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        return self.adopt(Process(name, popen))

    def adopt(self, process: Process) -> Process:
        """Reads what it prints, and ends it with the others."""
        assert process.popen.stdout is not None
        threading.Thread(target=self._read, args=(process, process.popen.stdout), daemon=True).start()
        self.processes[process.name] = process
        return process

    def restart(self, name: str, *, kill: bool = True) -> Process:
        """Ends one process, by SIGKILL unless told otherwise, and starts it again."""
        process = self.processes[name]
        process.kill() if kill else process.stop()
        return self.start(name)

    def _read(self, process: Process, stream: IO[str]) -> None:
        for line in stream:
            process.lines.append(line.rstrip("\n"))
            if self.on_line is not None:
                self.on_line(process.name, line.rstrip("\n"))

    def output(self) -> str:
        """Everything that our processes have printed."""
        return "\n".join(f"{p.name}: {line}" for p in self.processes.values() for line in p.lines)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
