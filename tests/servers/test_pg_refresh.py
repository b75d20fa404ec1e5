"""Copying again what changed since the end: only that, exactly, and after any crash."""

from __future__ import annotations

import random
import signal

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Permanent
from jobs.core.model import Options, Person, Scope
from jobs.core.verdict import Waiver
from jobs.engines.postgres.conductor import conduct
from tests.servers.pg_run import Migration, Spy, assert_same, doomed, nothing_of_ours, rows, work
from tests.support.servers import FreshDatabase

KILLED = -signal.SIGKILL

SOURCE = """
create table parent (id int primary key, x text not null);
create table child (id int generated always as identity primary key, parent int not null references parent,
    note text);
create table loose (v numeric, at timestamptz);
create table made (id int primary key, v int, twice int generated always as (v * 2) stored);
create table still (n int);
create table big (id bigint primary key, filler text);
create index on child (parent); create sequence counter; select setval('counter', 42);
create materialized view sums as select parent, count(*) n from child group by parent;
create table log (t text);
create function noisy() returns trigger language plpgsql as
    $$begin insert into public.log values (tg_op); return null; end$$;
create trigger always_noisy after insert or delete or truncate on loose for each statement execute function noisy();
alter table loose enable always trigger always_noisy;
insert into parent select i, 'p' || i from generate_series(1, 200) i;
insert into child (parent, note) select i % 200 + 1, 'c' || i from generate_series(1, 2000) i;
insert into made (id, v) select i, i from generate_series(1, 50) i;
insert into still values (1), (null);
set session_replication_role = replica;
insert into loose select i / 7.0, now() from generate_series(1, 300) i;
insert into big select i, repeat(md5(i::text), 10) from generate_series(1, 20000) i;
select lo_from_bytea(5000, 'one'), lo_from_bytea(5001, 'two');
refresh materialized view sums; analyze;
"""

CHANGES = """
update parent set x = x || '!' where id % 50 = 0;
delete from child where parent = 7; insert into parent values (1000, 'new');
insert into child (parent) values (1000);
set session_replication_role = replica; truncate loose; insert into loose values ('NaN', 'infinity'); truncate log;
update made set v = -v where id = 3; select setval('counter', 99);
select lo_unlink(5000), lo_put(5001, 0, 'TWO'), lo_from_bytea(5002, 'three');
refresh materialized view sums;
"""


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    made = Migration(fresh_db(pg16), fresh_db(pg18))
    with made.source.connect() as connection:
        connection.execute(SOURCE)
    return made


def change(migration: Migration, text: str = CHANGES) -> None:
    with migration.source.connect() as connection:
        connection.execute(text.encode())


def assert_exact(migration: Migration) -> None:
    assert_same(migration.source, migration.target)
    for query in (
        "select * from sums order by 1",
        "select last_value, is_called from counter",
        "select last_value, is_called from child_id_seq",
        "select oid, lo_get(oid) from pg_largeobject_metadata order by 1",
        "select conname, convalidated from pg_constraint where contype = 'f'",
        "select tgenabled from pg_trigger where tgname = 'always_noisy'",
    ):
        assert rows(migration.source, query) == rows(migration.target, query), query
    assert nothing_of_ours(migration.target)


def test_only_what_changed_is_copied_again(migration: Migration) -> None:
    plan, asked = migration.plan(), migration.asked()
    assert migration.run(plan=plan).reasons == []
    change(migration)
    with conduct(asked, plan) as conductor:
        assert conductor.prepare(Spy(), refresh=True) is False
        work(asked, plan, 2)
        verdict = conductor.verdict()
        assert verdict.reasons == []
        methods = {line["table"].removeprefix("public."): line["method"] for line in conductor.report()}
        conductor.finish()
    assert methods == {
        "parent": "copy binary",
        "child": "copy binary",
        "loose": "copy binary",
        "log": "copy binary",
        "made": "copy binary",
        "still": "proven equal",
        "big": "proven equal",
    }
    assert_exact(migration)


def test_what_was_changed_in_the_target_is_overwritten(migration: Migration) -> None:
    plan = migration.plan()
    assert migration.run(plan=plan).green
    with migration.target.connect() as target:
        target.execute("truncate child, parent; update still set n = 5; select lo_from_bytea(7000, 'ours')")
    assert migration.run(plan=plan, refresh=True).reasons == []
    assert_exact(migration)


def test_a_refresh_killed_at_random_moments_ends_exact(migration: Migration) -> None:
    plan, random_ = migration.plan(), random.Random(4)
    assert migration.run(plan=plan).green
    change(migration)
    kills = 0
    for number in range(4):
        kills += doomed(migration, plan, random_.randint(1, 40), refresh=True) == KILLED
        change(migration, f"update big set filler = filler || '+' where id = {number + 1}")
    assert kills >= 2
    assert migration.run(plan=plan, refresh=True).reasons == []
    assert_exact(migration)


def test_a_changed_schema_is_refused_before_anything_is_touched(migration: Migration) -> None:
    plan = migration.plan()
    assert migration.run(plan=plan).green
    change(migration, "delete from child; alter table big add column more int")
    refused = pytest.raises(Permanent, match="schema changed")
    with conduct(migration.asked(), plan) as conductor, refused:
        conductor.prepare(Spy(), refresh=True)
    assert rows(migration.target, "select count(*) from child") == [(2000,)]
    assert nothing_of_ours(migration.target)


def test_a_changed_target_schema_is_a_difference(migration: Migration) -> None:
    plan = migration.plan()
    assert migration.run(plan=plan).green
    with migration.target.connect() as target:
        target.execute("create table more (id int)")
    verdict = migration.run(plan=plan, refresh=True)
    assert verdict.reasons == ["table public.more: unexpected on the target", *verdict.reasons[1:]]
    waivers = [Waiver(key=d.key, by=Person(id="U0ALICE")) for d in verdict.differences]
    assert migration.run(plan=plan, refresh=True, waivers=waivers).green


def test_a_role_that_may_not_silence_keys_refreshes_exactly(migration: Migration) -> None:
    with migration.target.connect() as target:
        name = migration.target.name
        target.execute(f"create role mover_{name} login password 'secret' in role pg_read_all_data")
        target.execute(f'alter database "{name}" owner to mover_{name}')
    migration.user = (f"mover_{migration.target.name}", "secret")
    migration.options = Options(keep_owners=False)
    plan = migration.plan()
    assert migration.run(plan=plan).reasons == []
    change(migration)
    assert migration.run(plan=plan, refresh=True).reasons == []
    assert_exact(migration)


def test_only_rows_are_refreshed_where_only_rows_were_moved(migration: Migration) -> None:
    with migration.target.connect() as target:
        target.execute(SOURCE.encode())
        target.execute("set session_replication_role = replica; truncate parent, child, loose, made, still, big")
        target.execute("truncate log")
        target.execute("create table theirs (n int); insert into theirs values (1)")
    migration.options = Options(scope=Scope.data_only, exclude=("public.theirs",))
    plan = migration.plan()
    assert migration.run(plan=plan).reasons == []
    change(migration)
    assert migration.run(plan=plan, refresh=True).reasons == []
    assert rows(migration.target, "select * from theirs") == [(1,)]
    query = "select id, parent, note from child order by id"
    assert rows(migration.source, query) == rows(migration.target, query)


GUARD = """
create function guard() returns event_trigger language plpgsql as $$begin raise exception 'no DDL here'; end$$;
create event trigger guard on ddl_command_start execute function guard(); alter event trigger guard enable always"""


def test_an_event_trigger_that_always_fires_stops_no_refresh(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    migration = Migration(fresh_db(pg16), fresh_db(pg16))
    with migration.source.connect() as source:
        source.execute(SOURCE.encode())
        source.execute("create materialized view more as select count(*) from still")
        source.execute(GUARD)
    plan = migration.plan()
    assert migration.run(plan=plan, lanes=2).reasons == []
    with migration.source.connect() as source:
        source.execute("alter event trigger guard disable")
    change(migration, CHANGES + "; alter event trigger guard enable always")
    assert migration.run(plan=plan, lanes=2, refresh=True).reasons == []
    assert_exact(migration)
    assert rows(migration.target, "select evtenabled from pg_event_trigger") == [("A",)]
