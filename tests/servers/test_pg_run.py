"""Whole runs between real servers, proven by queries of the tests' own."""

from __future__ import annotations

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Permanent, Stopped, Transient
from jobs.core.model import Options, Scope
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.lane import open_lane
from tests.servers.pg_run import (
    Migration,
    Spy,
    all_tables,
    assert_same,
    contents,
    drain,
    nothing_of_ours,
    rows,
    steps,
    work,
)
from tests.support.servers import Database, FreshDatabase, ShopDatabase

SMALL = """
create table a (id int primary key, x text);
insert into a select i, 'row ' || i from generate_series(1, 5000) i;
create table b (id bigint generated always as identity primary key, a int references a, y text unique);
insert into b (a, y) select i, 'y' || i from generate_series(1, 3000) i;
create index on b (a);
create view v as select a.x, b.y from a join b on b.a = a.id;
"""


@pytest.fixture
def shop(shop_db: ShopDatabase, fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    """The web shop on 16, and an empty database on 18 whose server knows its role."""
    source, target = shop_db(pg16), fresh_db(pg18)
    _role(target, "shop_app")
    return Migration(source, target)


def _server_wide(migration: Migration) -> list[list[tuple[object, ...]]]:
    """What any other session of either server would begin with."""
    asked = "select name, setting from pg_settings order by name"
    return [rows(Database(end.server, "postgres"), asked) for end in (migration.source, migration.target)]


def _role(database: Database, name: str) -> None:
    if not rows(database, "select 1 from pg_roles where rolname = %s", name):
        with database.connect() as connection:
            connection.execute(f"create role {name} nologin")


@pytest.fixture
def small(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    source, target = fresh_db(pg16), fresh_db(pg18)
    with source.connect() as connection:
        connection.execute(SMALL)
    return Migration(source, target)


def test_a_whole_shop_arrives_with_two_lanes(shop: Migration) -> None:
    before = _server_wide(shop)
    verdict = shop.run(lanes=2)
    assert verdict.reasons == []
    assert _server_wide(shop) == before, "only sessions are tuned"
    assert verdict.green and len(verdict.proofs) == verdict.expected_tables == len(all_tables(shop.source))
    assert_same(shop.source, shop.target)
    assert nothing_of_ours(shop.target)


def test_down_to_an_older_server(
    shop_db: ShopDatabase, fresh_db: FreshDatabase, pg18: PostgresServer, pg15: PostgresServer
) -> None:
    migration = Migration(shop_db(pg18), fresh_db(pg15))
    _role(migration.target, "shop_app")
    assert migration.run().reasons == []
    assert_same(migration.source, migration.target)


def test_from_debians_15_whose_columns_carry_a_private_option(
    shop_db: ShopDatabase, fresh_db: FreshDatabase, pg15: PostgresServer, pg16: PostgresServer
) -> None:
    migration = Migration(shop_db(pg15), fresh_db(pg16))
    _role(migration.target, "shop_app")
    private = "select exists (select from pg_attribute where attoptions::text like '%pg_attver=%')"
    with migration.source.connect() as source:  # 15.20 writes it of its own accord, 15.18 knows nothing of it
        source.execute(
            "set allow_system_table_mods = on; update pg_attribute set attoptions = array['pg_attver=1']"
            " where attrelid = 'catalog.product'::regclass and attnum = 2 and not"
            " coalesce(attoptions::text, '') like '%pg_attver=%'"
        )
    assert rows(migration.source, private) == [(True,)]
    assert migration.run().reasons == []
    assert rows(migration.target, private) == [(False,)]
    assert_same(migration.source, migration.target)


def test_schema_only_brings_no_row(shop: Migration) -> None:
    shop.options = Options(scope=Scope.schema_only)
    verdict = shop.run()
    assert verdict.reasons == []
    assert not any(found for found in contents(shop.target, all_tables(shop.target)).values())


def test_data_only_fills_tables_without_waking_triggers_and_keys(small: Migration, fresh_db: FreshDatabase) -> None:
    with small.target.connect() as target:
        target.execute(SMALL.replace("insert", "--").replace("select i", "--"))
        target.execute(
            "create table log (t text); create function noisy() returns trigger language plpgsql as"
            " $$begin insert into public.log values (tg_name); return new; end$$"
        )
        target.execute(
            "create trigger noisy before insert on b for each row execute function noisy();"
            "alter table b enable always trigger noisy; create rule quiet as on insert to a do also nothing"
        )
    small.options = Options(scope=Scope.data_only, exclude=("public.log",))
    verdict = small.run()
    assert verdict.reasons == []
    assert contents(small.source, ["public.a", "public.b"]) == contents(small.target, ["public.a", "public.b"])
    assert rows(small.target, "select count(*) from log") == [(0,)]
    assert rows(small.target, "select tgenabled::text from pg_trigger where tgname = 'noisy'") == [("A",)]


def test_data_only_refuses_a_table_with_rows(small: Migration) -> None:
    with small.target.connect() as target:
        target.execute(SMALL)
    small.options = Options(scope=Scope.data_only)
    with pytest.raises(Permanent, match="holds rows in the target"):
        small.run()


def test_left_out_tables_take_what_needs_them_along(small: Migration) -> None:
    small.options = Options(exclude=("public.a",))
    assert small.run().reasons == []
    assert all_tables(small.target) == ["public.b"]
    assert rows(small.target, "select 1 from pg_views where viewname = 'v'") == []


def test_a_lane_without_a_run_or_without_a_conductor_stops(small: Migration) -> None:
    asked, plan = small.asked(), small.plan()
    with pytest.raises(Stopped, match="No run"), open_lane(asked, plan):
        pass
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
    with pytest.raises(Stopped, match="conductor is gone"), open_lane(asked, plan):
        pass


def test_stopping_inside_a_copy_leaves_nothing_and_the_lane_in_order(small: Migration) -> None:
    with small.source.connect() as source:
        source.execute("insert into a select i, repeat('x', 200) from generate_series(10000, 60000) i; analyze")
    asked, plan = small.asked(), small.plan()

    def stop(moved: int) -> None:
        if moved:
            raise Stopped("a person asked")

    spy = Spy(moved=stop)
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as lane:
            task = steps(lane, lambda task: task.kind == "copy")
            with pytest.raises(Stopped, match="a person asked"):
                lane.perform(task, spy)
            lane.rollback(task, "stopped")
            assert rows(small.target, "select count(*) from a") == [(0,)]
            drain(lane, Spy())
        assert conductor.verdict().green
    assert_same(small.source, small.target)


def test_an_error_in_a_copy_names_table_and_line_but_no_value(small: Migration) -> None:
    plan = small.plan()
    with conduct(small.asked(), plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(small.asked(), plan) as lane:
            task = steps(lane, lambda task: task.kind == "copy")
            with small.target.connect() as target:
                target.execute("alter table a add check (x <> 'row 4999')")
            with pytest.raises(Permanent, match=r"Copying public\.a: check violation \(line \d+.*") as caught:
                lane.perform(task, Spy())
            lane.rollback(task, caught.value.what, fatal=True)
        tally = conductor.tally()
    assert tally.failed.startswith("Copying public.a") and "row 4999" not in str(caught.value.problem())


def test_orphans_make_the_verdict_red_at_the_key_alone_and_a_retry_ends_green(small: Migration) -> None:
    with small.source.connect() as source:
        source.execute(
            "set session_replication_role = replica; insert into b (a, y) values (999999, 'lost'), (999998, 'too')"
        )
    plan = small.plan()
    broken = "foreign key public.b.b_a_fkey: is NOT VALID on the target: 2 rows break it"
    assert small.run(plan=plan).reasons == [broken]
    with small.source.connect() as source:
        source.execute("delete from b where a > 900000")
    assert small.run(plan=plan).reasons == []
    assert_same(small.source, small.target)


def test_the_tally_counts_tables_rows_and_lanes(small: Migration) -> None:
    asked, plan = small.asked(), small.plan()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        first = conductor.tally()
        assert (first.phase, first.tasks_done, first.tables_total, first.lanes) == ("schema", 0, 2, 0)
        with open_lane(asked, plan):
            assert conductor.tally().lanes == 1
        work(asked, plan)
        last = conductor.tally()
        assert (last.tasks_done, last.tables_done, last.rows_done) == (last.tasks_total, 2, 8000)
        assert {line["table"] for line in conductor.report()} == {"public.a", "public.b"}


def large(migration: Migration) -> None:
    with migration.source.connect() as source:
        source.execute("insert into a select i, repeat('x', 1000) from generate_series(10000, 40000) i; analyze")


def test_a_target_that_refuses_the_first_row_is_heard_before_the_last(small: Migration) -> None:
    large(small)
    plan, spy = small.plan(), Spy()
    with conduct(small.asked(), plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(small.asked(), plan) as lane:
            task = steps(lane, lambda task: task.kind == "copy")
            with small.target.connect() as target:
                target.execute("alter table a add check (id > 1)")
            with pytest.raises(Permanent, match=r"check violation \(line 1, constraint a_id_check\)"):
                lane.perform(task, spy)
            lane.rollback(task)
    assert max((reached for *_, reached in spy.reports), default=0) < 20_000_000


CUT = """select pg_terminate_backend(pid, 5000) from pg_stat_activity
where application_name like 'ferrybot lane%%' and datname = %s"""


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_connection_lost_inside_a_copy_is_passing_and_the_lane_goes_on(small: Migration, side: str) -> None:
    large(small)
    plan, cuts = small.plan(), list[int]()
    lost = {"source": small.source, "target": small.target}[side]

    def cut(moved: int) -> None:
        if moved and not cuts:
            cuts.append(moved)
            rows(lost, CUT, lost.name)

    with conduct(small.asked(), plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(small.asked(), plan) as lane:
            task = steps(lane, lambda task: task.kind == "copy")
            with pytest.raises(Transient):
                lane.perform(task, Spy(moved=cut))
            lane.rollback(task, "lost")
            assert rows(small.target, "select attempts, error from ferrybot.task where id = %s", task.id) == [
                (1, "lost")
            ]
            drain(lane, Spy())
        assert conductor.verdict().reasons == []
    assert_same(small.source, small.target)


@pytest.mark.parametrize("change", ["create table c (id int)", "drop view v; drop table b"])
def test_tables_that_came_or_went_since_the_plan_are_refused(small: Migration, change: str) -> None:
    plan = small.plan()
    with small.source.connect() as source:
        source.execute(change)
    refused = pytest.raises(Permanent, match=r"not those of the plan any more: public\.[bc]$")
    with conduct(small.asked(), plan) as conductor, refused:
        conductor.prepare(Spy())
    assert nothing_of_ours(small.target)
