"""The tools to compare with where the source is MariaDB, as their users would run them; two jobs where they can."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

from tests.bench.clock import Cost, shell
from tests.bench.peers import Peer, present, version_of
from tests.bench.sides import MariaDb, Postgres

JOBS = 2
CHUNK_ROWS = 25_000
"""mydumper's chunks of a table: without them one thread writes and one loads the largest table. At half the size,
200,000 rows took 24.9 s, 100,000 19.4 s, 25,000 17.5 and 16.3 s (version 0.10, two cores that others used, too)."""
HEAP_MB = 4096
"""pgloader's default heap is too small for such tables: it dies."""
LOAD = """load database from {source} into {target}
with workers = 8, concurrency = 2, include drop, create tables, create indexes, reset sequences;
"""


def dump_pipe(source: MariaDb, target: MariaDb, table: str) -> Cost:
    """The pipe that most people type, then ANALYZE."""
    script = (
        f"mariadb-dump {_client(source)} --single-transaction --routines --triggers --events {source.name}"
        f" | mariadb {_client(target)} {target.name}\n{_analyze(target)}"
    )
    return shell(script, {})


def mydumper(source: MariaDb, target: MariaDb, table: str) -> Cost:
    """Two threads each and chunks by rows, not compressed, the binary log left out (as it is by default); ANALYZE."""
    with tempfile.TemporaryDirectory() as folder:
        place = shlex.quote(f"{folder}/dump")
        script = (
            f"mydumper {_words(source)} -B {source.name} -t {JOBS} -r {CHUNK_ROWS} -G -E -R -o {place}\n"
            f"myloader {_words(target)} -s {source.name} -B {target.name} -t {JOBS} -d {place}\n{_analyze(target)}"
        )
        return shell(script, {})


def pgloader(source: MariaDb, target: Postgres, table: str) -> Cost:
    """Eight workers at two tables a time, its heap enlarged, then ANALYZE."""
    binaries = target.server.binaries
    with tempfile.TemporaryDirectory() as folder:
        order = Path(folder) / "load"
        order.write_text(LOAD.format(source=source.server.url(source.name), target=target.url))
        script = (
            f"pgloader --dynamic-space-size {HEAP_MB} --root-dir {shlex.quote(folder)} {shlex.quote(str(order))}\n"
            f"{binaries.bin}/psql -qX -d {shlex.quote(target.dsn)} -c analyze"
        )
        return shell(script, binaries.environment())


def to_mariadb(source: MariaDb, target: MariaDb) -> list[Peer[MariaDb, MariaDb]]:
    """The peers of a pair of MariaDB servers; what is absent is said."""
    found: list[Peer[MariaDb, MariaDb]] = []
    if present("mariadb-dump"):
        found.append(Peer("mariadb-dump|mariadb", version_of("mariadb-dump"), dump_pipe))
    if present("mydumper") and present("myloader"):
        found.append(Peer("mydumper|myloader", version_of("mydumper"), mydumper))
    return found


def to_postgres(source: MariaDb, target: Postgres) -> list[Peer[MariaDb, Postgres]]:
    """The one peer from MariaDB to PostgreSQL, or none."""
    return [Peer("pgloader", version_of("pgloader"), pgloader)] if present("pgloader") else []


def _client(side: MariaDb) -> str:
    server = side.server
    return f"-h{server.host} -P{server.port} -u{server.superuser} -p{server.password}"


def _words(side: MariaDb) -> str:
    """mydumper's and myloader's way to write the same."""
    server = side.server
    return f"-h {server.host} -P {server.port} -u {server.superuser} -p {server.password}"


def _analyze(target: MariaDb) -> str:
    return f"mariadb-check {_client(target)} --analyze --silent --skip-write-binlog {target.name}"
