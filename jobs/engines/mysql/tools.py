"""mariadb-dump and mariadb (mysqldump and mysql) as children: chosen by kind and version, never left behind.

Address and password travel in a file of options that lives in memory: it is on no command line, in no environment
and on no disk, and it is gone with the process that made it.
"""

from __future__ import annotations

import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import pymysql

from jobs.core.errors import FerrybotError, Permanent
from jobs.core.model import Endpoint, TlsMode
from jobs.engines.mysql.connect import Connection, explain, one, said, scrub
from jobs.engines.mysql.flavour import Flavour, Kind, Version

BIN_VARIABLE = "FERRYBOT_MYSQL_BIN"
NAMES = (("mariadb-dump", "mariadb"), ("mysqldump", "mysql"))
_VERSION = re.compile(r"(?:Distrib|from|Ver) (\d+)\.(\d+)\.(\d+)(-MariaDB)?")
_PIECE = 1 << 20
_REMEDY = (
    "Install the server's client programs where the workers run (Debian: mariadb-client or mysql-client), "
    f"or name their folder in {BIN_VARIABLE}."
)


@dataclass(frozen=True)
class Tool:
    """One installation's dump program and client."""

    dump: Path
    client: Path
    kind: Kind
    version: Version

    @property
    def text(self) -> str:
        """As it stands in the receipt: `mariadb-dump 10.11.6`."""
        return f"{'mariadb-dump' if self.kind == 'mariadb' else 'mysqldump'} {'.'.join(map(str, self.version))}"


def fitting(server: Flavour) -> Tool:
    """The oldest tools of the server's kind that are not older than it. Raises `Permanent` when there are none."""
    ours = [tool for tool in found() if tool.kind == server.kind]
    able = [tool for tool in ours if tool.version[:2] >= server.version[:2]]
    if able:
        return able[-1]
    wanted = "mariadb-dump" if server.kind == "mariadb" else "mysqldump (MySQL's own)"
    if not ours:
        raise Permanent(f"{wanted} was not found on this worker", meaning="Nothing was changed.", remedy=_REMEDY)
    raise Permanent(
        f"{ours[0].text} is older than the target, {server.label}",
        meaning="Nothing was changed.",
        remedy=_REMEDY.replace("client programs", f"client programs of version {server.version[0]} or newer"),
    )


@cache
def found() -> tuple[Tool, ...]:
    """Every installation here, the newest first."""
    tools: dict[Path, Tool] = {}
    for dump, client in _places():
        if tool := _examine(dump, client):
            # MariaDB's old names are links to the new ones.
            tools.setdefault(dump.resolve(), tool)
    return tuple(sorted(tools.values(), key=lambda tool: tool.version, reverse=True))


def _places() -> Iterator[tuple[Path, Path]]:
    folders = [Path(part) for part in os.environ.get(BIN_VARIABLE, "").split(os.pathsep) if part]
    for dump, _ in NAMES:
        on_path = shutil.which(dump)
        folders += [Path(on_path).parent] if on_path else []
    yield from ((folder / dump, folder / client) for folder in dict.fromkeys(folders) for dump, client in NAMES)


def _examine(dump: Path, client: Path) -> Tool | None:
    if not (dump.exists() and client.exists()):
        return None
    try:
        ran = subprocess.run([dump, "--version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    # `Ver 10.19 Distrib 10.11.6-MariaDB`: only the second is a version of a server.
    match = _VERSION.search(ran.stdout)
    if match is None:
        return None
    major, minor, patch = (int(number) for number in match.groups()[:3])
    return Tool(dump, client, "mariadb" if "MariaDB" in ran.stdout else "mysql", (major, minor, patch))


def dump(
    tool: Tool,
    endpoint: Endpoint,
    target: Connection,
    arguments: Sequence[str],
    write: Callable[[bytes], None],
    check: Callable[[], None],
) -> None:
    """What the dump program says of the endpoint's database, piece by piece. What `check` raises ends it.

    Raises `Permanent` or `Transient`; `target` is a session there, which knows how far TLS goes."""
    with _child(tool, tool.dump, endpoint, target, [*arguments, "--", endpoint.database]) as child:
        assert child.process.stdout
        output = child.process.stdout.fileno()
        while True:
            # It may wait for somebody's lock without a word: who cancels is heard all the same.
            ready, _, _ = select.select([output], [], [], 1.0)
            check()
            if not ready:
                continue
            piece = os.read(output, _PIECE)
            if not piece:
                break
            write(piece)
        child.judge("Making the restore point", endpoint)


def load(
    tool: Tool,
    endpoint: Endpoint,
    target: Connection,
    pieces: Iterator[bytes],
    begin: str,
    check: Callable[[], None],
) -> None:
    """Runs a script in the endpoint's database, after the statement `begin`; the first error ends it."""
    arguments = ["--binary-mode", "--batch", "--unbuffered", f"--init-command={begin}", "--", endpoint.database]
    with _child(tool, tool.client, endpoint, target, arguments) as child:
        assert child.process.stdin
        with suppress(BrokenPipeError):  # it ended by itself, and says why
            for piece in pieces:
                check()
                child.process.stdin.write(piece)
            child.process.stdin.close()
        child.judge("Restoring the target", endpoint)


@dataclass
class _Child:
    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    def judge(self, doing: str, endpoint: Endpoint) -> None:
        """Waits for the end. Raises what its words mean: never the words of an error that quotes values."""
        if self.process.wait() == 0:
            return
        self.errors.seek(0)
        raise _explained(self.errors.read().decode(errors="replace"), self.process.returncode, doing, endpoint)


@contextmanager
def _child(
    tool: Tool, program: Path, endpoint: Endpoint, target: Connection, arguments: Sequence[str]
) -> Iterator[_Child]:
    with _options(_text(tool, endpoint, target)) as (name, descriptors), tempfile.TemporaryFile() as errors:
        command = [str(program), f"--defaults-file={name}", "--default-character-set=utf8mb4"]
        process = subprocess.Popen(
            [*command, "--max-allowed-packet=1G", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if program == tool.dump else subprocess.DEVNULL,
            stderr=errors,
            env=_clean(),
            pass_fds=descriptors,
            preexec_fn=_die_with_parent,
        )
        try:
            yield _Child(process, errors)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()


def _clean() -> dict[str, str]:
    """The environment without the clients' variables: a worker's own MYSQL_HOST must not leak into a migration."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MYSQL_", "MARIADB_"))}
    return kept | {"LC_ALL": "C"}


def _text(tool: Tool, endpoint: Endpoint, target: Connection) -> str:
    """The options that say where and who, with the password: never for a log."""
    values = {"user": endpoint.user, "password": endpoint.password.get_secret_value()}
    if endpoint.host.startswith("/"):
        values["socket"] = endpoint.host
    else:
        values |= {"host": endpoint.host, "port": str(endpoint.port), "protocol": "tcp"}
    lines = [f"{key}={_quoted(value)}" for key, value in values.items()]
    return "\n".join(["[client]", *lines, *_tls(tool, endpoint, target), ""])


def _tls(tool: Tool, endpoint: Endpoint, target: Connection) -> list[str]:
    """As our own session does it: the programs' defaults differ from version to version."""
    verify = endpoint.tls is TlsMode.verify_full
    encrypted = verify or bool(one(target, "show session status like 'Ssl_cipher'")[1])
    root = endpoint.tls_root if verify and endpoint.tls_root not in (None, "system") else None
    authority = [f"ssl-ca={_quoted(str(root))}"] if root else []
    if tool.kind == "mysql":
        mode = "VERIFY_IDENTITY" if verify else "REQUIRED" if encrypted else "DISABLED"
        return [f"ssl-mode={mode}", *authority]
    return ["ssl", f"ssl-verify-server-cert={int(verify)}", *authority] if encrypted else ["skip-ssl"]


def _quoted(value: str) -> str:
    """A value of an option file."""
    for letter, stands in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(letter, stands)
    return f'"{value}"'


@contextmanager
def _options(text: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A file that only the child reads, by its name there. Where there are no files in memory, one of mode 0600."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("ferrybot")
        try:
            # The programs pass over a file that others could write to.
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, text.encode())
            yield f"/proc/self/fd/{descriptor}", (descriptor,)
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            yield file.name, ()


_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """A worker that is killed takes its children along; only Linux knows this."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_CODE = re.compile(r"\b(?:ERROR|[Ee]rror:?) (\d{4})\b|\((\d{4})\)")
_FULL = re.compile(r"errno: 28|Errcode: 28|No space left")


def _explained(errors: str, status: int, doing: str, endpoint: Endpoint) -> FerrybotError:
    lines = [line for line in scrub(errors, endpoint).splitlines() if "rror" in line]
    text = said(lines[0]) if lines else f"it ended with status {status}"
    code = _CODE.search(text)
    if code is not None and not _FULL.search(text):
        # The words of the server, by the rules of our own sessions: passing or not, and without values.
        words = re.sub(r"^.*?: ", "", text, count=1)
        return explain(pymysql.err.OperationalError(int(code[1] or code[2]), words), endpoint, doing=doing)
    return Permanent(f"{doing}: {text}", remedy="Mend the cause and press Retry; what is done stays done.")
