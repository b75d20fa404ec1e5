"""Fixtures: one server of each kind per session, and a fresh database of it per test."""

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString, NoReturn, Protocol

import psycopg
import pytest
import redis
from psycopg import sql

from bot.sandbox.binaries import CACHE_VARIABLE, PostgresBinaries, embedded_postgres, mariadb_program
from bot.sandbox.servers import MariaDbServer, PostgresServer, RedisServer
from bot.sandbox.shop import create_shop
from tests.support.mysql_servers import FAMILY, MysqlServer

ALLOW_MISSING = "FERRYBOT_ALLOW_MISSING"
REMEDY = "run tools/fetch_servers.sh (as root it installs Debian's packages, else it unpacks them under .cache)"
SERVER_FIXTURES = {"pg_server", "redis_server", "mariadb_server", "mysql_server"}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# What tools/fetch_servers.sh unpacked for an ordinary user is found without setting anything.
os.environ.setdefault(CACHE_VARIABLE, str(Path(__file__).parents[2] / ".cache" / "servers"))


def missing(what: str) -> NoReturn:
    """Fail the test, for a test that did not run must be seen; or skip it where that is wished."""
    if os.environ.get(ALLOW_MISSING) == "1":
        pytest.skip(f"{what} is not here")
    pytest.fail(f"{what} is not here: {REMEDY}; or set {ALLOW_MISSING}=1 to skip such tests", pytrace=False)


def postgres_binaries(major: int) -> PostgresBinaries:
    """The installed PostgreSQL of that major version."""
    found = embedded_postgres()
    if major not in found and major < 15:
        pytest.skip(f"PostgreSQL {major} is not here: tools/fetch_servers.sh fetches it where npm is")
    if major not in found:
        missing(f"PostgreSQL {major}")
    return found[major]


@dataclass(frozen=True)
class Database:
    """A database of a test server; the superuser's address unless asked otherwise."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        """The superuser's address as a URL."""
        return self.server.url(self.name)

    @property
    def dsn(self) -> str:
        """The superuser's address as keywords and values."""
        return self.server.dsn(self.name)

    def connect(self, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """An autocommit connection as the superuser; `options` go to psycopg."""
        return psycopg.connect(self.dsn, **{"autocommit": True, **options})


@dataclass
class PostgresPool:
    """Every server started in this session, and the template databases made on each."""

    servers: dict[tuple[object, ...], PostgresServer] = field(default_factory=dict)
    templates: set[tuple[PostgresServer, str]] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def server(self, major: int, *, tls: bool = False, **settings: str) -> PostgresServer:
        """The session's server of that version and those settings, running."""
        key = (major, tls, *sorted(settings.items()))
        if key not in self.servers:
            self.servers[key] = PostgresServer(postgres_binaries(major), settings=settings, tls=tls)
        return self.servers[key].start()  # a test may have stopped it

    def template(self, server: PostgresServer, name: str, build: Callable[[str], None]) -> str:
        """The name of a template database on `server`, filled by `build(dsn)` at the first call."""
        if (server, name) not in self.templates:
            create_database(server, name)
            build(server.dsn(name))
            self.templates.add((server, name))
        return name

    def close(self) -> None:
        """End them all."""
        for server in self.servers.values():
            server.close()


def create_database(server: PostgresServer, name: str, template: str | None = None) -> None:
    """Create an empty database or a copy of a template; a locale that every version knows."""
    statement = sql.SQL("create database {} template {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(statement)


@contextlib.contextmanager
def database_with(server: PostgresServer, name: str, options: LiteralString) -> Iterator[Database]:
    """An empty database made with options, such as an encoding."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        made = sql.SQL("create database {} template template0 ").format(sql.Identifier(name))
        connection.execute(made + sql.SQL(options))
    try:
        yield Database(server, name)
    finally:
        drop_database(server, name)


def drop_database(server: PostgresServer, name: str) -> None:
    """Drop a database with its sessions, replication slots and subscriptions; all of them would hold it."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        patience = ", 5000" if server.binaries.major >= 14 else ""
        connection.execute(
            f"select pg_terminate_backend(active_pid{patience}) from pg_replication_slots"
            " where database = %s and active_pid is not null",
            [name],
        )
        connection.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
            " where database = %s and not temporary",
            [name],
        )
        _drop_subscriptions(server, name)
        force = sql.SQL(" with (force)") if server.binaries.major >= 13 else sql.SQL("")
        if server.binaries.major < 13:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)) + force)


def _drop_subscriptions(server: PostgresServer, name: str) -> None:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.dsn(name), autocommit=True) as own:
        names = own.execute(
            "select subname from pg_subscription where subdbid ="
            " (select oid from pg_database where datname = current_database())"
        )
        for (subscription,) in names.fetchall():
            # Without its slot's name, dropping it does not ask the other server, which may be gone.
            for change in ("alter subscription {} disable", "alter subscription {} set (slot_name = none)"):
                own.execute(sql.SQL(change).format(sql.Identifier(subscription)))
            own.execute(sql.SQL("drop subscription {}").format(sql.Identifier(subscription)))


def _roles(server: PostgresServer) -> set[str]:
    with psycopg.connect(server.dsn()) as connection:
        return {name for (name,) in connection.execute("select rolname from pg_roles")}


def _drop_roles(server: PostgresServer, names: set[str]) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for name in names:
            with contextlib.suppress(psycopg.Error):  # another database still grants it something
                connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


class FreshDatabase(Protocol):
    """`fresh_db(server)` or `fresh_db(server, template="shop")`."""

    def __call__(self, server: PostgresServer, template: str | None = None) -> Database:
        """A database of its own for this test."""


@pytest.fixture(scope="session")
def pg_server() -> Iterator[PostgresPool]:
    """Servers by version: `pg_server.server(16, max_connections="20")`."""
    pool = PostgresPool()
    yield pool
    pool.close()


@pytest.fixture
def pg15(pg_server: PostgresPool) -> PostgresServer:
    """Debian's PostgreSQL 15."""
    return pg_server.server(15)


@pytest.fixture
def pg16(pg_server: PostgresPool) -> PostgresServer:
    """The embedded PostgreSQL 16."""
    return pg_server.server(16)


@pytest.fixture
def pg17_tls(pg_server: PostgresPool) -> PostgresServer:
    """PostgreSQL 17 with TLS; `ca_file` is its self-signed certificate."""
    return pg_server.server(17, tls=True)


@pytest.fixture
def pg18(pg_server: PostgresPool) -> PostgresServer:
    """The embedded PostgreSQL 18."""
    return pg_server.server(18)


@contextlib.contextmanager
def fresh_databases(pool: PostgresPool) -> Iterator[FreshDatabase]:
    """Makes databases and drops them at the end, with the roles made meanwhile."""
    with contextlib.ExitStack() as after:

        def make(server: PostgresServer, template: str | None = None) -> Database:
            name = f"test_{next(pool.numbers)}"
            before = _roles(server)
            create_database(server, name, template)
            after.callback(_clean_up, server, name, before)
            return Database(server, name)

        yield make


@pytest.fixture
def fresh_db(pg_server: PostgresPool) -> Iterator[FreshDatabase]:
    """Makes databases for this test and drops them, with the roles made meanwhile, after it."""
    with fresh_databases(pg_server) as make:
        yield make


def _clean_up(server: PostgresServer, name: str, roles: set[str]) -> None:
    server.start()  # a test may have killed it
    drop_database(server, name)
    _drop_roles(server, _roles(server) - roles)


class ShopDatabase(Protocol):
    """`shop_db(server)`, or `shop_db(server, scale=1.0)` for a million rows."""

    def __call__(self, server: PostgresServer, scale: float = 0.01) -> Database:
        """A web shop of its own for this test."""


@pytest.fixture
def shop_db(pg_server: PostgresPool, fresh_db: FreshDatabase) -> ShopDatabase:
    """Copies of the demo's web shop; each scale is filled once per server."""

    def make(server: PostgresServer, scale: float = 0.01) -> Database:
        template = pg_server.template(server, f"shop_{scale:g}", lambda dsn: create_shop(dsn, scale))
        return fresh_db(server, template)

    return make


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis or Valkey server that keeps an append-only file."""
    with RedisServer() as server:
        yield server


_redis_numbers = itertools.cycle(range(1, 256))


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """The address of an empty logical database, emptied again after the test."""
    url = redis_server.start().url(next(_redis_numbers))
    _flush(url)
    yield url
    if redis_server.running:
        _flush(url)


def _flush(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.flushdb()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDbServer]:
    """Debian's MariaDB, the MySQL-family server that tests run on; FERRYBOT_FAMILY names a MySQL instead."""
    if FAMILY:
        with MysqlServer(Path(FAMILY)) as server:
            yield server
        return
    if mariadb_program() is None:
        missing("MariaDB")
    with MariaDbServer() as server:
        yield server


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser for playwright's `executable_path`."""
    unpacked = str(Path(os.environ[CACHE_VARIABLE]) / "bin" / "chromium")
    for name in (os.environ.get("FERRYBOT_CHROMIUM", ""), *_BROWSERS, unpacked):
        if name and (path := shutil.which(name)):
            return path
    missing("Chromium (or Chrome; name one by FERRYBOT_CHROMIUM)")
