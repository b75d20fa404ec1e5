"""Values and names at their edges, and structures that broke other tools (hard cases 6-12, 20, 21)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Permanent
from jobs.engines.postgres import worklist
from jobs.engines.postgres.conductor import conduct
from tests.servers.pg_run import Migration, Spy, all_tables, assert_same, endpoint, rows, work
from tests.support.servers import FreshDatabase

SQL = Path(__file__).with_name("sql")
VALUES = (SQL / "edge_values.sql").read_text()
STRUCTURES = (SQL / "edge_structures.sql").read_text()
"""Its lines run one after the other, since some of them end a transaction."""


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    return Migration(fresh_db(pg16), fresh_db(pg18))


def test_values_at_the_edges_of_their_types(migration: Migration) -> None:
    with migration.source.connect() as source:
        source.execute(VALUES)
    assert migration.run().reasons == []
    assert_same(migration.source, migration.target)


@pytest.mark.parametrize("direction", ["16 to 18", "18 to 15", "15 to 18"])
def test_structures_that_broke_other_tools(
    direction: str, fresh_db: FreshDatabase, pg15: PostgresServer, pg16: PostgresServer, pg18: PostgresServer
) -> None:
    servers = {"15": pg15, "16": pg16, "18": pg18}
    old, _, new = direction.partition(" to ")
    migration = Migration(fresh_db(servers[old]), fresh_db(servers[new]))
    with migration.source.connect() as source:
        for statement in STRUCTURES.split(";\n"):
            source.execute(statement)
    assert migration.run(lanes=2).reasons == []
    assert_same(migration.source, migration.target)
    assert len(all_tables(migration.target)) > 20
    same = (
        "select tgname::text, tgenabled::text from pg_trigger where not tgisinternal order by 1",
        "select conname::text, convalidated from pg_constraint where contype in ('f', 'c') order by 1",
        "select n from m_one union all select n from m_two",
        "select indisclustered from pg_index where indexrelid = 'by_key_pkey'::regclass",
    )
    for query in same:
        assert rows(migration.source, query) == rows(migration.target, query), query
    assert rows(migration.target, "select count(*) from fired_log") == [(0,)]


def test_many_small_tables_are_a_few_tasks(migration: Migration) -> None:
    with migration.source.connect() as source:
        for i in range(120):
            source.execute(f"create table t{i} (id int primary key, x text); insert into t{i} select 1, 'x'")
        # Its name is what the other's array type would be called, had they not been made in one transaction.
        source.execute("create table _t119 (id serial, x text)")
    assert migration.run(finish=False, lanes=2).reasons == []
    assert rows(migration.target, "select count(*) from ferrybot.task where kind = 'copy'") == [(3,)]
    made = rows(migration.target, "select payload::text from ferrybot.task where kind = 'schema' and phase = 10")
    sharing = sorted(text.count("CREATE TABLE") for (text,) in made if "CREATE TABLE" in text)
    assert len(sharing) == 2 and sharing[0] > 50, "the lanes make the tables side by side"
    assert_same(migration.source, migration.target)


def test_a_row_that_a_policy_hides_is_an_error_not_a_row_less(migration: Migration) -> None:
    with migration.source.connect() as source:
        source.execute("create table guarded (t text); insert into guarded values ('secret'), ('more')")
        source.execute("alter table guarded enable row level security, force row level security")
        source.execute("create policy half on guarded using (t = 'secret')")
        source.execute("create role reader login password 'secret' in role pg_read_all_data")
    plan, asked = migration.plan(), migration.asked()
    asked = replace(asked, source=endpoint(migration.source, "reader", "secret"))
    with conduct(asked, plan) as conductor, pytest.raises(Permanent, match=r"row.level security|row security"):
        conductor.prepare(Spy())
        work(asked, plan)


def test_large_keys_are_built_as_indexes_first(migration: Migration) -> None:
    with migration.source.connect() as source:
        source.execute(
            "create table large (id bigint primary key, u uuid unique default gen_random_uuid(), x int);"
            "insert into large (id, x) select i, i from generate_series(1, 60000) i; create index on large (x);"
            "alter table large cluster on large_pkey; analyze"
        )
    before, worklist.BIG_INDEX_BYTES = worklist.BIG_INDEX_BYTES, 1 << 20
    try:
        assert migration.run(lanes=2, finish=False).reasons == []
    finally:
        worklist.BIG_INDEX_BYTES = before
    assert rows(migration.target, "select count(*) from ferrybot.task where phase = 32") == [(2,)]
    sorted_ = "select count(*) from ferrybot.task where phase = 30 and (payload ->> 'sorted')::boolean"
    assert rows(migration.target, sorted_) == [(3,)]
    assert_same(migration.source, migration.target)
