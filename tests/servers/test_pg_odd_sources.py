"""Sources with settings, guards and tables that stop other tools: everything arrives all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Permanent
from jobs.core.model import Options
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.lane import open_lane
from tests.servers.pg_everything import described
from tests.servers.pg_run import Migration, Spy, assert_same, nothing_of_ours, rows, steps, work
from tests.support.servers import Database, FreshDatabase, database_with

IDLE = "idle_session_timeout = 700"
"""Milliseconds: a run is longer, and its fence is a session that waits."""
SETTINGS = (
    *("standard_conforming_strings = off", "escape_string_warning = off", "array_nulls = off"),
    *("transform_null_equals = on", "\"DateStyle\" = 'SQL, DMY'", "\"TimeZone\" = 'Asia/Kathmandu'"),
    *(
        "\"IntervalStyle\" = 'sql_standard'",
        "bytea_output = 'escape'",
        "extra_float_digits = -15",
        "xmlbinary = 'hex'",
    ),
    *(
        "quote_all_identifiers = on",
        "default_transaction_isolation = 'serializable'",
        "search_path = nowhere, helper",
    ),
    *("default_transaction_deferrable = on", "default_text_search_config = 'german'", "app.stamp = 'it''s'"),
)
SOURCE = r"""
create table t (id int primary key, p text default 'a\b''c' check (p <> 'x\y'), a text[] default '{NULL,"NULL"}',
    ts timestamptz default '2024-03-04 05:06:07+00', i interval default '1 mon -2 days 03:00',
    b bytea default '\x00ff5c27',
    f float8 default 0.1, g text generated always as (p || '\') stored, m money);
insert into t (id, m) values (1, 12.34);
insert into t (id, p, f, a) values (2, E'new\nline\\', 1e-310, array[null, 'NULL', '\']);
create index on t (replace(p, '\', '/')); create index partial on t ((p || '\')) where p <> '\n';
create view v as select 'a\b'::text as x from t where p like '%\_%'; comment on table t is 'c\d';
create function f(x text default 'q\w') returns text language sql as 'select ''\''::text || $1';
create type e as enum ('a\b', ''''); create domain d as text default '\' check (value <> '\\');
create table en (e e, d d); insert into en values ('a\b', '\'); create policy pol on t using (p <> '\');
create table parts (ts timestamptz) partition by range (ts);
create table parts_1 partition of parts for values from ('2024-01-01') to ('2025-01-01');
create trigger tr before update on t for each row when (new.p <> '\')
    execute function suppress_redundant_updates_trigger('\x');
create table mother (a int); create table daughter () inherits (mother); alter table daughter alter a set not null;
create table only_generated (g int generated always as (7) stored, h text generated always as ('x') stored);
insert into only_generated default values; insert into only_generated default values;
create schema helper; create table helper.h as select 42 as n;
create function by_path() returns int language plpgsql as 'begin return (select n from h); end';
set search_path = public, helper;
create materialized view m as select ts::text as a, ts::date::text as b, i::text as c, f::text as d, b::text as e,
    to_tsvector('Häuser')::text as s, current_setting('app.stamp', true) as x, by_path() as y from t;
create foreign data wrapper w options (z '1', a '2');
create server srv foreign data wrapper w options (z '1', b '2', a '3');
create user mapping for public server srv;
create foreign table ft (x int options (z '1', a '2')) server srv options (z '1', a '2');
"""
GUARD = """
create function guard() returns event_trigger language plpgsql as $$begin raise exception 'no DDL here'; end$$;
create event trigger guard on ddl_command_start execute function guard(); alter event trigger guard enable always;
comment on event trigger guard is 'always'"""

OF_THE_DATABASE = """revoke connect on database {db} from public; grant create on database {db} to pg_monitor;
comment on database {db} is 'ours'; alter database {db} connection limit 50"""


def configure(database: Database, settings: tuple[str, ...]) -> None:
    with database.connect() as connection:
        for setting in settings:
            connection.execute(f"alter database {database.name} set {setting}".encode())


def test_settings_of_a_database_change_nothing_that_arrives(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    migration = Migration(fresh_db(pg16), fresh_db(pg16))
    with migration.source.connect() as source:
        source.execute(SOURCE)
    configure(migration.source, (*SETTINGS, IDLE))
    configure(migration.target, ("transform_null_equals = on", IDLE))
    said = "Of the database itself these stay behind: comment, connection limit, grants, revoked grants."
    assert said not in migration.plan().left_out
    with migration.source.connect(options="-c idle_session_timeout=0") as source:
        source.execute(OF_THE_DATABASE.replace("{db}", migration.source.name))
        source.execute("set client_encoding = 'UTF8'; refresh materialized view public.m")
        source.execute(GUARD.replace("guard()", "public.guard()"))
    assert said in migration.plan().left_out
    assert migration.run(lanes=2).reasons == []
    assert nothing_of_ours(migration.target)
    assert_same(migration.source, migration.target)
    assert rows(migration.target, "select count(*) from public.only_generated") == [(2,)]
    filled = [rows(database, "table public.m") for database in (migration.source, migration.target)]
    assert filled[0] == filled[1], "as a session of the source sees it"
    ours, theirs = described(migration.source, same=True), described(migration.target, same=True)
    assert ours == theirs


ASCII = "encoding 'SQL_ASCII' locale 'C'"


def test_bytes_of_no_encoding_travel_as_they_are(pg16: PostgresServer) -> None:
    with database_with(pg16, "ascii_source", ASCII) as source, database_with(pg16, "ascii_target", ASCII) as target:
        with source.connect() as connection:
            connection.execute(
                r"""create table binary_way (id int, t text, c char(3)); create table text_way (t text, p point);
                insert into binary_way values (1, E'\xe9\xff', E'\xe9'), (2, 'ok', 'x');
                insert into text_way select t from binary_way; create index on binary_way (t)"""
            )
        assert Migration(source, target).run().reasons == []
        said = "select encode(t::bytea, 'hex') from binary_way union all select encode(t::bytea, 'hex') from text_way"
        assert rows(target, said) == rows(source, said) == [(b"e9ff",), (b"6f6b",)] * 2


NAMES = """
create table plain (id int primary key, v text); create index plain_v on plain (v); insert into plain values (1, 'x');
create function f(int) returns int language sql as 'select $1';
create domain watched as regclass; create type pair as (a int, what regclass);
create table notes (id int primary key, what regclass not null, many regclass[], how regprocedure, d watched, p pair);
create index notes_what on notes (what); create table more (what watched unique, note int references notes);
insert into notes values (1, 'plain_v', '{notes_what,plain_pkey}', 'f(int)', 'more_what_key', '(1,plain_v)'),
    (2, 'notes_pkey', null, 0, 4711, null), (3, 'notes', '{}', null, null, null);
insert into more values ('notes_what', 1), ('more_what_key', 2);
"""


def test_values_that_name_indexes_come_after_the_indexes(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    migration = Migration(fresh_db(pg16), fresh_db(pg16))
    with migration.source.connect() as source:
        source.execute(NAMES)
    plan = migration.plan()
    assert {t.name: t.method for t in plan.tables if "after" in t.method}.keys() == {"notes", "more"}
    steps = [step.name for step in plan.steps]
    assert steps.index("index") < steps.index("late") < steps.index("constraint")
    verdict = migration.run(lanes=2)
    assert verdict.reasons == [] and verdict.green
    assert_same(migration.source, migration.target)
    said = "select what::oid <> 0 and to_regclass(what::text) = what from notes where id = 1"
    assert rows(migration.target, said) == [(True,)]


@pytest.mark.parametrize("committed", [False, True])
def test_a_run_that_ended_among_values_that_name_indexes_ends_exact(
    fresh_db: FreshDatabase, pg16: PostgresServer, committed: bool
) -> None:
    migration = Migration(fresh_db(pg16), fresh_db(pg16))
    with migration.source.connect() as source:
        source.execute(NAMES)
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as lane:
            task = steps(lane, lambda task: task.phase == "late")
            result = lane.perform(task, Spy())
            if committed:
                lane.commit(task, result)
    with migration.source.connect() as source:
        source.execute("update notes set what = 'more_what_key' where id = 2; delete from notes where id = 3")
    assert migration.run(plan=plan, lanes=2).reasons == []
    assert_same(migration.source, migration.target)


def test_a_value_that_names_what_is_not_there_is_told_without_it(
    fresh_db: FreshDatabase, pg16: PostgresServer
) -> None:
    migration = Migration(fresh_db(pg16), fresh_db(pg16))
    with migration.source.connect() as source:
        source.execute(NAMES)
        source.execute("create materialized view mv as select 1 as a; create index on mv (a)")
        source.execute("insert into notes values (4, 'mv_a_idx')")
    with pytest.raises(Permanent) as caught:
        migration.run()
    assert caught.value.object == "public.notes" and "names an object that is not on the target" in caught.value.what
    assert "mv_a_idx" not in caught.value.what + caught.value.remedy and "line 4" in caught.value.what


DROPPED = """
create domain d as int default 9;
create table p1 (a varchar(10) default 'x', n numeric(5,2) default 1, d d default 5);
create table p2 (z int default 1); create table c () inherits (p1, p2); insert into p1 values ('y', 2, 3);
alter table c alter a drop default, alter n drop default, alter d drop default, alter z drop default;
create table pt (a varchar(5) default 'x') partition by list (a);
create table pt1 partition of pt for values in ('a');
alter table pt1 alter a drop default; create role {db}_g;
grant usage on language sql to {db}_g with grant option; revoke usage on language sql from public;
grant execute on function pg_ls_logdir() to {db}_g; revoke usage on type money from public;
"""


def test_what_pg_dump_says_otherwise_arrives_and_goes_again(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    migration = Migration(fresh_db(pg16), fresh_db(pg16))
    with migration.source.connect() as source:
        source.execute(DROPPED.replace("{db}", migration.source.name).encode())
    plan = migration.plan()
    granted = "select a::text from pg_language, aclexplode(coalesce(lanacl, acldefault('l', lanowner))) a" + (
        " where lanname = 'sql' order by 1"
    )
    before, wanted = (rows(database, granted) for database in (migration.target, migration.source))
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), plan)
        assert conductor.verdict().reasons == []
        said = "insert into c (z) values (1) returning a, n, d"
        assert rows(migration.target, said) == [(None, None, 9)], "the domain's own default is the column's"
        assert rows(migration.target, granted) == wanted != before
        conductor.undo(Spy())
    assert rows(migration.target, granted) == before


def test_a_restore_point_keeps_bytes_of_no_encoding(pg16: PostgresServer, tmp_path: Path) -> None:
    with database_with(pg16, "ascii_from", ASCII) as source, database_with(pg16, "ascii_kept", ASCII) as target:
        with source.connect() as connection:
            connection.execute("create table t (id int)")
        with target.connect() as connection:
            connection.execute(
                r"""create table was (t text); insert into was values (E'\xe9\xff');
                do $$begin execute format('comment on table was is %L', E'\xe9'); end$$"""
            )
        migration = Migration(source, target, Options(overwrite=True), restore_folder=str(tmp_path))
        plan = migration.plan()
        with conduct(migration.asked(), plan) as conductor:
            migration.restore_point = conductor.secure(Spy())
            conductor.prepare(Spy())
            work(migration.asked(), plan)
        assert rows(target, "select count(*) from pg_class where relname in ('t', 'was')") == [(1,)]
        with conduct(migration.asked(), plan) as conductor:
            assert "brought back" in conductor.undo(Spy())
        kept = "select encode(t::bytea, 'hex'), encode(obj_description('was'::regclass)::bytea, 'hex') from was"
        assert rows(target, kept) == [(b"e9ff", b"e9")]
