"""A tiny driver for the tests: it plays the flow's part on real servers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from jobs.core import chunks
from jobs.core.errors import FerrybotError
from jobs.core.model import Dialect, Endpoint, Options, TlsMode
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import RestorePoint, Verdict, Waiver
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.engine import PostgresEngine
from jobs.engines.postgres.lane import PostgresLane, open_lane
from jobs.ports.engine import Asked, Task
from tests.support.servers import Database

ENGINE = PostgresEngine()
MIGRATION = "m0000000001"


def endpoint(database: Database, user: str | None = None, password: str | None = None) -> Endpoint:
    server = database.server
    return Endpoint(
        label=database.name,
        dialect=Dialect.postgresql,
        host=server.host,
        port=server.port,
        database=database.name,
        user=user or server.superuser,
        password=SecretStr(server.password if password is None else password),
        tls=TlsMode.prefer,
    )


@dataclass
class Spy:
    """A watch that remembers; `stop` and `moved` (bytes so far) let a test into the middle of a task."""

    stop: Callable[[], None] = lambda: None
    moved: Callable[[int], None] = lambda _: None
    reports: list[tuple[str, str, int, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def report(self, task: str, title: str, rows: int, bytes: int) -> None:
        self.reports.append((task, title, rows, bytes))
        self.moved(bytes)

    def check(self) -> None:
        self.stop()

    def note(self, text: str, *, warning: bool = False) -> None:
        self.notes.append(text)


@dataclass
class Migration:
    """A source, a target, and the plan between them."""

    source: Database
    target: Database
    options: Options = field(default_factory=Options)
    migration: str = MIGRATION
    user: tuple[str, str] | None = None
    restore_folder: str = ""
    restore_point: RestorePoint | None = None

    def asked(self) -> Asked:
        return Asked(
            migration=self.migration,
            source=endpoint(self.source),
            target=endpoint(self.target, *(self.user or (None, None))),
            options=self.options,
            restore_folder=self.restore_folder,
            restore_point=self.restore_point,
        )

    def plan(self) -> MigrationPlan:
        asked = self.asked()
        return ENGINE.plan(asked, ENGINE.inspect(asked))

    def run(
        self,
        *,
        lanes: int = 1,
        finish: bool = True,
        plan: MigrationPlan | None = None,
        refresh: bool = False,
        waivers: Sequence[Waiver] = (),
    ) -> Verdict:
        """The whole flow: prepare, lanes, verdict, and the end if it is green."""
        asked, plan = self.asked(), plan or self.plan()
        with conduct(asked, plan) as conductor:
            conductor.prepare(Spy(), refresh=refresh)
            work(asked, plan, lanes)
            verdict = conductor.verdict(waivers)
            if finish and verdict.green:
                conductor.finish()
        return verdict


def work(asked: Asked, plan: MigrationPlan, lanes: int = 1, spy: Spy | None = None) -> None:
    """Lanes in threads until no task is left; raises what the first failing lane raised."""
    errors: list[BaseException] = []

    def one() -> None:
        try:
            with open_lane(asked, plan) as lane:
                drain(lane, spy or Spy(), lambda: bool(errors))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def drain(lane: PostgresLane, watch: Spy, given_up: Callable[[], bool] = lambda: False) -> int:
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


def steps(lane: PostgresLane, until: Callable[[Task], bool], watch: Spy | None = None) -> Task:
    """Performs tasks up to the first that fits, which stays claimed."""
    while True:
        task = lane.claim()
        assert task is not None, "no task is ready"
        if until(task):
            return task
        lane.commit(task, lane.perform(task, watch or Spy()))


def doomed(
    migration: Migration, plan: MigrationPlan, at: int, role: str = "conductor", *, refresh: bool = False
) -> int:
    """Runs `pg_doomed` until its event `at`; its exit status: -9 when it was killed, 0 when it came to its end."""
    asked = migration.asked()
    order = {
        "role": role,
        "at": at,
        "chunk_bytes": chunks.LEAST_BYTES,
        "refresh": refresh,
        "plan": plan.model_dump_json(),
        "options": migration.options.model_dump(mode="json"),
        "source": _address(asked.source),
        "target": _address(asked.target),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "tests.servers.pg_doomed"], input=json.dumps(order), text=True, check=False
    )
    return ran.returncode


def _address(endpoint: Endpoint) -> dict[str, str | int]:
    values: dict[str, str | int] = {"host": endpoint.host, "port": endpoint.port, "database": endpoint.database}
    return values | {"user": endpoint.user, "password": endpoint.password.get_secret_value()}


def assert_same(source: Database, target: Database) -> None:
    """Equal rows in every table, by queries of the tests' own."""
    tables = all_tables(source)
    assert all_tables(target) == tables
    ours, theirs = contents(source, tables), contents(target, tables)
    assert [t for t in tables if ours[t] != theirs[t]] == []


def nothing_of_ours(database: Database) -> bool:
    return not rows(database, "select 1 from pg_namespace where nspname = 'ferrybot'")


def rows(database: Database, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(query, values or None).fetchall()


def contents(database: Database, tables: Sequence[str]) -> dict[str, list[str]]:
    """Every row of some tables as text: the test's own proof, which uses nothing of the code under test."""
    with database.connect() as connection:
        connection.execute("set search_path = ''; set timezone = 'UTC'; set extra_float_digits = 3")
        return {
            table: sorted(row[0] for row in connection.execute(f"select whole_row::text from only {table} whole_row"))
            for table in tables
        }


def all_tables(database: Database) -> list[str]:
    found = rows(
        database,
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')"
        " and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e') order by 1",
    )
    return [row[0] for row in found]
