"""Locks on the source: room for those of thousands of tables, and a stop that is heard while one is waited for."""

from __future__ import annotations

import time

import pytest

from jobs.core.errors import Stopped
from jobs.core.model import Severity
from jobs.engines.postgres.checks import locks
from jobs.engines.postgres.checks.base import look
from tests.servers.pg_run import ENGINE, Migration, Spy, assert_same, nothing_of_ours
from tests.support.servers import FreshDatabase, PostgresPool


@pytest.mark.parametrize(("tables", "severity"), [(200, None), (201, Severity.warn), (1401, Severity.block)])
def test_room_for_a_lock_on_every_table(
    tables: int, severity: Severity | None, pg_server: PostgresPool, fresh_db: FreshDatabase
) -> None:
    source, target = (
        fresh_db(pg_server.server(16, max_locks_per_transaction="10", max_connections="20")),
        fresh_db(pg_server.server(18)),
    )
    with source.connect() as connection:
        for start in range(0, tables, 50):
            names = range(start, min(tables, start + 50))
            connection.execute(";".join(f"create table t{n} (id int)" for n in names))
    migration = Migration(source, target)
    result = look(locks.CHECK, ENGINE.inspect(migration.asked()))
    assert result.severity is severity
    if severity is None:
        assert result.detail == "200 tables, room for 200 locks"
        assert migration.run(lanes=2).reasons == []
        assert_same(source, target)
    else:
        assert "ALTER SYSTEM SET max_locks_per_transaction = " in result.findings[0].remedy


def test_a_stop_is_heard_while_somebodys_ddl_is_waited_for(pg_server: PostgresPool, fresh_db: FreshDatabase) -> None:
    source, target = fresh_db(pg_server.server(16)), fresh_db(pg_server.server(18))
    waiting = "select count(*) from pg_locks where not granted"
    with source.connect() as ddl, source.connect() as looking:
        ddl.execute("create table a (id int primary key); insert into a values (1)")
        migration = Migration(source, target)
        plan = migration.plan()

        def stop() -> None:
            if looking.execute(waiting).fetchone() == (1,):
                raise Stopped("enough")

        with migration.conductor(plan) as conductor, ddl.transaction():
            ddl.execute("lock table a in access exclusive mode")
            began = time.monotonic()
            with pytest.raises(Stopped, match="enough"):
                conductor.prepare(Spy(stop=stop))
            assert time.monotonic() - began < 30, "a lock is waited for 60 s"
            assert looking.execute(waiting).fetchone() == (0,)
    assert nothing_of_ours(target)
    assert migration.run(plan=plan).reasons == []
