"""The hold: writers of the source wait, readers go on, and every way out lets the writers through."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Stopped, Transient
from jobs.core.model import Options, Scope
from jobs.engines.postgres import hold
from jobs.engines.postgres.conductor import PostgresConductor, conduct
from tests.servers.pg_run import Migration, Spy, assert_same, rows, work
from tests.support.servers import Database, FreshDatabase

SOURCE = """
create schema other; create table other.b (id int primary key);
create table a (id int primary key); insert into a select generate_series(1, 100);
create table p (id int) partition by list (id);
create table p1 partition of p for values in (1); create table p2 partition of p default;
"""


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    source, target = fresh_db(pg16), fresh_db(pg18)
    with source.connect() as connection:
        connection.execute(SOURCE)
    return Migration(source, target, Options(hold_source=True))


def refused(database: Database, statement: str) -> bool:
    """Whether a writer has to wait."""
    with database.connect() as other:
        other.execute("set lock_timeout = '300ms'")
        try:
            other.execute(statement.encode())
        except psycopg.errors.LockNotAvailable:
            return True
    return False


@contextmanager
def held(migration: Migration) -> Iterator[PostgresConductor]:
    with conduct(migration.asked(), migration.plan()) as conductor:
        conductor.hold(Spy())
        yield conductor


WRITES = ["insert into a values (1000)", "update other.b set id = 1", "insert into p values (1)", "truncate p2"]


def test_writers_wait_and_readers_go_on(migration: Migration) -> None:
    with held(migration) as conductor:
        assert conductor.holds()
        assert [w for w in WRITES if not refused(migration.source, w)] == []
        assert rows(migration.source, "select count(*) from a") == [(100,)]
    assert [w for w in WRITES if refused(migration.source, w)] == []


def test_released_in_the_middle_the_run_ends_at_its_snapshot(migration: Migration) -> None:
    with conduct(migration.asked(), migration.plan()) as conductor:
        conductor.hold(Spy())
        conductor.prepare(Spy())
        done = threading.Event()

        def write() -> None:
            with migration.source.connect() as other:
                other.execute("insert into a values (1000)")
            done.set()

        thread = threading.Thread(target=write)
        thread.start()
        assert not done.wait(0.5)
        assert conductor.release() is True
        assert done.wait(10)
        thread.join()
        assert conductor.release() is False
        assert not conductor.holds()
        work(migration.asked(), migration.plan())
        assert conductor.verdict().reasons == []
    assert rows(migration.target, "select count(*) from a") == [(100,)]


def test_a_lost_connection_is_noticed(migration: Migration) -> None:
    with held(migration) as conductor:
        with migration.source.connect() as other:
            other.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where application_name like 'ferrybot hold%'"
            )
        assert not conductor.holds()
        assert not refused(migration.source, "insert into a values (1000)")


def test_a_killed_conductor_lets_writers_through(migration: Migration) -> None:
    """The process takes the hold, says so, and is killed without a chance to clean up."""
    code = (
        "import json, sys\n"
        "from tests.servers.doomed import endpoint\n"
        "from jobs.core.plan import MigrationPlan\n"
        "from jobs.engines.postgres.conductor import conduct\n"
        "from jobs.ports.engine import Asked\n"
        "from tests.servers.pg_run import Spy\n"
        "order = json.loads(sys.stdin.readline())\n"
        "plan = MigrationPlan.model_validate_json(order['plan'])\n"
        "asked = Asked(plan.migration, endpoint(order['source']), endpoint(order['target']), plan.options)\n"
        "with conduct(asked, plan) as conductor:\n"
        "    conductor.hold(Spy())\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    asked, plan = migration.asked(), migration.plan()
    ends = {
        side: {
            "host": e.host,
            "port": e.port,
            "database": e.database,
            "user": e.user,
            "password": e.password.get_secret_value(),
        }
        for side, e in (("source", asked.source), ("target", asked.target))
    }
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin and child.stdout
    try:
        child.stdin.write(json.dumps({"plan": plan.model_dump_json(), **ends}) + "\n")
        child.stdin.flush()
        assert child.stdout.readline() == "held\n"
        assert refused(migration.source, "insert into a values (1000)")
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        with migration.source.connect() as other:
            other.execute("set lock_timeout = '10s'; insert into a values (1000)")
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()
    with held(migration) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
        assert conductor.verdict().reasons == []
    assert_same(migration.source, migration.target)


def test_who_is_in_the_way_is_told_and_nothing_is_held(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "LOCK_SECONDS", 1)
    monkeypatch.setattr(hold, "TRIES", 2)
    spy = Spy()
    with (
        conduct(migration.asked(), migration.plan()) as conductor,
        migration.source.connect(application_name="nightly <import>") as writer,
        writer.transaction(),
    ):
        pid = str(writer.info.backend_pid)
        writer.execute("update other.b set id = 4711 where id = 4711")
        with pytest.raises(Transient, match="nightly <import>") as caught:
            conductor.hold(spy)
        assert not conductor.holds()
        assert not refused(migration.source, "insert into a values (1000)")
    assert "nightly" in spy.notes[0] and pid in spy.notes[0]
    assert "4711" not in spy.notes[0] + caught.value.what


def test_a_stop_is_heard_while_the_lock_is_waited_for(migration: Migration) -> None:
    def stop() -> None:
        with migration.source.connect() as other:
            waiting = other.execute("select 1 from pg_locks where not granted").fetchone()
        if waiting:
            raise Stopped("enough")

    with (
        conduct(migration.asked(), migration.plan()) as conductor,
        migration.source.connect() as writer,
        writer.transaction(),
    ):
        writer.execute("insert into a values (2000)")
        with pytest.raises(Stopped):
            conductor.hold(Spy(stop=stop))
        assert not refused(migration.source, "insert into other.b values (1)")


def test_the_first_writer_of_a_circle_is_not_waited_for_for_ever(migration: Migration) -> None:
    """A writer that takes our tables in the other order: one of the two steps back, and the hold is had."""
    with conduct(migration.asked(), migration.plan()) as conductor, migration.source.connect() as writer:
        writer.execute("begin; insert into p values (1)")

        def cross() -> None:
            with suppress(psycopg.errors.DeadlockDetected):
                writer.execute("insert into other.b values (7)")
            writer.execute("commit")

        started: list[threading.Thread] = []

        def once() -> None:
            if not started:
                with migration.source.connect() as other:
                    waiting = other.execute("select 1 from pg_locks where not granted").fetchone()
                if waiting:
                    started.append(threading.Thread(target=cross))
                    started[0].start()

        conductor.hold(Spy(stop=once))
        assert conductor.holds()
        started[0].join()


def test_without_rows_to_move_there_is_nothing_to_hold(migration: Migration) -> None:
    migration.options = Options(hold_source=True, scope=Scope.schema_only)
    with held(migration) as conductor:
        assert not conductor.holds()
