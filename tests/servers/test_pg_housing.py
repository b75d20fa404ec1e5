"""Schemas that a target has for its extensions: used by a run, and found by whoever takes it back."""

from __future__ import annotations

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.model import Person
from jobs.core.verdict import Verdict, Waiver
from jobs.engines.postgres.conductor import conduct
from tests.servers.pg_run import Migration, Spy, assert_same, nothing_of_ours, rows
from tests.servers.test_pg_rollback import back, move, picture
from tests.support.driver import work
from tests.support.inspection import PASSWORD
from tests.support.servers import Database, FreshDatabase

HOUSE = 'create schema "Ext"; create extension vector schema "Ext"; '
SOURCE = f"""
{HOUSE}
alter schema "Ext" owner to housed; comment on schema "Ext" is 'the source''s';
grant usage on schema "Ext" to public; grant create on schema "Ext" to guest;
create table "Ext".t (id int primary key, v "Ext".vector(2)); insert into "Ext".t values (1, '[1,2]');
create function "Ext".f() returns text language sql as $$select 'create schema "Ext";'$$;
create table public.u (id int primary key references "Ext".t); insert into u values (1);
"""
THEIRS = f"""
{HOUSE}
comment on schema "Ext" is 'the target''s'; grant usage on schema "Ext" to pg_monitor;
"""
SAID = """
select pg_get_userbyid(nspowner), obj_description(oid, 'pg_namespace'), has_schema_privilege('guest', oid, 'create')
from pg_namespace where nspname = 'Ext'"""


def role(database: Database, name: str) -> None:
    if not rows(database, "select 1 from pg_roles where rolname = %s", name):
        with database.connect() as connection:
            connection.execute(f"create role {name}".encode())


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    source, target = fresh_db(pg16), fresh_db(pg18)
    for database in (source, target):
        role(database, "housed")
        role(database, "guest")
    return Migration(source, target)


def fill(migration: Migration, source: str, target: str) -> None:
    for database, statements in ((migration.source, source), (migration.target, target)):
        with database.connect() as connection:
            connection.execute(statements.encode())


def told(verdict: Verdict) -> set[tuple[str, str]]:
    return {(d.kind, d.name) for d in verdict.transformed if "stood on the target" in d.why}


def test_one_that_only_the_target_has_stays_as_it_is(migration: Migration) -> None:
    fill(migration, "create table u (id int primary key); insert into u values (1)", THEIRS)
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    assert_same(migration.source, migration.target)
    back(migration, plan, kept)
    assert picture(migration.target) == before
    assert nothing_of_ours(migration.target)


def test_one_that_both_have_becomes_the_sources_and_is_put_back(migration: Migration) -> None:
    fill(migration, SOURCE, THEIRS)
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    assert_same(migration.source, migration.target)
    assert rows(migration.target, SAID) == rows(migration.source, SAID) == [("housed", "the source's", True)]
    with migration.target.connect() as target:
        target.execute('create table "Ext".since (i int)')  # it does not stand in the way: its schema stays
    back(migration, plan, kept)
    with migration.target.connect() as target:
        target.execute('drop table "Ext".since')
    assert picture(migration.target) == before
    assert nothing_of_ours(migration.target)


def test_what_a_cancelled_run_said_of_one_is_taken_back(migration: Migration) -> None:
    fill(migration, SOURCE, THEIRS)
    before, plan = picture(migration.target), migration.plan()
    verdict = migration.run(plan=plan, finish=False)
    assert verdict.reasons == []
    assert told(verdict) == {("privilege", '"Ext"')}
    with conduct(migration.asked(), plan) as conductor:
        conductor.undo(Spy())
    assert picture(migration.target) == before


def test_grants_that_are_lacking_on_one_of_somebody_else_are_differences(migration: Migration) -> None:
    """Neither taken for agreed nor tried in vain; who waives them knows which."""
    given = 'grant usage on schema "Ext" to guest; comment on schema "Ext" is \'said\';'
    with migration.target.connect() as target:
        if not target.execute("select from pg_roles where rolname = 'tenant'").fetchone():
            target.execute(f"create role tenant login password '{PASSWORD.replace(chr(39), chr(39) * 2)}'".encode())
        target.execute(f"alter database {migration.target.name} owner to tenant".encode())
    migration.user = ("tenant", PASSWORD)
    migration.options = migration.options.model_copy(update={"keep_owners": False})
    fill(migration, HOUSE + given + "create table u (id int primary key)", HOUSE)
    warned = [f.message for f in migration.checks()["target_rights"].findings]
    assert len(warned) == 1 and "user tenant does not own it: owner" in warned[0]
    plan = migration.plan()
    with migration.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        verdict = conductor.verdict()
        assert {(d.kind, d.name) for d in verdict.differences} == {
            ("privilege", '"Ext"'),
            ("comment", 'schema "Ext"'),
        }
        waived = conductor.verdict([Waiver(key=d.key, by=Person(id="U1")) for d in verdict.differences])
        assert waived.reasons == []
