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
    """One database per server and side for many cases: emptied between them, since making one costs far more.

    The superuser's sessions, too, are kept: each new one is a process of the server."""

    pool: PostgresPool
    made: dict[tuple[int, str], Database] = field(default_factory=dict)
    used: set[Database] = field(default_factory=set)
    _sessions: dict[Database, psycopg.Connection[tuple[Any, ...]]] = field(default_factory=dict)
    _roles: dict[PostgresServer, set[str]] = field(default_factory=dict)

    def database(self, major: int, side: str, script: str = "") -> Database:
        """An empty database in which `script` was run; `{db}` in it is the database's name."""
        server = self.pool.server(major)
        if (major, side) not in self.made:
            database = self.made[major, side] = Database(server, f"bench_{side}_{next(self.pool.numbers)}")
            create_database(server, database.name)
            self._sessions[database] = database.connect(prepare_threshold=None)
            self._roles.setdefault(server, set(_roles(self._sessions[database])))
        database = self.made[major, side]
        if script:
            self.used.add(database)
            session = self._sessions[database]
            session.execute(script.replace("{db}", database.name).encode())
            session.execute("discard all")
        return database

    def clean(self) -> None:
        """Empties the databases that were written to, and drops the roles that were made."""
        for database in self.used:
            self._sessions[database].execute("discard all")  # a script may have failed on its way
            self._sessions[database].execute(_CLEAN)
        for session, server in {d.server: (self._sessions[d], d.server) for d in self.used}.values():
            for name in _roles(session) - self._roles[server]:
                session.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(name)))
        self.used.clear()

    def close(self) -> None:
        for database, session in self._sessions.items():
            session.close()
            drop_database(database.server, database.name)


_CLEAN = Path(__file__).with_name("clean.sql").read_bytes()


def _roles(session: psycopg.Connection[tuple[Any, ...]]) -> set[str]:
    return {name for (name,) in session.execute("select rolname from pg_roles")}
