"""What the tests' driver must know of moves from MariaDB to PostgreSQL: addresses, scripts, decisions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pymysql
from pydantic import SecretStr

from bot.sandbox.servers import MariaDbServer
from jobs.core.model import Endpoint, Finding, Options
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import RestorePoint
from jobs.engines.mysql_postgres.conductor import MySqlPostgresConductor, conduct
from jobs.engines.mysql_postgres.engine import MySqlPostgresEngine
from jobs.ports.engine import Asked
from tests.servers import mysql_run
from tests.servers.pg_run import endpoint as postgres_endpoint
from tests.support.driver import MIGRATION, Journey, Spy, doomed, drain, steps, work
from tests.support.driver import address as _address
from tests.support.servers import Database

__all__ = [
    "ENGINE",
    "MIGRATION",
    "Move",
    "Source",
    "Spy",
    "_address",
    "doomed",
    "drain",
    "fresh_source",
    "steps",
    "work",
]

ENGINE = MySqlPostgresEngine()
_numbers = itertools.count()


@dataclass(frozen=True)
class Source(mysql_run.MysqlDatabase):
    """A database of the MariaDB server; root's address unless asked otherwise."""

    def connect(self) -> pymysql.Connection[Any]:
        connection = self.server.connect(self.name)
        connection.autocommit(True)
        return connection

    def execute(self, script: str) -> None:
        """Statements that end with a semicolon and a line's end."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("set sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = '+00:00'")
            for statement in script.split(";\n"):
                if statement.strip():
                    cursor.execute(statement)

    @property
    def endpoint(self) -> Endpoint:
        return mysql_run.endpoint(self)


@contextmanager
def fresh_source(server: MariaDbServer, script: str = "") -> Iterator[Source]:
    """A database of its own, filled by `script`; dropped after."""
    source = Source(server.start(), f"Shop_{next(_numbers)}")
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"create database `{source.name}` character set utf8mb4")
    try:
        source.execute(script)
        yield source
    finally:
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"drop database `{source.name}`")


@dataclass
class Move(Journey):
    """A source, a target, and the plan between them."""

    source: Source
    target: Database
    options: Options = field(default_factory=Options)
    decisions: dict[str, str] = field(default_factory=dict)
    migration: str = MIGRATION
    rules: tuple[tuple[str, str], ...] = ()
    """as a service of ferrybot.yaml carries them"""
    restore_folder: str = ""
    restore_point: RestorePoint | None = None
    accounts: tuple[str, str] | None = None
    """a user and a password that both servers know; the superusers' where there is none"""

    def asked(self) -> Asked:
        options = self.options.model_copy(update={"decisions": tuple(sorted(self.decisions.items()))})
        return Asked(
            migration=self.migration,
            source=self._as(self.source.endpoint),
            target=self._as(postgres_endpoint(self.target)),
            options=options,
            rules=self.rules,
            restore_folder=self.restore_folder,
            restore_point=self.restore_point,
        )

    def _as(self, endpoint: Endpoint) -> Endpoint:
        if self.accounts is None:
            return endpoint
        return replace(endpoint, user=self.accounts[0], password=SecretStr(self.accounts[1]))

    def findings(self, check: str) -> tuple[Finding, ...]:
        return self.checks()[check].findings

    def conductor(self, plan: MigrationPlan | None = None) -> AbstractContextManager[MySqlPostgresConductor]:
        return conduct(self.asked(), plan or self.plan())
