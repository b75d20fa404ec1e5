"""Crashes, a source that goes on living, and what a red verdict says: every run ends exact or says why not."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from bot.sandbox.servers import MariaDbServer
from jobs.core import chunks
from jobs.core.errors import Permanent, Stopped
from jobs.core.model import Options, Scope
from jobs.engines.mysql import worktable
from jobs.engines.mysql.conductor import conduct
from tests.servers.mysql_run import (
    Migration,
    all_tables,
    assert_same,
    databases,
    definition,
    doomed,
    drain,
    nothing_of_ours,
    steps,
    work,
)
from tests.servers.pg_run import Spy

pytestmark = pytest.mark.servers

FLEET = (
    "create table big (id int auto_increment primary key, who varchar(40) unique, at datetime(6), what text)",
    "insert into big (who, at, what) select concat('who ', seq), '2020-01-01 00:00:00' + interval seq second,"
    " repeat(char(65 + seq % 26), 150) from seq_1_to_3000",
    "create table composite (tenant varchar(20) collate utf8mb4_general_ci, n smallint, body varchar(200),"
    " primary key (tenant, n))",
    "insert into composite select concat('Ä', seq % 7), seq, repeat('x', 150) from seq_1_to_2000",
    "create table small (id int primary key, big_id int, foreign key (big_id) references big (id))",
    "insert into small values (1, 1), (2, 2), (3, null)",
    "create table no_key (a int)",
    "insert into no_key values (1), (1), (2)",
    "create table log (n int auto_increment primary key)",
    "create trigger woken after insert on big for each row insert into log values (null)",
    "create trigger woken_too after delete on big for each row insert into log values (null)",
    "create view names as select who from big",
)


@pytest.fixture
def pair(mariadb_server: MariaDbServer) -> Iterator[Migration]:
    with databases(mariadb_server) as (source, target):
        source.run(*FLEET)
        source.run("analyze table big, composite")
        yield Migration(source, target, Options(parallelism=3))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "LEAST_BYTES", 64 << 10)


@pytest.mark.usefixtures("small_chunks")
def test_large_tables_travel_in_parts(pair: Migration) -> None:
    asked, plan = pair.asked(), pair.plan()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        tasks = [table for task in worktable.tasks(conductor._target, "copy") for table in task["tables"]]
        cut = [table["name"] for table in tasks if table["condition"]]
        assert cut.count("big") >= 3 and cut.count("composite") >= 2
        work(conductor)
        verdict = conductor.verdict()
        assert verdict.reasons == []
        # Each part is proven once, and not the whole table by each of its parts.
        counted = {proof.table.rpartition(".")[2]: (proof.source_rows, proof.target_rows) for proof in verdict.proofs}
        assert counted == {
            "big": (3000, 3000),
            "composite": (2000, 2000),
            "small": (3, 3),
            "no_key": (3, 3),
            "log": (0, 0),
        }
        assert {line["table"] for line in conductor.report() if line["parts"] > 1} == {
            f"{pair.source.name}.big",
            f"{pair.source.name}.composite",
        }
        conductor.finish()
    assert_same(pair.source, pair.target)


CHANGES = (
    "update big set what = 'changed' where id = 7",
    "delete from big where id between 100 and 150",
    "insert into big (who, at, what) values ('new', now(6), 'x')",
    "update big set id = 900000 where id = 8",
    # A unique value goes from a row of one part to a row of another.
    "update big set who = 'away' where id = 20",
    "update big set who = 'who 20' where id = 2900",
    "update composite set tenant = 'zz' where n = 5",
    "delete from no_key limit 1",
    "insert into small values (4, 900000)",
    "insert into composite values ('Ä3', 30000, '')",
)


@pytest.mark.kill
@pytest.mark.usefixtures("small_chunks")
def test_killed_at_any_moment_it_ends_exact(pair: Migration) -> None:
    plan, chance = pair.plan(), random.Random(7)
    killed = 0
    for change in CHANGES:
        status = doomed(pair, plan, at=chance.randrange(1, 90))
        killed += status == -9
        pair.source.run(change)
    assert killed >= len(CHANGES) - 2
    verdict = pair.run(plan=plan)
    assert verdict.reasons == []
    assert_same(pair.source, pair.target)
    # Nothing but a person's own rows: no trigger fired for rows that were copied.
    assert pair.source.rows("select count(*) from log") == pair.target.rows("select count(*) from log")
    assert len(pair.target.rows("select 1 from information_schema.triggers where trigger_schema = database()")) == 2
    assert nothing_of_ours(pair.target)


@pytest.mark.usefixtures("small_chunks")
def test_a_resumed_run_copies_only_what_changed(pair: Migration) -> None:
    plan = pair.plan()
    pair.run(plan=plan, finish=False)
    pair.source.run("update big set what = 'changed' where id = 7")
    with conduct(pair.asked(), plan) as conductor:
        assert conductor.prepare(Spy()) is True
        work(conductor)
        assert conductor.verdict().reasons == []
        lines = [line for result in worktable.results(conductor._target, "copy") for line in result]
    again = [line["table"] for line in lines if line["method"] != "proven equal"]
    assert again == [f"{pair.source.name}.big"]
    assert_same(pair.source, pair.target)


def test_a_spoiled_target_is_red_and_names_the_rows(pair: Migration) -> None:
    plan = pair.plan()
    with conduct(pair.asked(), plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            task = steps(lane, lambda task: task.kind == "analyze")
            lane.rollback(task)
        pair.target.run(
            "drop trigger woken",
            "drop trigger woken_too",
            "update big set what = 'spoiled' where id = 1234",
            "delete from big where id = 77",
            "insert into big (id, who) values (5000, 'mine')",
            "update composite set body = '' where n = 9",
            "delete from no_key where a = 2",
            "create table extra (a int)",
        )
        with conductor.lane() as lane:
            drain(lane, Spy())
        verdict = conductor.verdict()
    assert not verdict.green
    rows = {rows.table.split(".")[1]: rows for rows in verdict.rows}
    big = rows["big"]
    assert (big.missing, big.unexpected, big.changed, set(big.examples)) == (1, 1, 1, {"77", "5000", "1234"})
    assert rows["composite"].examples == ("Ä2, 9",)
    assert rows["no_key"].missing == 1
    assert {(d.kind, d.name) for d in verdict.differences} >= {
        ("table", "extra"),
        ("trigger", "woken"),
        ("trigger", "woken_too"),
    }


def test_undo_leaves_the_target_as_it_was_found(pair: Migration) -> None:
    pair.target.run(f"alter database {pair.target.name} character set latin1")
    before = pair.target.rows("select * from information_schema.schemata where schema_name = database()")
    plan = pair.plan()
    with conduct(pair.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert "removed" in conductor.undo(Spy())
        assert conductor.undo(Spy())
    assert all_tables(pair.target) == []
    assert nothing_of_ours(pair.target)
    assert pair.target.rows("select * from information_schema.schemata where schema_name = database()") == before


@pytest.mark.kill
def test_an_undo_that_is_killed_goes_on(pair: Migration) -> None:
    plan = pair.plan()
    pair.run(plan=plan, finish=False)
    assert [doomed(pair, plan, at, "undo") for at in (1, 3, 2)] == [-9, -9, -9]
    with conduct(pair.asked(), plan) as conductor:
        conductor.undo(Spy())
    assert all_tables(pair.target) == []
    assert nothing_of_ours(pair.target)


def test_rolled_back_after_the_end(pair: Migration) -> None:
    plan = pair.plan()
    with conduct(pair.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        kept = conductor.keepsake()
        conductor.finish()
        assert conductor.keepsake() == ""
        pair.target.run("alter table small add column mine int", "create table somebodys (a int)")
        with pytest.raises(Permanent, match="small"):
            conductor.roll_back(kept, Spy())
        assert len(all_tables(pair.target)) == 6
        pair.target.run("alter table small drop column mine")
        conductor.roll_back(kept, Spy())
        conductor.roll_back(kept, Spy())
    assert all_tables(pair.target) == ["somebodys"]


def test_somebody_elses_table_is_not_taken_for_ours(pair: Migration) -> None:
    plan = pair.plan()
    with conduct(pair.asked(), plan) as conductor:
        conductor.prepare(Spy())
        pair.target.run("create table small (mine int)", "insert into small values (42)")
        with pytest.raises(Permanent, match="did not make"):
            work(conductor)
        conductor.undo(Spy())
    assert pair.target.rows("select mine from small") == [(42,)]
    with conduct(pair.asked(), plan) as conductor, pytest.raises(Permanent, match="not empty: small"):
        conductor.prepare(Spy())


def test_a_lane_of_an_earlier_conductor_cannot_commit(pair: Migration) -> None:
    plan = pair.plan()
    with conduct(pair.asked(), plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            task = steps(lane, lambda task: task.kind == "copy")
            done = lane.perform(task, Spy())
            worktable.close_epoch(conductor._target)
            with pytest.raises(Stopped):
                lane.commit(task, done)
            with pytest.raises(Stopped):
                lane.claim()
    assert pair.target.rows("select count(*) from big") == [(0,)]


def test_rows_alone_into_tables_that_are_there(pair: Migration) -> None:
    pair.source.run("drop trigger woken", "drop trigger woken_too")
    for table in ("big", "composite", "small", "no_key", "log"):
        pair.target.run("set foreign_key_checks = 0", definition(pair.source, table))
    pair.options = Options(scope=Scope.data_only)
    plan = pair.plan()
    with conduct(pair.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        conductor.undo(Spy())
    assert pair.target.rows("select count(*) from big") == [(0,)]
    assert pair.run(plan=plan).green
    assert_same(pair.source, pair.target)
