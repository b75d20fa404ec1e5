"""Thousands of tables: room for their locks is looked at before, and a run that fits works."""

from __future__ import annotations

import pytest

from jobs.core.model import Severity
from jobs.engines.postgres.checks import locks
from jobs.engines.postgres.checks.base import look
from tests.servers.pg_run import ENGINE, Migration, assert_same
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
