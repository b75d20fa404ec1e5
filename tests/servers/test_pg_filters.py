"""Leaving tables, or only their rows, behind: what needs them is told in the plan, and the rest arrives whole."""

from __future__ import annotations

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.model import Options, blockers
from tests.servers.pg_run import ENGINE, Migration, contents, rows
from tests.support.inspection import judge
from tests.support.servers import FreshDatabase

SOURCE = """
create schema s; create schema other; create sequence other.numbers; create table other.gone (id int primary key);
create table s.a (id int primary key, n int default nextval('other.numbers'), v text);
create table s.b (id int primary key, a int references other.gone, c int references s.a);
create view s.v as select id from other.gone; create view s.vv as select id from s.v;
create materialized view s.m as select id from s.vv; create index on s.m (id);
create function other.f() returns trigger language plpgsql as 'begin return new; end';
create function s.of_rows(other.gone) returns int language sql as 'select 1';
create trigger t before insert on s.a for each row execute function other.f();
create table s.p (k int, v text) partition by list (k); create table s.p1 partition of s.p for values in (1);
create table s.p2 partition of s.p for values in (2); create table other.heavy (id int primary key, t text);
create materialized view s.of_heavy as select count(*) n from other.heavy;
insert into other.gone values (1); insert into s.a (id, v) values (1, 'x'); insert into s.b values (1, 1, 1);
insert into s.p values (1, 'a'), (2, 'b'); insert into other.heavy values (1, 'h'); refresh materialized view s.m;
"""


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    source, target = fresh_db(pg16), fresh_db(pg18)
    with source.connect() as connection:
        connection.execute(SOURCE)
    return Migration(source, target)


def there(migration: Migration) -> set[str]:
    query = "select c.oid::regclass::text from pg_class c where relnamespace::regnamespace::text in ('s', 'other')"
    return {name for (name,) in rows(migration.target, query + " and relkind in ('r', 'p', 'v', 'm', 'S')")}


def test_what_needs_a_left_out_table_is_in_the_plan_and_the_rest_arrives(migration: Migration) -> None:
    migration.options = Options(exclude=("other.gone",))
    assert blockers(list(judge(ENGINE.inspect(migration.asked())).values())) == []
    left_out = migration.plan().left_out
    for told in (
        "Foreign key b_a_fkey of s.b points to other.gone, which does not move.",
        "View s.v reads other.gone, which does not move.",
        "View s.vv reads s.v, which does not move.",
        "Materialized view s.m reads s.vv, which does not move.",
    ):
        assert told in left_out
    assert migration.run().reasons == []
    assert there(migration) == {"s.a", "s.b", "s.p", "s.p1", "s.p2", "s.of_heavy", "other.heavy", "other.numbers"}
    assert rows(migration.target, "select conname::text from pg_constraint where contype = 'f'") == [("b_c_fkey",)]
    assert rows(migration.target, "select count(*) from pg_trigger where not tgisinternal") == [(1,)]


def test_a_chosen_table_brings_the_sequence_and_the_functions_that_it_needs(migration: Migration) -> None:
    migration.options = Options(include=("s.a",))
    assert migration.run().reasons == []
    assert rows(migration.target, "insert into s.a (id) values (2) returning n") == [(2,)]


@pytest.mark.parametrize(("exclude", "kept"), [("s.p", set()), ("s.p1", {"s.p", "s.p2"})])
def test_a_left_out_parent_takes_its_partitions_along(migration: Migration, exclude: str, kept: set[str]) -> None:
    migration.options = Options(exclude=(exclude,))
    assert migration.run().reasons == []
    assert {name for name in there(migration) if name.startswith("s.p")} == kept


def test_a_table_without_its_rows(migration: Migration) -> None:
    migration.options = Options(exclude_data=("other.heavy", "s.p"))
    plan = migration.plan()
    assert "Rows of these tables stay behind, as asked for: other.heavy, s.p1, s.p2." in plan.left_out
    assert "Materialized view s.of_heavy is filled without rows of other.heavy, which stay behind." in plan.left_out
    verdict = migration.run(plan=plan)
    assert verdict.reasons == [] and len(verdict.proofs) == verdict.expected_tables == 3
    found = contents(migration.target, ["other.heavy", "s.p1", "s.p2", "s.a"])
    assert [len(lines) for lines in found.values()] == [0, 0, 0, 1]
    assert rows(migration.target, "select conname::text from pg_constraint where conname = 'heavy_pkey'")
