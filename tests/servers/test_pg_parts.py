"""Large tables in parts: exact in one go, after changes, and after kills."""

from __future__ import annotations

import random
import signal

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core import chunks
from jobs.core.model import Options, Scope
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.lane import open_lane
from tests.servers.pg_run import Migration, Spy, assert_same, doomed, rows, steps, work
from tests.support.servers import FreshDatabase

SOURCE = """
create table big (id bigint primary key, filler text, doubled bigint generated always as (id * 2) stored);
create table keyless (v text, at timestamptz);
create table other (id int primary key);
create index on big (filler) where id < 10;
create function noisy() returns trigger language plpgsql as $$begin raise 'noisy'; end$$;
create trigger noisy after insert or delete on big execute function noisy();
alter table big enable always trigger noisy; alter table big disable trigger noisy;
insert into big select i, repeat(md5(i::text), 10) from generate_series(1, 20000) i;
insert into keyless select repeat(md5(i::text), 10), now() from generate_series(1, 20000) i;
insert into keyless select * from keyless limit 100;
insert into other select generate_series(1, 100);
alter table big enable always trigger noisy;
analyze;
"""
CHANGES = """
alter table big disable trigger noisy;
update big set filler = 'moved' where id % 5000 = 7;
delete from big where id between 300 and 320;
insert into big select i, 'new' from generate_series(30000, 30100) i;
alter table big enable always trigger noisy;
delete from keyless where ctid in (select ctid from keyless limit 5);
"""


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "LEAST_BYTES", 1 << 20)


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    source, target = fresh_db(pg16), fresh_db(pg18)
    with source.connect() as connection:
        connection.execute(SOURCE)
    return Migration(source, target, Options(parallelism=4))


def methods(migration: Migration) -> dict[str, list[str]]:
    """Table -> how each of its parts came, from the task table."""
    query = "select title, result -> 0 ->> 'method' from ferrybot.task where kind = 'copy' order by id"
    found: dict[str, list[str]] = {}
    for title, method in rows(migration.target, query):
        found.setdefault(title, []).append(method)
    return found


def test_parts_arrive_once_by_many_lanes(migration: Migration) -> None:
    with conduct(migration.asked(), plan := migration.plan()) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), plan, 3)
        assert conductor.verdict().reasons == []
        found = methods(migration)
        assert len(found["public.big"]) > 3 and len(found["public.keyless"]) > 3
        report = {line["table"]: line for line in conductor.report()}
        assert report["public.big"]["rows"] == 20000 and report["public.big"]["parts"] == len(found["public.big"])
        tally = conductor.tally()
        assert tally.tables_done == tally.tables_total == 3
        assert {name: count for name, count, *_ in tally.finished_tables}["public.keyless"] == 20100
    assert_same(migration.source, migration.target)


def test_only_parts_that_changed_are_copied_again(migration: Migration) -> None:
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), plan, 2)
    with migration.source.connect() as source:
        source.execute(CHANGES)
    with migration.target.connect() as target:
        target.execute("vacuum freeze big")
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), plan, 2)
        assert conductor.verdict().reasons == []
        found = methods(migration)
    assert_same(migration.source, migration.target)
    assert {"copy binary", "proven equal"} == set(found["public.big"]) == set(found["public.keyless"])
    assert found["public.keyless"].count("copy binary") == 1, "rows went from one part only"
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), plan, 2)
        assert set(methods(migration)["public.big"]) == {"proven equal"}, (
            "a part copied again is known by its new rows"
        )


def test_a_part_that_was_never_done_is_copied(migration: Migration) -> None:
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(migration.asked(), plan) as lane:
            for _ in range(3):
                task = steps(lane, lambda task: task.kind == "copy")
                lane.commit(task, lane.perform(task, Spy()))
    assert migration.run(plan=plan, lanes=2).reasons == []
    assert_same(migration.source, migration.target)


def test_rows_that_went_missing_in_the_target_come_again(migration: Migration) -> None:
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), plan, 2)
        with migration.target.connect() as target:
            target.execute("set session_replication_role = replica; alter table big disable trigger noisy")
            target.execute("delete from big where id = 5000; update big set filler = 'x' where id = 9000")
            target.execute("alter table big enable always trigger noisy")
    assert migration.run(plan=plan, lanes=2).reasons == []
    assert_same(migration.source, migration.target)


def test_killed_at_random_moments_parts_end_exact(migration: Migration) -> None:
    plan, random_ = migration.plan(), random.Random(20261122)
    kills = 0
    for _ in range(5):
        kills += doomed(migration, plan, random_.randint(5, 90)) == -signal.SIGKILL
        with migration.source.connect() as source:
            source.execute("alter table big disable trigger noisy")
            source.execute("update big set filler = filler || '+' where id = %s", [random_.randint(1, 20000)])
            source.execute("alter table big enable always trigger noisy")
    assert kills >= 3
    assert migration.run(plan=plan, lanes=2).reasons == []
    assert_same(migration.source, migration.target)


def test_data_only_refuses_rows_that_are_there_and_is_undone(migration: Migration) -> None:
    assert migration.run(lanes=2).green
    migration.options = Options(parallelism=4, scope=Scope.data_only)
    with migration.target.connect() as target:
        target.execute("alter table big disable trigger noisy; truncate big, keyless, other")
        target.execute("alter table big enable always trigger noisy")
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), plan, 2)
        assert conductor.verdict().reasons == []
        assert_same(migration.source, migration.target)
        conductor.undo(Spy())
    assert rows(migration.target, "select (select count(*) from big) + (select count(*) from keyless)") == [(0,)]
