"""A tiny driver for the tests: it plays the flow's part on a real MariaDB server."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from bot.sandbox.servers import MariaDbServer
from jobs.core import chunks
from jobs.core.errors import FerrybotError
from jobs.core.model import Dialect, Endpoint, Options, TlsMode
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import RestorePoint, Verdict
from jobs.engines.mysql.conductor import MysqlConductor, conduct
from jobs.engines.mysql.engine import MysqlEngine
from jobs.engines.mysql.lane import MysqlLane
from jobs.ports.engine import Asked, Task
from tests.servers.pg_run import Spy

ENGINE = MysqlEngine()
MIGRATION = "m0000000002"
_numbers = itertools.count()


@dataclass(frozen=True)
class MysqlDatabase:
    """A database of a test server."""

    server: MariaDbServer
    name: str

    def run(self, *statements: str) -> None:
        """Statements as root, with this database chosen."""
        connection = self.server.connect(self.name)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            connection.commit()
        finally:
            connection.close()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = self.server.connect(self.name)
        try:
            with connection.cursor() as cursor:
                cursor.execute("set time_zone = '+00:00'")
                cursor.execute(query, values or None)
                return list(cursor.fetchall())
        finally:
            connection.close()


@contextmanager
def databases(server: MariaDbServer, count: int = 2, charset: str = "utf8mb4") -> Iterator[list[MysqlDatabase]]:
    """Fresh databases, dropped at the end."""
    server.start()
    made = [MysqlDatabase(server, f"test_{next(_numbers)}") for _ in range(count)]
    connection = server.connect()
    try:
        with connection.cursor() as cursor:
            for database in made:
                cursor.execute(f"create database {database.name} character set {charset}")
    finally:
        connection.close()
    yield made
    server.start()
    connection = server.connect()
    with connection.cursor() as cursor:
        for database in made:
            cursor.execute(f"drop database if exists {database.name}")
    connection.close()


def endpoint(database: MysqlDatabase, user: str | None = None, password: str | None = None) -> Endpoint:
    server = database.server
    return Endpoint(
        label=database.name,
        dialect=Dialect.mariadb,
        host=server.host,
        port=server.port,
        database=database.name,
        user=user or server.superuser,
        password=SecretStr(server.password if password is None else password),
        tls=TlsMode.prefer,
    )


@dataclass
class Migration:
    """A source, a target, and the plan between them."""

    source: MysqlDatabase
    target: MysqlDatabase
    options: Options = field(default_factory=Options)
    migration: str = MIGRATION
    user: tuple[str, str] | None = None
    restore_folder: str = ""
    restore_point: RestorePoint | None = None

    def asked(self) -> Asked:
        return Asked(
            restore_folder=self.restore_folder,
            restore_point=self.restore_point,
            migration=self.migration,
            source=endpoint(self.source),
            target=endpoint(self.target, *(self.user or (None, None))),
            options=self.options,
        )

    def plan(self) -> MigrationPlan:
        asked = self.asked()
        return ENGINE.plan(asked, ENGINE.inspect(asked))

    def run(
        self,
        *,
        finish: bool = True,
        plan: MigrationPlan | None = None,
        spy: Spy | None = None,
        refresh: bool = False,
    ) -> Verdict:
        """The whole flow: prepare, lanes, verdict, and the end if it is green."""
        asked, plan = self.asked(), plan or self.plan()
        with conduct(asked, plan) as conductor:
            conductor.prepare(Spy(), refresh=refresh)
            work(conductor, spy)
            verdict = conductor.verdict()
            if finish and verdict.green:
                conductor.finish()
        return verdict


def work(conductor: MysqlConductor, spy: Spy | None = None) -> None:
    """The conductor's own lanes in threads until no task is left; raises what the first failing lane raised."""
    errors: list[BaseException] = []

    def one() -> None:
        try:
            with conductor.lane() as lane:
                drain(lane, spy or Spy(), lambda: bool(errors))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(conductor.own_lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def drain(lane: MysqlLane, watch: Spy, given_up: Callable[[], bool] = lambda: False) -> int:
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


def steps(lane: MysqlLane, until: Callable[[Task], bool], watch: Spy | None = None) -> Task:
    """Performs tasks up to the first that fits, which stays claimed."""
    while True:
        task = lane.claim()
        assert task is not None, "no task is ready"
        if until(task):
            return task
        lane.commit(task, lane.perform(task, watch or Spy()))


def doomed(migration: Migration, plan: MigrationPlan, at: int, role: str = "conductor", **more: Any) -> int:
    """Runs `mysql_doomed` until its event `at`; its exit status: -9 when it was killed, 0 when it came to its end.

    With `statements` each statement is an event; `story` names the file that stands for the ledger."""
    asked = migration.asked()
    order = {
        "role": role,
        "refresh": False,
        "at": at,
        "chunk_bytes": chunks.LEAST_BYTES,
        "plan": plan.model_dump_json(),
        "options": migration.options.model_dump(mode="json"),
        "source": _address(asked.source),
        "target": _address(asked.target),
        "folder": migration.restore_folder,
        "point": migration.restore_point.model_dump(mode="json") if migration.restore_point else None,
        **more,
    }
    ran = subprocess.run(
        [sys.executable, "-m", "tests.servers.mysql_doomed"], input=json.dumps(order), text=True, check=False
    )
    return ran.returncode


def _address(endpoint: Endpoint) -> dict[str, str | int]:
    values: dict[str, str | int] = {"host": endpoint.host, "port": endpoint.port, "database": endpoint.database}
    return values | {"user": endpoint.user, "password": endpoint.password.get_secret_value()}


def assert_same(source: MysqlDatabase, target: MysqlDatabase) -> None:
    """Equal rows in every table, and equal schemas, by queries of the tests' own."""
    tables = all_tables(source)
    assert all_tables(target) == tables
    for table in tables:
        assert contents(source, table) == contents(target, table), table
        assert definition(source, table) == definition(target, table)


def definition(database: MysqlDatabase, table: str) -> str:
    return str(database.rows(f"show create table `{table.replace('`', '``')}`")[0][1])


def contents(database: MysqlDatabase, table: str) -> list[str]:
    """Every row as hexadecimal bytes of every column: the test's own proof."""
    quoted = f"`{table.replace('`', '``')}`"
    columns = database.rows(
        "select column_name from information_schema.columns where table_schema = database() and table_name = %s"
        " order by ordinal_position",
        table,
    )
    names = [f"`{name.replace('`', '``')}`" for (name,) in columns]
    listed = ", ".join(f"ifnull(if(length({name}) > 100000, md5({name}), hex({name})), 'null')" for name in names)
    return sorted(row[0] for row in database.rows(f"select concat_ws(' ', {listed}) from {quoted}"))


def all_tables(database: MysqlDatabase) -> Sequence[str]:
    found = database.rows(
        "select table_name from information_schema.tables where table_schema = database()"
        " and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and table_name not like '\\_ferrybot\\_%%' order by 1"
    )
    return [row[0] for row in found]


def nothing_of_ours(database: MysqlDatabase) -> bool:
    return not database.rows(
        "select 1 from information_schema.tables where table_schema = database()"
        " and table_name like '\\_ferrybot\\_%%'"
    )
