"""Inspects test databases and asks the checks what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from pydantic import SecretStr

from bot.sandbox.servers import PostgresServer
from jobs.core.model import CheckResult, Dialect, Endpoint, Options, TlsMode
from jobs.engines.postgres import inspect_wire
from jobs.engines.postgres.checks.all import CHECKS
from jobs.engines.postgres.checks.base import look
from jobs.engines.postgres.inspect import inspect
from jobs.engines.postgres.inventory import Inventory
from jobs.ports.engine import Asked
from tests.support.servers import (
    Database,
    PostgresPool,
    create_database,
    drop_database,
)

# Here is no wire to measure: less of the probe is enough.
inspect_wire._PROBE_BYTES = 512 << 10

MIGRATION = "m0123456789"
PASSWORD = "plain-user's p@ss"


def endpoint(of: Database, user: str = "", /, *, tls: TlsMode = TlsMode.prefer, **more: Any) -> Endpoint:
    """A test database as an endpoint; by default the superuser's, else a user with `PASSWORD`."""
    server = of.server
    values: dict[str, Any] = {
        "label": f"test {server.binaries.major}",
        "dialect": Dialect.postgresql,
        "host": server.host,
        "port": server.port,
        "database": of.name,
        "user": user or server.superuser,
        "password": SecretStr(PASSWORD if user else server.password),
        "tls": tls,
    }
    return Endpoint(**(values | more))


def asked(source: Endpoint, target: Endpoint, *, free: int | None = None, **options: Any) -> Asked:
    return Asked(MIGRATION, source, target, options=Options(**options), stated_free_bytes=free)


def judge(inventory: Inventory) -> Mapping[str, CheckResult]:
    """Every check's result by its name."""
    return {check.name: look(check, inventory) for check in CHECKS}


def results(source: Endpoint, target: Endpoint, **options: Any) -> Mapping[str, CheckResult]:
    """Inspects and judges."""
    return judge(inspect(asked(source, target, **options)))


@dataclass
class Bench:
    """One database per server and side for many cases: emptied between them, since making one costs far more."""

    pool: PostgresPool
    made: dict[tuple[int, str], Database] = field(default_factory=dict)
    roles: dict[int, set[str]] = field(default_factory=dict)
    used: set[Database] = field(default_factory=set)

    def database(self, major: int, side: str, script: str = "") -> Database:
        """An empty database in which `script` was run; `{db}` in it is the database's name."""
        server = self.pool.server(major)
        if (major, side) not in self.made:
            self.roles.setdefault(major, _roles(server))
            self.made[major, side] = Database(server, f"bench_{side}_{next(self.pool.numbers)}")
            create_database(server, self.made[major, side].name)
        database = self.made[major, side]
        if script:
            self.used.add(database)
            with database.connect() as connection:
                connection.execute(script.replace("{db}", database.name).encode())
        return database

    def clean(self) -> None:
        """Empties the databases that were written to, and drops the roles that were made."""
        servers = {database.server for database in self.used}
        for database in self.used:
            with database.connect(options="-c default_transaction_read_only=off") as connection:
                connection.execute(_CLEAN)
        for server in servers:
            _drop_roles(server, self.roles[server.binaries.major])
        self.used.clear()

    def close(self) -> None:
        for database in self.made.values():
            drop_database(database.server, database.name)


_CLEAN = Path(__file__).with_name("clean.sql").read_bytes()


def _roles(server: PostgresServer) -> set[str]:
    with psycopg.connect(server.dsn()) as connection:
        return {name for (name,) in connection.execute("select rolname from pg_roles")}


def _drop_roles(server: PostgresServer, kept: set[str]) -> None:
    made = _roles(server) - kept
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
