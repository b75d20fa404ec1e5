"""Two databases of each pair of dialects, and how tests come by them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from pydantic import SecretStr

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.model import Options
from jobs.ports.engine import Asked, Task
from tests.contract.sides import STRANGER, MySide, PgSide, Side
from tests.servers.mysql_run import MysqlDatabase
from tests.support import my_inspection, servers
from tests.support.driver import MIGRATION, Journey
from tests.support.servers import Database, PostgresPool

PATIENCE = 20.0
"""Seconds for sessions of the server's that were closed a moment ago to be gone."""


@dataclass
class World(Journey):
    """A pair of dialects: a source that is filled again only when a test wrote to it, and a target."""

    source: Side
    target: Side
    options: Options = field(default_factory=Options)
    migration: str = MIGRATION

    def asked(self) -> Asked:
        return Asked(self.migration, self.source.endpoint(), self.target.endpoint(), self.options)

    def fresh(self) -> World:
        """The source as it was filled, the target empty, nothing chosen."""
        if self.source.touched:
            self.source.empty()
            self.source.fill()
            self.source.touched = False
        self.target.empty()
        self.options, self.migration = Options(), MIGRATION
        return self

    def emptied(self) -> World:
        """Both sides empty, nothing chosen: a test brings its own source."""
        self.source.empty()
        self.target.empty()
        self.source.touched = True
        self.options, self.migration = Options(), MIGRATION
        return self

    def as_strangers(self) -> Asked:
        return replace(self.asked(), source=self.source.stranger(), target=self.target.stranger())

    def nowhere(self) -> Asked:
        """Both sides at ports where nobody listens."""
        asked = self.asked()
        return replace(asked, source=replace(asked.source, port=1), target=replace(asked.target, port=1))

    def with_password(self, password: str) -> Asked:
        asked, secret = self.asked(), SecretStr(password)
        return replace(
            asked, source=replace(asked.source, password=secret), target=replace(asked.target, password=secret)
        )

    def nothing_of_ours(self) -> bool:
        """No object and no session, on either side; a closed session may take a moment to go."""
        deadline = time.monotonic() + PATIENCE
        while self.source.sessions() or self.target.sessions():
            if time.monotonic() > deadline:
                return False
        return not [side for side in (self.source, self.target) if "ferrybot" in repr(side.picture())]


def postgres(source: PostgresServer, target: PostgresServer) -> World:
    return World(_pg(source, "contract_source"), _pg(target, "contract_target"))


def mariadb(server: MariaDbServer) -> World:
    return World(_my(server, "contract_source"), _my(server, "contract_target"))


def mariadb_to_postgres(server: MariaDbServer, target: PostgresServer) -> World:
    return World(_my(server, "contract_away"), _pg(target, "contract_target_of_maria"))


def _pg(server: PostgresServer, name: str) -> PgSide:
    servers.create_database(server, name)
    return PgSide(Database(server, name))


def _my(server: MariaDbServer, name: str) -> MySide:
    side = MySide(MysqlDatabase(server.start(), name))
    side.empty()
    return side


def close(world: World) -> None:
    """Drops what the pair had made."""
    for side in (world.source, world.target):
        if isinstance(side, PgSide):
            side.empty()
            servers.drop_database(side.database.server, side.database.name)
            with closing(psycopg.connect(side.database.server.dsn(), autocommit=True)) as connection:
                connection.execute(f"drop role if exists {STRANGER}".encode())
        elif isinstance(side, MySide):
            script = f"drop database {side.database.name}; drop user if exists {STRANGER}"
            my_inspection.run(side.database.server, script)


WORLDS: dict[str, Callable[[MariaDbServer, PostgresPool], World]] = {
    "PostgreSQL": lambda maria, pool: postgres(pool.server(16), pool.server(18)),
    "MariaDB": lambda maria, pool: mariadb(maria),
    "MariaDB to PostgreSQL": lambda maria, pool: mariadb_to_postgres(maria, pool.server(18)),
}


def is_copy(task: Task) -> bool:
    return task.phase == "copy"


def is_proof(task: Task) -> bool:
    return task.phase == "verify"


def contents(side: Side) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of what `Side.fill` made, by queries that mean the same everywhere."""
    tables = ("town", "person", "paid", "owed", "log")
    return {table: sorted(side.rows(f"select * from {table}"), key=repr) for table in tables}
