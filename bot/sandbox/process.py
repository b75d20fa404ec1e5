"""A server process of this machine: its folder, its port, its log, and a certain end.

All servers of a process live in one temporary folder. A watchdog, a process of its own, waits for this
process to die: a `kill -9` of the tests leaves neither a server nor a folder.
"""

import atexit
import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self, TypedDict

from bot.sandbox.binaries import library_path

StopMode = Literal["fast", "immediate"]
Signals = Mapping[StopMode, signal.Signals]

HOST = "127.0.0.1"
READY_SECONDS = 60.0  # ready in 0.1 to 1.5 s on two idle cores; a loaded CI machine needs longer
STOP_SECONDS = 30.0
_POLL = 0.01
_LOG_TAIL = 2000
# Below Linux's ephemeral range (32768 and up), so that no connection takes a stopped server's port.
_PORTS = range(15000, 32000)
_PORT_TRIES = 5
_PORT_TAKEN = ("Address already in use", "another server running on port", "Failed listening on port")
LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"


class ServerError(RuntimeError):
    """A server could not be prepared, started or stopped; the end of its log is in the message."""


class _Surroundings(TypedDict, total=False):
    """What every program of a server is started with."""

    cwd: Path
    env: dict[str, str]
    user: int
    group: int
    extra_groups: Sequence[int]


class Home:
    """The folder of all servers of this process, and the watchdog over it."""

    def __init__(self, base: Path | None) -> None:
        self.owner = os.getpid()
        self.path = Path(tempfile.mkdtemp(prefix="ferrybot-", dir=base)).resolve()
        self.path.chmod(0o755)  # mkdtemp says 0700, and as root the servers run as another user
        self.servers: list[Server] = []
        script = Path(__file__).with_name("watchdog.py")
        command = [sys.executable, "-I", "-S", str(script), str(self.owner), str(self.path)]
        self._watchdog = subprocess.Popen(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        atexit.register(self.close)

    def close(self) -> None:
        """Stop all servers and delete the folder; a forked child, which owns none of it, does nothing."""
        if os.getpid() != self.owner:
            return
        for server in list(self.servers):
            server.close()
        shutil.rmtree(self.path, ignore_errors=True)
        self._watchdog.kill()
        self._watchdog.wait()


_homes: dict[tuple[int, Path | None], Home] = {}
_homes_lock = threading.Lock()


def _home(base: Path | None) -> Home:
    with _homes_lock:
        key = (os.getpid(), base)
        if key not in _homes:
            _homes[key] = Home(base)
        return _homes[key]


class Server(ABC):
    """A server process with its own folder, port and log; it can be stopped, killed and started again."""

    name: ClassVar[str]
    signals: ClassVar[Signals] = {"fast": signal.SIGTERM, "immediate": signal.SIGKILL}
    host = HOST

    def __init__(self, settings: Mapping[str, str], base: Path | None, libs: tuple[Path, ...]) -> None:
        self.settings = dict(settings)
        self.home = _home(base)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=self.home.path))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.port = 0
        self._libs = libs
        self._user: pwd.struct_passwd | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self.home.servers.append(self)

    @abstractmethod
    def _prepare(self) -> None:
        """Create the data folder."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The command that runs the server in the foreground."""

    @abstractmethod
    def _answering_folder(self) -> str | None:
        """Ask whoever listens on our port for its data folder; None until it answers."""

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start, for the first time or again on the same port and data; return when it answers."""
        if self.running:
            return self
        if not self.data.exists():
            self._prepare()
        if self.port:
            self._launch()
        else:
            self._first_launch()
        return self

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop and keep the data: "fast" ends sessions in good order, "immediate" as a crash would."""
        if self._process is None:
            return
        for signum in (self.signals[mode], self.signals["immediate"], signal.SIGKILL):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.send_signal(signum)
                self._process.wait(STOP_SECONDS)
                break
        self._forget()

    def kill(self) -> None:
        """SIGKILL the server with all its processes, as a lost machine would; the data stays."""
        if self._process is None:
            return
        children = _children(self._process.pid)
        self._process.kill()
        self._process.wait()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        gone = f"{self.name}'s children survive SIGKILL"
        _wait(lambda: not any(map(_is_alive, children)), STOP_SECONDS, gone)
        self._forget()

    def close(self) -> None:
        """Stop and delete the folder; harmless when done twice."""
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
        if self in self.home.servers:
            self.home.servers.remove(self)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def log_text(self) -> str:
        """The server's log since its last start."""
        with contextlib.suppress(FileNotFoundError):
            return self.log.read_bytes()[self._log_start :].decode(errors="replace")
        return ""

    def _first_launch(self) -> None:
        """Pick a port nobody listens on; another process may take it before the server does, so try again."""
        for left in reversed(range(_PORT_TRIES)):
            self.port = _free_port()
            try:
                self._launch()
                break
            except ServerError:
                if left == 0 or not any(text in self.log_text() for text in _PORT_TAKEN):
                    raise

    def _launch(self) -> None:
        # The shell writes its own number before it becomes the server: once the watchdog has deleted the
        # folder, the write fails and no server comes to life. A number written by us would come too late.
        note = ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.folder / "server.pid")]
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*note, *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we then stop the server
                **self._surroundings(),
            )
        try:
            _wait(self._ready, READY_SECONDS, f"{self.name} is not ready after {READY_SECONDS:.0f} s")
        except BaseException as error:
            self.stop("immediate")
            if isinstance(error, ServerError):
                raise ServerError(f"{error}\n{self.log_text()[-_LOG_TAIL:]}") from None
            raise

    def _ready(self) -> bool:
        process = self._process
        if process is None or process.poll() is not None:
            raise ServerError(f"{self.name} ended while starting")
        # Another process's server on this port would answer as well; its folder is another.
        answer = self._answering_folder()
        return answer is not None and Path(answer).resolve() == self.data.resolve()

    def _run(self, command: Sequence[str | Path]) -> None:
        """Run a program to its end as the server's user."""
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **self._surroundings(),
        )
        if ran.returncode != 0:
            output = ran.stdout.decode(errors="replace")
            raise ServerError(f"{Path(command[0]).name} failed\n{output[-_LOG_TAIL:]}")

    def _surroundings(self) -> _Surroundings:
        path = os.environ.get("PATH", os.defpath)
        environment = {"LC_ALL": "C", "TZ": "UTC", "HOME": str(self.folder), "PATH": path}
        found: _Surroundings = {"cwd": self.folder, "env": environment | library_path(self._libs)}
        if self._user is not None:
            found |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": ()}
        return found

    def _forget(self) -> None:
        self._process = None
        (self.folder / "server.pid").unlink(missing_ok=True)


def _free_port() -> int:
    """A port on which nobody listens now."""
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise ServerError(f"no free port between {_PORTS.start} and {_PORTS.stop}")


def _wait(done: Callable[[], bool], seconds: float, message: str) -> None:
    """Ask `done` again and again until it says yes, at most `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise ServerError(message)
        time.sleep(_POLL)


def _children(pid: int) -> list[int]:
    """The direct children of a process; PostgreSQL's have none. Empty where there is no /proc."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _is_alive(pid: int) -> bool:
    """Whether a process still runs; one that waits for its parent to collect it does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
