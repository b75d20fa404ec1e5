"""A tiny driver for the tests from MySQL to PostgreSQL: it plays the flow's part on real servers."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pymysql
from pydantic import SecretStr

from bot.sandbox.servers import MariaDbServer
from jobs.core import chunks
from jobs.core.errors import FerrybotError
from jobs.core.model import CheckResult, Dialect, Endpoint, Finding, Options, TlsMode
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import RestorePoint, Verdict
from jobs.engines.mysql_postgres.conductor import MySqlPostgresConductor, conduct
from jobs.engines.mysql_postgres.engine import MySqlPostgresEngine
from jobs.ports.engine import Asked, Lane
from tests.servers.pg_run import MIGRATION, Spy
from tests.servers.pg_run import endpoint as postgres_endpoint
from tests.support.servers import Database

ENGINE = MySqlPostgresEngine()
_numbers = itertools.count()


@dataclass(frozen=True)
class Source:
    """A database of the MariaDB server; root's address unless asked otherwise."""

    server: MariaDbServer
    name: str

    def connect(self) -> pymysql.Connection[Any]:
        connection: pymysql.Connection[Any] = pymysql.connect(
            host=self.server.host,
            port=self.server.port,
            user="root",
            password=self.server.password,
            database=self.name,
            charset="utf8mb4",
            autocommit=True,
        )
        return connection

    def execute(self, script: str) -> None:
        """Statements that end with a semicolon and a line's end."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("set sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = '+00:00'")
            for statement in script.split(";\n"):
                if statement.strip():
                    cursor.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("set time_zone = '+00:00'")
            cursor.execute(query)
            return list(cursor.fetchall())

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(
            label=self.name,
            dialect=Dialect.mariadb,
            host=self.server.host,
            port=self.server.port,
            database=self.name,
            user="root",
            password=SecretStr(self.server.password),
            tls=TlsMode.prefer,
        )


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
class Move:
    """A source, a target, and the plan between them."""

    source: Source
    target: Database
    options: Options = field(default_factory=Options)
    decisions: dict[str, str] = field(default_factory=dict)
    migration: str = MIGRATION
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
            restore_folder=self.restore_folder,
            restore_point=self.restore_point,
        )

    def _as(self, endpoint: Endpoint) -> Endpoint:
        if self.accounts is None:
            return endpoint
        return replace(endpoint, user=self.accounts[0], password=SecretStr(self.accounts[1]))

    def plan(self) -> MigrationPlan:
        asked = self.asked()
        return ENGINE.plan(asked, ENGINE.inspect(asked))

    def checks(self) -> dict[str, CheckResult]:
        inventory = ENGINE.inspect(self.asked())
        return {check.name: ENGINE.look(check, inventory) for check in ENGINE.checks}

    def findings(self, check: str) -> tuple[Finding, ...]:
        return self.checks()[check].findings

    @contextmanager
    def conductor(self, plan: MigrationPlan | None = None) -> Iterator[MySqlPostgresConductor]:
        with conduct(self.asked(), plan or self.plan()) as conductor:
            yield conductor

    def run(self, *, finish: bool = True, plan: MigrationPlan | None = None, spy: Spy | None = None) -> Verdict:
        """The whole flow: prepare, lanes, verdict, and the end if it is green."""
        with self.conductor(plan) as conductor:
            conductor.prepare(spy or Spy())
            work(conductor, spy)
            verdict = conductor.verdict()
            if finish and verdict.green:
                conductor.finish()
        return verdict


def work(conductor: MySqlPostgresConductor, spy: Spy | None = None, lanes: int | None = None) -> None:
    """The conductor's lanes in threads until no task is left; raises what the first failing lane raised."""
    errors: list[BaseException] = []

    def one() -> None:
        try:
            with conductor.lane() as lane:
                drain(lane, spy or Spy(), lambda: bool(errors))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(lanes or conductor.own_lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def drain(lane: Lane, watch: Any, given_up: Callable[[], bool] = lambda: False) -> int:
    """Performs tasks until none is left; how many this lane did."""
    done = 0
    while not lane.finished() and not given_up():
        task = lane.claim()
        if task is None:
            lane.wait(1.0)
            continue
        try:
            result = lane.perform(task, watch)
        except FerrybotError as error:
            lane.rollback(task, error.what, fatal=True)
            raise
        lane.commit(task, result)
        done += 1
    return done


def doomed(move: Move, plan: MigrationPlan, at: int) -> int:
    """Runs `mypg_doomed` until its event `at`; its exit status: -9 when it was killed, 0 when it came to its end."""
    asked = move.asked()
    order = {
        "at": at,
        "chunk_bytes": chunks.LEAST_BYTES,
        "plan": plan.model_dump_json(),
        "options": asked.options.model_dump(mode="json"),
        "source": _address(asked.source),
        "target": _address(asked.target),
    }
    command = [sys.executable, "-m", "tests.servers.mypg_doomed"]
    return subprocess.run(command, input=json.dumps(order), text=True, check=False).returncode


def _address(endpoint: Endpoint) -> dict[str, str | int]:
    values: dict[str, str | int] = {"host": endpoint.host, "port": endpoint.port, "database": endpoint.database}
    values |= {"dialect": endpoint.dialect.value, "user": endpoint.user}
    return values | {"password": endpoint.password.get_secret_value()}
