"""Inspects test databases of MariaDB and asks the checks what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pymysql
from pydantic import SecretStr
from pymysql.constants import CLIENT

from bot.sandbox.servers import MariaDbServer
from jobs.core.model import CheckResult, Endpoint, Options, TlsMode
from jobs.engines.mysql import inspect_server, quote
from jobs.engines.mysql.checks.all import CHECKS
from jobs.engines.mysql.checks.base import look
from jobs.engines.mysql.inspect import inspect
from jobs.engines.mysql.inventory import Inventory
from jobs.ports.engine import Asked

# Here is no wire to measure: less of the probe is enough.
inspect_server._PROBE_BYTES = 512 << 10

MIGRATION = "m0123456789"
PASSWORD = "weak user's p@ss"


def asked(source: Endpoint, target: Endpoint, *, free: int | None = 10**12, **options: Any) -> Asked:
    return Asked(MIGRATION, source, target, options=Options(**options), stated_free_bytes=free)


def judge(inventory: Inventory) -> Mapping[str, CheckResult]:
    """Every check's result by its name."""
    return {check.name: look(check, inventory) for check in CHECKS}


def results(source: Endpoint, target: Endpoint, **options: Any) -> Mapping[str, CheckResult]:
    """Inspects and judges."""
    return judge(inspect(asked(source, target, **options)))


@dataclass
class MyDatabase:
    """A database of a test server."""

    server: MariaDbServer
    name: str

    def run(self, script: str) -> list[tuple[Any, ...]]:
        """Runs statements as root; the rows of the last."""
        return run(self.server, script, self.name)

    def endpoint(self, user: str = "", **more: Any) -> Endpoint:
        """By default root's, else a user's with `PASSWORD`."""
        values: dict[str, Any] = {
            "label": f"test {self.name}",
            "dialect": self.server.dialect,
            "host": self.server.host,
            "port": self.server.port,
            "database": self.name,
            "user": user or self.server.superuser,
            "password": SecretStr(PASSWORD if user else self.server.password),
            # To prefer TLS costs some 30 ms of reading certificates for each connection.
            "tls": TlsMode.disable,
        }
        return Endpoint(**(values | more))


def run(server: MariaDbServer, script: str, database: str | None = None) -> list[tuple[Any, ...]]:
    """Statements as root, in sql_mode ''; the rows of the last."""
    with (
        closing(
            pymysql.connect(
                host=server.host,
                port=server.port,
                user=server.superuser,
                password=server.password,
                database=database,
                client_flag=CLIENT.MULTI_STATEMENTS,
                autocommit=True,
                sql_mode="",
                ssl_disabled=True,
            )
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(script)
        found = list(cursor.fetchall())
        while cursor.nextset():
            found = list(cursor.fetchall())
        return found


@dataclass
class MyBench:
    """A source and a target database on one or two servers, empty for each case."""

    source_server: MariaDbServer
    target_server: MariaDbServer
    users: set[tuple[MariaDbServer, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.source = MyDatabase(self.source_server, "bench_source")
        self.target = MyDatabase(self.target_server, "bench_target")
        self.fresh()

    def fresh(self) -> None:
        """Both databases empty, and no account of a case left."""
        for database in (self.source, self.target):
            place = quote.name(database.name)
            run(database.server, f"drop database if exists {place}; create database {place}")
        for server, account in self.users:
            run(server, f"drop user if exists {quote.account(account)}")
        self.users.clear()

    def user(self, database: MyDatabase, name: str, grants: str) -> None:
        """An account with `PASSWORD`. In `grants`, `{to}` is the account, `{db}` the database as the pattern that
        it is before `.*`, `{at}` its plain name."""
        account = f"{name}@%"
        to = quote.account(account)
        self.users.add((database.server, account))
        made = f"create user {to} identified by {quote.text(PASSWORD)};"
        name_of = quote.name(database.name)
        run(database.server, made + grants.format(db=name_of.replace("_", r"\_"), at=name_of, to=to))

    def drop(self) -> None:
        self.fresh()
        for database in (self.source, self.target):
            run(database.server, f"drop database {quote.name(database.name)}")


@contextmanager
def globally(server: MariaDbServer, settings: Mapping[str, str]) -> Iterator[None]:
    """Global variables for a while."""
    before = {name: run(server, f"select @@global.{name}")[0][0] for name in settings}
    try:
        for name, value in settings.items():
            run(server, f"set global {name} = {value}")
        yield
    finally:
        for name, old in before.items():
            run(server, f"set global {name} = {quote.text(old) if isinstance(old, str) else old}")
