"""The hard cases that concern PostgreSQL, by number: a test here, or the name of the test that covers it wholly.

14 (a replication slot that waits) belongs to live migrations. Of 25, the disk that is full is played elsewhere, since
it takes a file system of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import FerrybotError, Permanent, Transient
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.estimate import need_bytes, wal_bytes
from jobs.engines.postgres.inventory import Side
from jobs.engines.postgres.lane import open_lane
from tests.servers.pg_run import ENGINE, Migration, Spy, assert_same, rows, steps, work
from tests.support.servers import FreshDatabase
from tests.support.tcp_proxy import Proxy

ELSEWHERE = {
    1: ["servers.test_pg_run_verdict::test_every_kind_of_difference_is_seen",
        "servers.test_pg_run_verdict::test_a_changed_row_makes_the_verdict_red"],
    2: ["servers.test_pg_run_edges::test_a_row_that_a_policy_hides_is_an_error_not_a_row_less"],
    3: ["contract.test_engine_ways::test_a_row_that_changed_on_the_target_is_found_named_and_repaired",
        "servers.test_pg_run_resume::test_a_source_that_changed_between_two_snapshots_is_followed"],
    4: ["servers.test_pg_run_resume::test_a_role_that_may_not_silence_triggers_resumes_exactly"],
    6: ["servers.test_pg_run::test_orphans_make_the_verdict_red_at_the_key_alone_and_a_retry_ends_green",
        "servers.test_pg_run_edges::test_structures_that_broke_other_tools"],
    7: ["servers.test_pg_everything::test_everything_arrives"],
    10: ["servers.test_pg_edges_of_a_run::test_rows_that_people_added_to_tables_of_extensions_arrive",
         "servers.test_pg_edges_of_a_run::test_an_extension_of_ones_own_is_created_and_filled"],
    11: ["servers.test_pg_run::test_down_to_an_older_server"],
    12: ["servers.test_pg_everything::test_everything_arrives"],
    20: ["servers.test_pg_everything::test_everything_arrives"],
    21: ["servers.test_pg_run_edges::test_values_at_the_edges_of_their_types",
         "servers.test_pg_stream::test_no_row_and_rows_larger_than_any_buffer",
         "servers.test_pg_huge_fields::test_what_is_too_long_as_text_is_refused_in_words"],
    22: ["servers.test_pg_run_resume::test_a_run_killed_at_random_moments_ends_exact",
         "servers.test_pg_run_resume::test_a_lane_that_outlived_its_conductor_cannot_commit",
         "story.test_kill::test_redis_stopped_and_started_in_the_middle",
         "story.test_kill::test_courier_killed_between_posting_and_remembering"],
    25: ["servers.test_disk::test_a_disk_that_is_full_stops_the_run_until_there_is_room"],
    29: ["servers.test_pg_run::test_from_debians_15_whose_columns_carry_a_private_option"],
}  # fmt: skip
HERE = {5, 8, 9, 13, 15, 24, 25, 30}

SOURCE = """
create table a (id int primary key, x text);
insert into a select i, repeat('row', 300) from generate_series(1, 9000) i;
create index a_x on a (left(x, 10), id);
create table b (id int generated always as identity (start 5) primary key, a int references a);
insert into b (a) select i from generate_series(1, 100) i; delete from b where id > 50;
create table fired (n int); create function fire() returns trigger language plpgsql as
    $$begin insert into public.fired values (1); return new; end$$;
create trigger t after insert on a for each row execute function fire(); alter table a enable always trigger t;
"""


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Iterator[Migration]:
    source, target = fresh_db(pg16), fresh_db(pg18)
    with source.connect() as connection:
        connection.execute(SOURCE)
    yield Migration(source, target)


def test_every_case_is_tested_somewhere() -> None:
    concerning = set(range(1, 14)) - {14} | {15, 20, 21, 22, 24, 25, 29, 30}
    assert set(ELSEWHERE) | HERE == concerning
    for names in ELSEWHERE.values():
        for name in names:
            module, _, function = name.partition("::")
            assert callable(getattr(importlib.import_module(f"tests.{module}"), function))
    numbers = {int(name.split("_")[2]) for name in globals() if name.startswith("test_case_")}
    assert numbers == HERE


def test_case_05_a_run_that_ended_among_its_indexes_has_them_all_in_the_end(migration: Migration) -> None:
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as lane:
            task = steps(lane, lambda task: task.kind == "index")
            lane.perform(task, Spy())  # never committed: the process is gone
    assert migration.run(plan=plan).reasons == []
    query = "select indexdef from pg_indexes where schemaname = 'public' order by 1"
    assert rows(migration.source, query) == rows(migration.target, query)


def test_case_08_a_sequence_goes_on_where_the_source_would(migration: Migration) -> None:
    assert migration.run().reasons == []
    insert = "insert into b (a) values (1) returning id"
    assert rows(migration.target, insert) == rows(migration.source, insert) == [(105,)]


def test_case_09_no_trigger_fires_not_even_one_that_is_always_enabled(migration: Migration) -> None:
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
    with migration.source.connect() as source:
        source.execute(
            "set session_replication_role = replica; alter table a disable trigger t; update a set x = 'y'"
        )
        source.execute("alter table a enable always trigger t")
    assert migration.run(plan=plan).reasons == []  # copied again, with the trigger there
    assert rows(migration.target, "select count(*) from fired") == [(0,)]
    assert_same(migration.source, migration.target)


def test_case_13_the_estimate_counts_the_wal_that_the_target_must_keep(migration: Migration) -> None:
    inventory = ENGINE.inspect(migration.asked())
    target = inventory.target

    def kept(archiving: bool) -> int:
        server = target.server.model_copy(update={"archiving": archiving, "max_wal_bytes": 1 << 20})
        side: Side = target.model_copy(update={"server": server})
        changed = inventory.model_copy(update={"target_side": side})
        assert need_bytes(changed) >= wal_bytes(changed)
        return wal_bytes(changed)

    assert kept(archiving=False) == 1 << 20 < kept(archiving=True)


def test_case_15_a_run_that_loaded_a_part_is_not_green(migration: Migration) -> None:
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as lane:
            lane.rollback(steps(lane, lambda task: task.kind == "verify"))
        verdict = conductor.verdict()
    assert not verdict.green
    assert any("is not done" in reason for reason in verdict.reasons)
    assert "3 tables were not compared" in verdict.reasons


def test_case_24_names_that_mean_something_elsewhere_are_names_here(migration: Migration) -> None:
    with migration.source.connect() as source:
        source.execute("""create table "<!channel>" ("*bold*" int primary key, "<@U1|x>" text);
            insert into "<!channel>" values (1, '&lt;');
            create schema "`code`"; create table "`code`"."%s{}$1" (i int)""")
    assert migration.run(lanes=2).reasons == []
    assert_same(migration.source, migration.target)


def test_case_25_a_connection_cut_in_the_middle_of_a_copy(migration: Migration) -> None:
    with Proxy(migration.source.server.port, limit=3_000_000) as proxy:
        asked = migration.asked()
        asked = replace(asked, source=replace(asked.source, port=proxy.port))
        plan = ENGINE.plan(asked, ENGINE.inspect(asked))
        with pytest.raises(Transient), conduct(asked, plan) as conductor:
            conductor.prepare(Spy())
            work(asked, plan)
            conductor.verdict()
        assert proxy.cuts == 1
        with conduct(asked, plan) as conductor:
            assert conductor.prepare(Spy())
            work(asked, plan, lanes=2)
            assert conductor.verdict().reasons == []
    assert_same(migration.source, migration.target)


def test_case_25_credentials_that_are_rotated_in_the_middle(migration: Migration) -> None:
    def rotate(password: str) -> None:
        with migration.target.connect() as target:
            target.execute(f"alter role rotated superuser login password '{password}'")

    with migration.target.connect() as target:
        target.execute("create role rotated")
    rotate("first-secret")
    migration.user = ("rotated", "first-secret")
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as lane:
            task = steps(lane, lambda task: task.kind == "copy")
            rotate("second-secret")
            with pytest.raises(Permanent, match="password authentication failed") as refused, open_lane(asked, plan):
                pass
            assert "secret" not in str(refused.value.problem())
            lane.commit(task, lane.perform(task, Spy()))  # what is open stays open
    with pytest.raises(FerrybotError), conduct(asked, plan):
        pass
    migration.user = ("rotated", "second-secret")
    assert migration.run(plan=plan).reasons == []
    assert_same(migration.source, migration.target)


def test_case_30_views_do_not_cry_wolf_and_the_first_queries_have_statistics(migration: Migration) -> None:
    with migration.source.connect() as source:
        source.execute(
            "create view v as select string_agg(id::text, ',') from a; create materialized view m as select * from v"
        )
        source.execute(
            "delete from a where id % 3 = 0 and id > 200;"
            "insert into a select i, '' from generate_series(20000, 20050) i"
        )
    assert migration.run(lanes=2).reasons == []
    query = "select count(*) from pg_stats where schemaname = 'public' and tablename in ('a', 'b', 'm')"
    assert rows(migration.target, query) == [(5,)]
    assert rows(migration.target, "select reltuples > 0 from pg_class where relname = 'a'") == [(True,)]
