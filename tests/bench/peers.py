"""The tools to compare with, as their users would run them, at two jobs where they have jobs."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bot.sandbox.servers import PostgresServer
from tests.bench.clock import Cost, shell
from tests.support.servers import Database

PGCOPYDB = "pgcopydb"


@dataclass(frozen=True)
class Peer:
    """A tool that copies a whole database, or one table where it is given one."""

    name: str
    version: str
    run: Callable[[Database, Database, str], Cost]


def programs(source: Database, target: Database) -> PostgresServer:
    """Whose dump and restore: the newer side's, as pg_dump demands."""
    return max(source.server, target.server, key=lambda server: server.binaries.major)


def dump_restore(source: Database, target: Database, table: str) -> Cost:
    """pg_dump to a folder and pg_restore from it, two jobs each, then ANALYZE, which pg_restore leaves to others."""
    server = programs(source, target)
    tools = server.binaries.bin
    with tempfile.TemporaryDirectory() as folder:
        place = shlex.quote(f"{folder}/dump")
        script = (
            f"{tools}/pg_dump -Fd -j2 --compress=0 -f {place} -d {shlex.quote(source.dsn)}\n"
            f"{tools}/pg_restore -j2 -d {shlex.quote(target.dsn)} {place}\n"
            f"{tools}/psql -qX -d {shlex.quote(target.dsn)} -c analyze"
        )
        return shell(script, server.binaries.environment())


def dump_psql(source: Database, target: Database, table: str) -> Cost:
    """The pipe that most people type, then ANALYZE."""
    server = programs(source, target)
    tools = server.binaries.bin
    script = (
        f"{tools}/pg_dump -d {shlex.quote(source.dsn)}"
        f" | {tools}/psql -qX -v ON_ERROR_STOP=1 -d {shlex.quote(target.dsn)}\n"
        f"{tools}/psql -qX -d {shlex.quote(target.dsn)} -c analyze"
    )
    return shell(script, server.binaries.environment())


def pgcopydb(source: Database, target: Database, table: str, *flags: str) -> Cost:
    """`clone` with two jobs."""
    server = programs(source, target)
    environment = {
        **server.binaries.environment(),
        "PATH": f"{server.binaries.bin}:/usr/bin:/bin",
        "PGCOPYDB_SOURCE_PGURI": source.url,
        "PGCOPYDB_TARGET_PGURI": target.url,
    }
    with tempfile.TemporaryDirectory() as folder:
        command = (
            f"exec {shutil.which(PGCOPYDB)} clone --table-jobs 2 --index-jobs 2 {' '.join(flags)} --dir {folder}/work"
        )
        return shell(command, environment)


def pgcopydb_split(source: Database, target: Database, table: str) -> Cost:
    """`clone` that cuts large tables, the best that it can do for one large table."""
    return pgcopydb(source, target, table, "--split-tables-larger-than 256MB")


def psql_pair(source: Database, target: Database, table: str, form: str = "text") -> Cost:
    """One stream through a pipe."""
    server = programs(source, target)
    psql = f"{server.binaries.bin}/psql -qX -v ON_ERROR_STOP=1"
    script = (
        f"{psql} -d {shlex.quote(source.dsn)} -c 'copy {table} to stdout (format {form})'"
        f" | {psql} -d {shlex.quote(target.dsn)} -c 'copy {table} from stdin (format {form})'"
    )
    return shell(script, server.binaries.environment())


def whole(source: Database, target: Database) -> list[Peer]:
    """The peers of a whole database that can do this pair; what is absent is said."""
    server = programs(source, target)
    version = server.binaries.version
    found = [Peer("pg_dump|pg_restore", version, dump_restore), Peer("pg_dump|psql", version, dump_psql)]
    if shutil.which(PGCOPYDB) is None:
        print("absent: pgcopydb is not installed, so nothing is said about it")
    else:
        found += [Peer(PGCOPYDB, _version(), pgcopydb), Peer("pgcopydb, split", _version(), pgcopydb_split)]
    return found


def stream(source: Database, target: Database) -> list[Peer]:
    """The peers of one stream into a table without indexes."""
    version = programs(source, target).binaries.version
    return [
        Peer("psql COPY|COPY text", version, psql_pair),
        Peer("psql COPY|COPY binary", version, partial(psql_pair, form="binary")),
    ]


def _version() -> str:
    said = subprocess.run([PGCOPYDB, "--version"], capture_output=True, text=True, check=False).stdout
    lines = [line for line in said.splitlines() if line.startswith("pgcopydb")]
    return lines[0].split()[-1] if lines else "unknown"
