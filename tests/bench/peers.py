"""The tools to compare with, as their users would run them, at two jobs where they have jobs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from bot.sandbox.servers import PostgresServer
from tests.bench.clock import Cost, shell
from tests.bench.sides import Postgres, Side
from tests.support.servers import Database

PGCOPYDB = "pgcopydb"
S = TypeVar("S", bound=Side)
T = TypeVar("T", bound=Side)


@dataclass(frozen=True)
class Peer(Generic[S, T]):
    """A tool that copies a whole database, or one table where it is given one."""

    name: str
    version: str
    run: Callable[[S, T, str], Cost]
    small: bool = False
    """what people take for small tables only: for large ones its two-job brother is the better peer"""


def programs(source: Database, target: Database) -> PostgresServer:
    """Whose dump and restore: the newer side's, as pg_dump demands."""
    return max(source.server, target.server, key=lambda server: server.binaries.major)


def dump_restore(source: Postgres, target: Postgres, table: str) -> Cost:
    """pg_dump to a folder and pg_restore from it, two jobs each, then ANALYZE, which pg_restore leaves to others."""
    server = programs(source, target)
    tools = server.binaries.bin
    place = shlex.quote(f"{target.folder}/dump")
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


def pgcopydb(source: Postgres, target: Postgres, table: str, *flags: str) -> Cost:
    """`clone` with two jobs."""
    server = programs(source, target)
    environment = {
        **server.binaries.environment(),
        "PATH": f"{server.binaries.bin}:/usr/bin:/bin",
        "PGCOPYDB_SOURCE_PGURI": source.url,
        "PGCOPYDB_TARGET_PGURI": target.url,
    }
    jobs = f"--table-jobs 2 --index-jobs 2 {' '.join(flags)} --dir {shlex.quote(f'{target.folder}/work')}"
    return shell(f"exec {shutil.which(PGCOPYDB)} clone {jobs}", environment)


def pgcopydb_split(source: Postgres, target: Postgres, table: str) -> Cost:
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


def whole(source: Postgres, target: Postgres) -> list[Peer[Postgres, Postgres]]:
    """The peers of a whole database that can do this pair; what is absent is said."""
    server = programs(source, target)
    version = server.binaries.version
    found: list[Peer[Postgres, Postgres]] = [
        Peer("pg_dump|pg_restore", version, dump_restore),
        Peer("pg_dump|psql", version, dump_psql, small=True),
    ]
    if present(PGCOPYDB):
        said = version_of(PGCOPYDB)
        found += [Peer(PGCOPYDB, said, pgcopydb), Peer("pgcopydb, split", said, pgcopydb_split)]
    return found


def stream(source: Postgres, target: Postgres) -> list[Peer[Postgres, Postgres]]:
    """The peers of one stream into a table without indexes."""
    version = programs(source, target).binaries.version
    return [
        Peer("psql COPY|COPY text", version, psql_pair),
        Peer("psql COPY|COPY binary", version, partial(psql_pair, form="binary")),
    ]


def present(program: str) -> bool:
    """Whether it is installed; what is absent is said."""
    if shutil.which(program) is None:
        print(f"absent: {program} is not installed, so nothing is said about it")
        return False
    return True


def version_of(program: str) -> str:
    """The first word with a digit of what it says of itself."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d[\w.~-]*", said.partition("Distrib ")[2] or said)
    return found.group() if found else "unknown"
