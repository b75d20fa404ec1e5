"""Killed, resumed, overtaken: a run ends exact, whatever was lost on the way (hard cases 3 and 22)."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Permanent, Stopped
from jobs.core.model import Options
from jobs.engines.postgres import worktable
from jobs.engines.postgres.conductor import PostgresConductor, conduct
from jobs.engines.postgres.lane import PostgresLane, open_lane
from tests.servers.pg_run import Migration, Spy, assert_same, doomed, drain, rows, steps, work
from tests.support.servers import FreshDatabase

KILLED = -signal.SIGKILL

SOURCE = """
create table parent (id int primary key, x text not null);
create table child (id int primary key, parent int not null references parent on delete cascade, note text);
create index on child (parent);
create table alone (v numeric, at timestamptz);
create table big (id bigint primary key, filler text);
create materialized view sums as select parent, count(*) n from child group by parent;
create table log (t text);
create table still (n int);
insert into still values (1), (null);
create function noisy() returns trigger language plpgsql as
    $$begin insert into public.log values (tg_name || ' ' || tg_op); return null; end$$;
create trigger always_noisy after insert or delete or truncate on alone for each statement execute function noisy();
alter table alone enable always trigger always_noisy;
create rule no_delete as on delete to child do instead nothing;
alter table child enable always rule no_delete;
insert into parent select i, 'p' || i from generate_series(1, 200) i;
insert into child select i, i % 200 + 1, 'c' || i from generate_series(1, 2000) i;
set session_replication_role = replica;
insert into alone select i / 7.0, now() from generate_series(1, 300) i;
insert into big select i, repeat(md5(i::text), 10) from generate_series(1, 20000) i;
create sequence counter; select setval('counter', 42);
select lo_from_bytea(0, decode(repeat('00ff41', 1000), 'hex'));
refresh materialized view sums; analyze;
"""

CHANGES = """
update parent set x = x || '!' where id % 50 = 0;
alter table child disable rule no_delete;
delete from child where parent = 200; delete from parent where id = 200;
alter table child enable always rule no_delete;
insert into parent values (1000, 'new'); insert into child values (5000, 1000, null);
set session_replication_role = replica; delete from alone where v < 3; insert into alone values ('NaN', 'infinity');
update big set filler = 'changed' where id = 777;
select setval('counter', 99); select lo_from_bytea(0, '\\x01'); refresh materialized view sums;
"""


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    source, target = fresh_db(pg16), fresh_db(pg18)
    with source.connect() as connection:
        connection.execute(SOURCE)
    return Migration(source, target)


def change(migration: Migration) -> None:
    with migration.source.connect() as connection:
        connection.execute(CHANGES)


def assert_exact(migration: Migration) -> None:
    assert_same(migration.source, migration.target)
    for query in (
        "select * from sums order by 1",
        "select last_value, is_called from counter",
        "select oid, md5(lo_get(oid)) from pg_largeobject_metadata order by 1",
    ):
        assert rows(migration.source, query) == rows(migration.target, query), query


def test_a_run_killed_at_random_moments_ends_exact(migration: Migration) -> None:
    plan, random_ = migration.plan(), random.Random(20261122)
    kills = 0
    for _ in range(5):
        kills += doomed(migration, plan, random_.randint(1, 60)) == KILLED
        change_one(migration, random_.randint(1, 20000))
    assert kills >= 3
    assert migration.run(plan=plan).reasons == []
    assert_exact(migration)


@contextmanager
def open_run(migration: Migration) -> Iterator[tuple[PostgresConductor, PostgresLane]]:
    """A prepared run and one lane of it."""
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(migration.asked(), plan) as lane:
            yield conductor, lane


def change_one(migration: Migration, row: int) -> None:
    with migration.source.connect() as connection:
        connection.execute("update big set filler = filler || '+' where id = %s", [row])


def test_a_killed_lane_gives_its_task_back(migration: Migration) -> None:
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(migration.asked(), plan) as lane:
            first = lane.claim()
            assert first
            lane.commit(first, lane.perform(first, Spy()))
            for at in (2, 5, 9):
                assert doomed(migration, plan, at, role="lane") == KILLED
            drain(lane, Spy())
        assert conductor.verdict().reasons == []
    assert_exact(migration)


def test_a_source_that_changed_between_two_snapshots_is_followed(migration: Migration) -> None:
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        assert conductor.prepare(Spy()) is False
        work(migration.asked(), plan, 2)
    change(migration)
    with conduct(migration.asked(), plan) as conductor:
        assert conductor.prepare(Spy()) is True
        work(migration.asked(), plan, 2)
        assert conductor.verdict().reasons == []
        methods = {line["table"]: line["method"] for line in conductor.report()}
    assert_exact(migration)
    assert methods == dict.fromkeys(
        ("public.parent", "public.child", "public.alone", "public.big", "public.log"), "copy binary"
    ) | {"public.still": "proven equal"}
    found = rows(
        migration.target,
        "select tgenabled::text from pg_trigger where tgname = 'always_noisy'"
        " union all select ev_enabled::text from pg_rewrite where rulename = 'no_delete'",
    )
    assert found == [("A",), ("A",)]


def test_a_lane_that_outlived_its_conductor_cannot_commit(migration: Migration) -> None:
    plan = migration.plan()
    with open_run(migration) as (first, lane):
        task = steps(lane, lambda task: task.kind == "copy")
        done = lane.perform(task, Spy())
        with migration.target.connect() as target:
            # The fence falls with its session; the lane's own session stays.
            worktable.close_epoch(target)
        with pytest.raises(Stopped, match="took over"):
            lane.commit(task, done)
        assert first is not None
    assert rows(migration.target, "select count(*) from big") == [(0,)]
    assert migration.run(plan=plan).green
    assert_exact(migration)


def test_a_new_conductor_ends_the_lanes_of_the_old(migration: Migration) -> None:
    plan = migration.plan()
    with open_run(migration) as (conductor, lane):
        task = steps(lane, lambda task: task.kind == "copy")
        done = lane.perform(task, Spy())
        conductor.close()
        assert migration.run(plan=plan).green
        with pytest.raises(Exception, match=r"terminating|lost|closed|ended|gone") as caught:
            lane.commit(task, done)
        assert type(caught.value).__module__ == "jobs.core.errors"
    assert_exact(migration)


def test_a_changed_schema_is_refused_by_name(migration: Migration) -> None:
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
    with migration.source.connect() as connection:
        connection.execute("alter table alone add column more int")
    changed = pytest.raises(Permanent, match=r"schema changed.*TABLE public\.alone")
    with conduct(migration.asked(), plan) as conductor, changed:
        conductor.prepare(Spy())


def test_nobody_can_empty_a_table_behind_the_snapshots_back(migration: Migration) -> None:
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        with migration.source.connect() as other:
            other.execute("set lock_timeout = '100ms'")
            with pytest.raises(Exception, match="lock timeout"):
                other.execute("truncate alone")


def test_a_role_that_may_not_silence_triggers_resumes_exactly(migration: Migration) -> None:
    with migration.target.connect() as target:
        name = migration.target.name
        target.execute(f"create role mover_{name} login password 'secret' in role pg_read_all_data")
        target.execute(f'alter database "{name}" owner to mover_{name}')
    migration.user = (f"mover_{migration.target.name}", "secret")
    migration.options = Options(keep_owners=False, exclude=("public.nothing",))
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), plan)
    change(migration)
    assert migration.run(plan=plan).reasons == []
    assert_exact(migration)
