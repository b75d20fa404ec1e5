"""Was the source written to since the snapshot? Nothing is said for sure that is not."""

from __future__ import annotations

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.verdict import TableWritten, Written
from jobs.engines.postgres import written
from jobs.engines.postgres.conductor import conduct
from tests.servers.pg_run import Migration, Spy, work
from tests.support.servers import Database, FreshDatabase

SOURCE = """
create table a (id int primary key, x text); create table b (id int); create table stays (id int);
insert into a select i, 'x' from generate_series(1, 10) i; insert into b select generate_series(1, 5);
"""


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    made = Migration(fresh_db(pg16), fresh_db(pg18))
    write(made, SOURCE)
    return made


def write(migration: Migration, text: str) -> None:
    """Writes, and does not leave before the counters know of it."""
    with migration.source.connect() as connection:
        connection.execute(text.encode())
        connection.execute("select pg_stat_force_next_flush()")


def after(migration: Migration, text: str) -> Written:
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
        if text:
            write(migration, text)
        return conductor.verdict().written


def test_a_quiet_server_is_a_proof(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> None:
    # A server of its own: in one that others use, autovacuum writes when it likes.
    with PostgresServer(pg16.binaries, settings={"autovacuum": "off"}) as alone:
        quiet = Migration(Database(alone, "postgres"), fresh_db(pg18))
        write(quiet, SOURCE)
        found = after(quiet, "")
    assert found.nothing and not found.tables and not found.unknown and found.since is not None


def test_every_table_that_was_written_to_is_named(migration: Migration) -> None:
    change = (
        "insert into a values (11, 'y'), (12, 'y'); update a set x = 'z' where id < 4; delete from b where id = 1"
    )
    found = after(migration, change)
    assert not found.nothing and not found.unknown
    assert found.tables == (
        TableWritten(table="public.a", inserted=2, updated=3),
        TableWritten(table="public.b", deleted=1),
    )
    assert found.rows == 6


def test_somebody_who_is_still_writing_leaves_no_proof(migration: Migration) -> None:
    plan, asked = migration.plan(), migration.asked()
    with migration.source.connect(autocommit=False) as busy:
        busy.execute("insert into a values (100, 'open')")
        with conduct(asked, plan) as conductor:
            conductor.prepare(Spy())
            work(asked, plan)
            found = conductor.verdict().written
    assert (found.nothing, found.tables) == (False, ())


def test_reset_counters_are_not_believed(migration: Migration) -> None:
    found = after(migration, "insert into a values (13, 'y'); select pg_stat_reset()")
    assert (found.nothing, found.tables) == (False, ()) and "reset" in found.unknown


def test_a_resumed_run_counts_from_its_own_snapshot(migration: Migration) -> None:
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
    write(migration, "insert into a values (14, 'y')")
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
        write(migration, "delete from b where id = 2")
        verdict = conductor.verdict()
    assert verdict.green
    assert verdict.written.tables == (TableWritten(table="public.b", deleted=1),)


MARK = {
    "busy": False,
    "standby": False,
    "counting": True,
    "reset": None,
    "snapshot": "700:700:",
    "at": "2026-03-01 12:00:00+00",
    "tables": {"s.t": [5, 5, 5]},
}


@pytest.mark.parametrize(
    ("now", "unknown"),
    [
        ({"standby": True}, "standby"),
        ({"counting": False}, "track_counts"),
        ({"tables": {"s.t": [4, 5, 6]}}, "reset"),
        ({"reset": "2026-03-01 12:01:00+00"}, "reset"),
    ],
)
def test_what_nobody_can_tell_is_said(now: dict[str, object], unknown: str) -> None:
    found = written.between(MARK, {**MARK, "snapshot": "701:701:", **now})
    assert unknown in found.unknown and not found.nothing and not found.tables


def test_a_snapshot_with_somebody_in_it_proves_nothing() -> None:
    assert written.between(MARK, MARK).nothing
    assert not written.between(MARK, {**MARK, "busy": True}).nothing
    assert not written.between(MARK, {**MARK, "standby": True}).nothing
    assert not written.between(MARK, {**MARK, "snapshot": "701:701:"}).nothing
    assert written.between({}, MARK).unknown
