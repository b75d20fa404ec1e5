"""The census sees every difference that pg_dump could have carried, and no version's own spelling is one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.lane import open_lane
from tests.servers.pg_run import Migration, Spy, drain, rows
from tests.support.servers import FreshDatabase, PostgresPool

SOURCE = """
create schema s; create type s.pair as (x text collate "C", y int); create type s.later;
create type s.textrange as range (subtype = text, collation = "C", multirange_type_name = s.many_texts);
create domain s.word as text collate "C"; create extension vector schema s;
create function s.atomic(n int) returns int immutable begin atomic select n + 1; end;
create function s.old(n int) returns int language sql immutable as 'select n';
create aggregate s.agg (int) (sfunc = int4pl, stype = int, msfunc = int4pl, minvfunc = int4mi, mstype = int);
create access method heap_too type table handler heap_tableam_handler;
create table s.t (id int primary key, a int not null, b text, constraint named not null b);
create table s.of_pair of s.pair; create table s.parent (a int, b int); create table s.child (b int, a int);
alter table s.child inherit s.parent; create table s.stored (p s.parent);
create table s.other using heap_too as select 1 as one;
create index on s.t ((a + 1)); create sequence s.seq; create view s.v as select * from s.t;
create table s.p (k int) partition by list (k); create table s.p1 partition of s.p for values in (1);
create index whole on only s.p (k); create index part on s.p1 (k); alter index s.whole attach partition s.part;
create materialized view s.m as select * from s.t; create index on s.m (id);
create publication pub for table s.t (id, a) where (a > 0); create publication pub_schema for tables in schema s;
create statistics s.st on a, b from s.t; create operator s.<+> (leftarg = int, rightarg = int, function = int4pl);
create operator family s.fam using btree; create operator family s.empty using btree;
create operator class s.cl for type int using btree family s.fam as operator 1 <, operator 3 =,
    function 1 btint4cmp(int, int);
create conversion s.conv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create text search configuration s.conf (copy = simple); create text search template s.tmpl (lexize = dsimple_lexize);
create foreign data wrapper w; create server srv foreign data wrapper w; create collation s.col from "C";
create foreign table s.ft (x int options (c '1')) server srv options (o '1');
create event trigger et on sql_drop execute function s.ev()
"""

CHANGES = {
    "a function's body that is no text": (
        "create or replace function s.atomic(n int) returns int immutable begin atomic select n + 2; end",
        "routine s.atomic",
    ),
    "an aggregate's moving part": (
        "drop aggregate s.agg (int); create aggregate s.agg (int) (sfunc = int4pl, stype = int)",
        "aggregate s.agg",
    ),
    "a table's access method": ("alter table s.other set access method heap", "table s.other"),
    "the type of a table": ("alter table s.of_pair not of", "table s.of_pair"),
    "options of the overflow": ("alter table s.t set (toast.autovacuum_enabled = off)", "table s.t"),
    "a foreign table's options": ("alter foreign table s.ft options (set o '2')", "table s.ft"),
    "a foreign column's options": ("alter foreign table s.ft alter x options (set c '2')", "column s.ft.x"),
    "a foreign table's server": (
        "create server srv2 foreign data wrapper w; drop foreign table s.ft;"
        "create foreign table s.ft (x int options (c '1')) server srv2 options (o '1')",
        "table s.ft",
    ),
    "the order of columns": (
        "alter table s.parent drop column a, add column a int",
        "column order s.parent: source",
    ),
    "a view's default": ("alter view s.v alter a set default 1", "column s.v.a: unexpected"),
    "a materialized view's options": ("alter materialized view s.m set (fillfactor = 50)", "materialized view s.m"),
    "a materialized view's column": (
        "alter materialized view s.m alter b set storage external", "column s.m.b: source",
    ),
    "an index's statistics": ("alter index s.t_expr_idx alter column 1 set statistics 9", "index s.t_expr_idx"),
    "an index that is no part": (
        "drop index s.whole; create index whole on only s.p (k); create index part on s.p1 (k)",
        "index s.part",
    ),
    "a named NOT NULL": ("alter table s.t rename constraint named to other", "constraint s.t.named: missing"),
    "an unlogged sequence": ("alter sequence s.seq set unlogged", "sequence s.seq"),
    "a support function": ("alter function s.old(int) support generate_series_int4_support", "routine s.old"),
    "a domain's collation": (
        'drop domain s.word; create domain s.word as text collate "POSIX"', "type s.word",
    ),
    "a composite's collation": (
        'drop table s.of_pair; drop type s.pair; create type s.pair as (x text collate "POSIX", y int)',
        "type s.pair",
    ),
    "a range's multirange": (
        'drop type s.textrange; create type s.textrange as range (subtype = text, collation = "C")',
        "type s.textrange",
    ),
    "a shell type": ("drop type s.later", "type s.later: missing"),
    "an extension's schema": ("alter extension vector set schema public", "extension vector"),
    "what depends on an extension": (
        "alter function s.old(int) depends on extension vector", "dependency on an extension",
    ),
    "a publication's columns": ("alter publication pub set table s.t (id) where (a > 0)", "publication pub"),
    "a publication's rows": (
        "alter publication pub set table s.t (id, a) where (a > 1)", "publication pub",
    ),
    "a publication's schemas": ("alter publication pub_schema drop tables in schema s", "publication pub_schema"),
    "the target of statistics": ("alter statistics s.st set statistics 7", "statistics object s.st"),
    "an operator in a family": (
        "alter operator family s.fam using btree add operator 5 > (int, int)", "operator family s.fam",
    ),
    "the family of a class": (
        "drop operator class s.cl using btree; create operator class s.cl for type int using btree family s.empty"
        " as operator 1 <, operator 3 =, function 1 btint4cmp(int, int)",
        "operator class s.cl",
    ),
    "a default conversion": (
        "drop conversion s.conv; create default conversion s.conv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8",
        "conversion s.conv",
    ),
    "a template's function": (
        "drop text search template s.tmpl; create text search template s.tmpl (lexize = dispell_lexize)",
        "template s.tmpl",
    ),
    "an operator's owner": ("alter operator s.<+> (int, int) owner to pg_monitor", "owner operator"),
    "a collation's owner": ("alter collation s.col owner to pg_monitor", "owner collation s.col"),
    "a publication's owner": ("alter publication pub owner to pg_monitor", "owner publication pub"),
    "a server's owner": ("alter server srv owner to pg_monitor", "owner server srv"),
    "a server's grant": ("grant usage on foreign server srv to pg_monitor", "privilege server srv"),
    "a wrapper's grant": ("grant usage on foreign data wrapper w to pg_monitor", "privilege foreign-data wrapper w"),
}  # fmt: skip


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg18: PostgresServer) -> Migration:
    source = fresh_db(pg18)
    with source.connect() as connection:
        connection.execute(
            "create schema s; create function s.ev() returns event_trigger language plpgsql as 'begin end'"
        )
        connection.execute(SOURCE.replace("create schema s;", "", 1))
    return Migration(source, fresh_db(pg18))


def missed(migration: Migration, changes: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    """One run; each change in a transaction that is taken back after the verdict. Those that none of it names."""
    plan, asked, missed = migration.plan(), migration.asked(), {}
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as lane:
            drain(lane, Spy())
        verdict = conductor.verdict()
        assert verdict.reasons == []
        assert {d.name for d in verdict.transformed if d.kind == "column order"} <= {"s.child"}
        session = conductor._target
        for name, (change, expected) in changes.items():
            session.execute(
                "begin; set local session_replication_role = replica; set local client_min_messages = error"
            )
            session.execute(change)
            reasons = conductor.verdict().reasons
            session.execute("rollback")
            if not any(expected in reason for reason in reasons):
                missed[name] = reasons
    return missed


def test_what_only_a_dump_knows_is_compared_too(migration: Migration) -> None:
    assert missed(migration, CHANGES) == {}


OF_OTHERS = """
create extension unaccent; create extension postgres_fdw; create extension pg_stat_statements; create table t (i int);
grant usage on foreign data wrapper postgres_fdw to pg_monitor; revoke execute on function unaccent(text) from public;
grant select (query) on pg_stat_statements to pg_signal_backend;
grant execute on function pg_ls_waldir() to pg_signal_backend;
revoke execute on function pg_sleep(float8) from public; comment on schema public is 'ours';
grant create on schema public to pg_monitor; revoke usage on schema public from public
"""
CHANGES_OF_OTHERS = {
    "a wrapper's": (
        "revoke usage on foreign data wrapper postgres_fdw from pg_monitor",
        "foreign-data wrapper postgres_fdw: pg_monitor has no USAGE",
    ),
    "a member's": (
        "grant execute on function public.unaccent(text) to public",
        "function public.unaccent(pg_catalog.text): public has EXECUTE",
    ),
    "a member's column's": (
        "revoke select (query) on public.pg_stat_statements from pg_signal_backend",
        "pg_stat_statements.query: pg_signal_backend has no SELECT",
    ),
    "the server's": (
        "revoke execute on function pg_ls_waldir() from pg_signal_backend",
        "pg_ls_waldir(): pg_signal_backend has no EXECUTE",
    ),
    "taken from all": (
        "grant execute on function pg_sleep(float8) to public",
        "function pg_catalog.pg_sleep(double precision): public has EXECUTE",
    ),
    "a comment on public": ("comment on schema public is 'others'", "comment schema public: another"),
    "a grant on public": (
        "revoke create on schema public from pg_monitor",
        "privilege schema public: not so: pg_monitor=CREATE",
    ),
    "a right on public": (
        "grant usage on schema public to public",
        "privilege schema public: not so: no public=USAGE",
    ),
    "a member": ("alter extension unaccent drop function public.unaccent(text)", "member of an extension function"),
}


def test_grants_on_what_belongs_to_others_are_compared(fresh_db: FreshDatabase, pg15: PostgresServer) -> None:
    """Of extensions, of the server, and of schema public; what only the target has is its owner's affair."""
    migration = Migration(fresh_db(pg15), fresh_db(pg15))
    with migration.source.connect() as source, migration.target.connect() as target:
        source.execute(OF_OTHERS)
        target.execute("grant execute on function pg_ls_logdir() to pg_signal_backend")
        target.execute("grant create on schema public to pg_signal_backend")
    assert missed(migration, CHANGES_OF_OTHERS) == {}


def test_rows_stored_as_values_keep_a_wrong_order_of_columns_from_being_green(
    fresh_db: FreshDatabase, pg18: PostgresServer
) -> None:
    """`(1,2)` means another row when pg_dump makes inherited columns first; both sides show the same text."""
    migration = Migration(fresh_db(pg18), fresh_db(pg18))
    with migration.source.connect() as source:
        source.execute(
            "create table parent (a int, b int); create table child (b int, a int); alter table child inherit parent;"
            "create table stored (c child); insert into stored values ((1, 2))"
        )
    assert rows(migration.source, "select (c).a from stored") == [(2,)]
    assert [reason.partition(":")[0] for reason in migration.run().reasons] == ["column order public.child"]


def test_a_name_that_is_a_keyword_on_one_side_alone_arrives_and_is_no_difference(
    fresh_db: FreshDatabase, pg_server: PostgresPool
) -> None:
    """Unquoted, `system_user` is a function from 16 on, in a check just as well as in an index."""
    migration = Migration(fresh_db(pg_server.server(15)), fresh_db(pg_server.server(17)))
    with migration.source.connect() as source:
        source.execute(
            """create table json (json int primary key check (json > 0), "Odd ""json"" x" text default '"json"');
            create table refers (json_table int); insert into refers values (7);
            alter table refers add constraint "json_value" foreign key (json_table) references json (json) not valid;
            create table kw (system_user text check (system_user <> ''), g int generated always as
                (length(system_user)) stored, primary key (system_user)); create index on kw (lower(system_user));
            insert into kw values ('me');
            create index on json (abs(json)); comment on column json.json is 'a word';
            grant select (json) on json to public"""
        )
    verdict = migration.run(finish=False)
    assert [(d.kind, d.name) for d in verdict.differences] == []
    assert rows(migration.target, "select json_table from refers") == [(7,)]
    assert rows(migration.target, 'select "system_user", g from kw') == [("me", 2)]


def test_tables_that_inherit_are_analyzed_without_a_deadlock(fresh_db: FreshDatabase, pg18: PostgresServer) -> None:
    """From 18 on ANALYZE takes children along, which another lane may be at."""
    migration = Migration(fresh_db(pg18), fresh_db(pg18))
    with migration.source.connect() as source:
        source.execute(
            "create table mother (a int); create table daughter () inherits (mother); insert into daughter values (1)"
        )
    assert migration.run(finish=False).reasons == []
    query = "select t from ferrybot.task, jsonb_array_elements_text(payload -> 'sql') t where kind = 'analyze'"
    texts = [text for (text,) in rows(migration.target, query) if "mother" in text]
    with migration.target.connect() as other, migration.target.connect() as own, other.transaction():
        other.execute("lock table only daughter in share update exclusive mode")
        own.execute("set lock_timeout = '100ms'")
        for text in texts:
            own.execute(text)
    assert len(texts) == 1
