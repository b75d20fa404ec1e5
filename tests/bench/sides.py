"""What the bench asks of a server and of a database, whichever kind they are."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from psycopg import sql

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.model import Dialect
from tests.servers.mysql_run import MysqlDatabase
from tests.support.servers import Database, create_database, drop_database, postgres_binaries

PASSWORD = "bench"
# Unlike in the tests, what is committed must be on disk: that is what a user waits for.
POSTGRES = {
    "fsync": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
}
MARIADB = {
    "innodb-flush-log-at-trx-commit": "1",
    "innodb-buffer-pool-size": "1G",
    "innodb-log-file-size": "512M",
    "max-allowed-packet": "64M",
}
WITHOUT_BINARY_LOG = {"skip-log-bin": "1"}
"""For targets: myloader writes none of its own accord, and the others would have to write every row twice."""

SETTLE_SECONDS = 120.0
LOOK_SECONDS = 0.1
QUIET_PAGES = 64
"""InnoDB writes on some pages of its own at any time; these are 1 MB."""
FLUSH_PAGES = 20_000
"""Pages a second; with its default of 200 InnoDB would take five minutes for a gigabyte."""


class Side(Protocol):
    """A database that is copied from or to."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str:
        """As a service's secret holds it."""

    @property
    def dialect(self) -> Dialect: ...

    def run(self, *statements: str) -> None:
        """Statements that return nothing, each committed."""

    def counts(self) -> dict[str, int]:
        """Rows by the bare name of each table."""


S = TypeVar("S", bound=Side)


class Postgres(Database):
    """A database of a PostgreSQL server."""

    dialect = Dialect.postgresql

    @property
    def url(self) -> str:
        return f"{super().url}?sslmode={self._sslmode}"

    @property
    def dsn(self) -> str:
        return f"{super().dsn} sslmode={self._sslmode}"

    @property
    def _sslmode(self) -> str:
        return "require" if self.server.tls else "disable"

    @property
    def folder(self) -> Path:
        """For a contender's files; it goes with the database."""
        found = self.server.folder / f"{self.name}-files"
        found.mkdir(exist_ok=True)
        return found

    def run(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def counts(self) -> dict[str, int]:
        """Tables of every schema but the system's, since pgloader makes one of its own."""
        found: dict[str, int] = {}
        with self.connect() as connection:
            tables = connection.execute(
                "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                r" where c.relkind = 'r' and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema'"
            )
            for schema, table in tables.fetchall():
                query = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))
                row = connection.execute(query).fetchone()
                found[table] = found.get(table, 0) + (row[0] if row else 0)
        return found


class MariaDb(MysqlDatabase):
    """A database of a MariaDB server."""

    dialect = Dialect.mariadb

    @property
    def url(self) -> str:
        """Without TLS, which the servers do not have and the peers do not ask for."""
        return f"{self.server.url(self.name)}?sslmode=disable"

    def counts(self) -> dict[str, int]:
        tables = "select table_name from information_schema.tables where table_schema = database()"
        names = [name for (name,) in self.rows(f"{tables} and table_type = 'BASE TABLE'")]
        return {name: self.rows(f"select count(*) from `{name}`")[0][0] for name in names}


class Host(Generic[S]):
    """A running server that makes databases for the bench."""

    label: str
    """as figures name it: 16, MariaDB 10.11"""

    @contextmanager
    def database(self, statements: Sequence[str] = (), *, keep: bool = False) -> Iterator[S]:
        """A new database, filled by `statements`; dropped after, or kept as long as its server."""
        side = self.create(f"bench_{uuid.uuid4().hex[:8]}")
        try:
            side.run(*statements)
            yield side
        finally:
            if not keep:
                self.drop(side)

    def create(self, name: str) -> S:
        raise NotImplementedError

    def drop(self, side: S) -> None:
        raise NotImplementedError

    def settle(self) -> None:
        """Nobody pays for pages that another left to be written."""
        raise NotImplementedError

    def warm(self) -> None:
        """Writes the log once: a new server's first gigabytes cost whoever comes first 9 s (seen)."""
        with self.database([f"create table filler as {self.filler}"]):
            self.settle()

    filler: str
    """a query whose rows fill the log that the servers' settings allow"""


class PostgresHost(Host[Postgres]):
    """One PostgreSQL server."""

    filler = "select repeat(md5(i::text), 50) from generate_series(1, 1500000) i"

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.label = f"{server.binaries.major}{' with TLS' if server.tls else ''}"

    def create(self, name: str) -> Postgres:
        create_database(self.server, name)
        return Postgres(self.server, name)

    def drop(self, side: Postgres) -> None:
        drop_database(self.server, side.name)
        shutil.rmtree(side.folder)

    def settle(self) -> None:
        Postgres(self.server, "postgres").run("checkpoint")


class MariaDbHost(Host[MariaDb]):
    """One MariaDB server."""

    filler = "select repeat(md5(seq), 50) as filler from seq_1_to_400000"

    def __init__(self, server: MariaDbServer) -> None:
        self.server = server
        version = str(self._asked("select version()"))
        self.label = f"MariaDB {'.'.join(version.split('.')[:2])}"

    def create(self, name: str) -> MariaDb:
        self._asked(f"create database {name}")
        return MariaDb(self.server, name)

    def drop(self, side: MariaDb) -> None:
        self._asked(f"drop database {side.name}")

    def settle(self) -> None:
        """InnoDB has no checkpoint to ask for: it is told to keep no changed page, and watched until it has none."""
        kept = {name: self._asked(f"select @@global.{name}") for name in _FLUSH}
        for name, pages in _FLUSH.items():
            self._asked(f"set global {name} = {pages}")
        deadline = time.monotonic() + SETTLE_SECONDS
        while (dirty := self._dirty()) > QUIET_PAGES and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        for name, value in reversed(kept.items()):
            self._asked(f"set global {name} = {value}")
        if dirty > QUIET_PAGES:
            print(f"  {self.label} is not settled: {dirty} pages are still to be written", flush=True)

    def _dirty(self) -> int:
        return int(str(self._asked(f"{_STATUS} = 'INNODB_BUFFER_POOL_PAGES_DIRTY'")))

    def _asked(self, statement: str) -> object:
        with closing(self.server.connect()) as connection, connection.cursor() as cursor:
            # A session of a contender that failed must not hold the bench for a day.
            cursor.execute("set lock_wait_timeout = 60")
            cursor.execute(statement)
            row = cursor.fetchone()
            return row[0] if row else None


_STATUS = "select variable_value from information_schema.global_status where variable_name"
_FLUSH: dict[str, float] = {
    "innodb_io_capacity_max": FLUSH_PAGES,
    "innodb_io_capacity": FLUSH_PAGES,
    "innodb_max_dirty_pages_pct_lwm": 0,
    "innodb_max_dirty_pages_pct": 0,
}


@contextmanager
def postgres(major: int, tls: bool = False) -> Iterator[PostgresHost]:
    """A server for either side, whose clients all come with TLS or all without."""
    with PostgresServer(postgres_binaries(major), settings=POSTGRES, password=PASSWORD, tls=tls) as server:
        yield PostgresHost(server)


@contextmanager
def mariadb(settings: dict[str, str]) -> Iterator[MariaDbHost]:
    """A server with those settings besides the bench's."""
    with MariaDbServer(settings=MARIADB | settings, password=PASSWORD) as server:
        yield MariaDbHost(server)
