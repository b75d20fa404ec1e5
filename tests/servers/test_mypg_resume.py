"""Killed, resumed, overtaken between MariaDB and PostgreSQL: a run ends exact, whatever was lost on the way."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator

import pytest

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core import chunks
from jobs.core.errors import Stopped, Transient
from jobs.core.model import Options
from jobs.engines.mysql_postgres import differing, locks
from jobs.engines.mysql_postgres.conductor import MySqlPostgresConductor
from jobs.engines.postgres import worktable
from tests.servers.mypg_run import Move, doomed, fresh_source, work
from tests.servers.pg_run import Spy, rows
from tests.support.servers import FreshDatabase
from tests.support.waiting import until

KILLED = -signal.SIGKILL

SOURCE = """
create table parent (id int primary key, x varchar(40) not null unique);
create table child (
    id int auto_increment primary key, parent int not null, note text, key (parent),
    constraint fk foreign key (parent) references parent (id));
create table big (id bigint not null, sub int not null, filler varchar(400), email varchar(60) unique,
    primary key (id, sub));
create table keyless (v decimal(20,5), j json);
insert into parent select seq, concat('p', seq) from seq_1_to_200;
insert into child (parent, note) select seq % 200 + 1, concat('c', seq) from seq_1_to_2000;
insert into big select cast(seq as signed) * 3 - 30000, 1, repeat(md5(seq), 10), concat(seq, '@x')
    from seq_1_to_20000;
insert into keyless select seq / 7, json_object('n', seq) from seq_1_to_300;
"""

CHANGES = """
update parent set x = concat(x, '!') where id % 50 = 0;
delete from child where parent = 200;
delete from parent where id = 200;
insert into parent values (1000, 'new');
insert into child (id, parent) values (5000, 1000);
delete from keyless where v < 3;
insert into keyless values (null, '{"n": null}');
update big set filler = 'changed' where id = 777 * 3 - 30000;
update big set email = 'moved' where id = -29997;
update big set email = '1@x' where id = 30000;
"""


@pytest.fixture
def move(
    mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg18: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Move]:
    monkeypatch.setattr(chunks, "LEAST_BYTES", 1 << 20)
    monkeypatch.setattr(locks, "CUT_BYTES", 1 << 20)
    with fresh_source(mariadb_server, SOURCE) as source:
        source.rows("analyze table big")
        yield Move(source, fresh_db(pg18), Options(parallelism=2))


def assert_exact(move: Move) -> None:
    """By queries of the tests' own: both sides' rows as text, in order."""
    for query in (
        "select id, x from parent order by 1",
        "select id, parent, note from child order by 1",
        "select id, sub, filler, email from big order by 1, 2",
        "select v from keyless order by v is null, v",
    ):
        assert move.source.rows(query) == rows(move.target, query), query
    ours = move.source.rows("select json_value(j, '$.n') from keyless order by v is null, v")
    theirs = rows(move.target, "select j ->> 'n' from keyless order by v is null, v")
    assert ours == theirs


def test_a_large_table_travels_in_ranges(move: Move) -> None:
    with move.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        parts = {line["table"].partition(".")[2]: line["parts"] for line in conductor.report()}
        proofs = [p["table"] for result in worktable.results(conductor._target, ["verify"]) for p in result]
        assert len(conductor.verdict().proofs) == 4
    assert parts["big"] > 3 and parts["parent"] == 1
    # Every lane proves a part of it; together they are one proof.
    assert sum(name.endswith(".big") for name in proofs) == parts["big"]
    assert_exact(move)


def test_a_run_killed_at_random_moments_ends_exact(move: Move) -> None:
    plan, random_ = move.plan(), random.Random(20261122)
    kills = 0
    for number in range(5):
        kills += doomed(move, plan, random_.randint(5, 80)) == KILLED
        move.source.execute(f"update big set filler = concat(filler, '+') where id = {number * 3000 - 29997}")
    assert kills >= 3
    assert move.run(plan=plan).reasons == []
    assert_exact(move)


def test_a_source_that_changed_between_two_snapshots_is_followed(move: Move) -> None:
    plan = move.plan()
    with move.conductor(plan) as conductor:
        assert conductor.prepare(Spy()) is False
        work(conductor)
    move.source.execute(CHANGES)
    with move.conductor(plan) as conductor:
        assert conductor.prepare(Spy()) is True
        work(conductor)
        assert conductor.verdict().reasons == []
    assert_exact(move)


def test_only_the_range_that_changed_is_copied_again(move: Move) -> None:
    plan = move.plan()
    with move.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
    move.source.execute("update big set filler = 'changed' where id = 777 * 3 - 30000")
    with move.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        results = worktable.results(conductor._target, ["copy"])
        assert conductor.verdict().green
    methods = [line["method"] for result in results for line in result if line["table"].endswith(".big")]
    assert methods.count("rows as text") == 1 and methods.count("proven equal") == len(methods) - 1 > 2
    assert_exact(move)


def test_a_lane_of_an_older_epoch_cannot_commit(move: Move) -> None:
    plan = move.plan()
    with move.conductor(plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            while (task := lane.claim()) and task.kind != "copy":
                lane.commit(task, lane.perform(task, Spy()))
            assert task
            done = lane.perform(task, Spy())
            with move.target.connect() as target:
                worktable.close_epoch(target)
            with pytest.raises(Stopped, match="took over"):
                lane.commit(task, done)
    assert move.run(plan=plan).green
    assert_exact(move)


def test_a_stop_in_the_middle_of_a_copy_leaves_nothing_of_it(move: Move) -> None:
    move.options = Options(parallelism=1)  # the table stays whole: several megabytes
    plan = move.plan()

    def stop() -> None:
        raise Stopped("enough")

    with move.conductor(plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            while (task := lane.claim()) and task.kind != "copy":
                lane.commit(task, lane.perform(task, Spy()))
            assert task
            spy = Spy()
            spy.moved = lambda moved: stop() if moved else None
            with pytest.raises(Stopped):
                lane.perform(task, spy)
            lane.rollback(task)
    assert rows(move.target, "select count(*) from big") == [(0,)]
    assert move.run(plan=plan).green
    assert_exact(move)


def test_a_killed_source_session_is_told_and_the_run_goes_on_with_a_new_snapshot(move: Move) -> None:
    plan = move.plan()
    with move.conductor(plan) as conductor:
        conductor.prepare(Spy())
        with pytest.raises(Transient), conductor.lane() as lane:
            while (task := lane.claim()) and task.kind != "copy":
                lane.commit(task, lane.perform(task, Spy()))
            assert task

            who = "select id from information_schema.processlist where db = database() and id <> connection_id()"
            for (session,) in move.source.rows(who):
                move.source.execute(f"kill {session}")

            try:
                lane.perform(task, Spy())
            except Transient as error:
                lane.rollback(task, error.what)
                raise
        with pytest.raises(Transient):
            conductor.tally()
        move.source.execute(CHANGES)
        assert conductor.prepare(Spy()) is True
        work(conductor)
        assert conductor.verdict().reasons == []
    assert_exact(move)


def test_the_rows_that_differ_are_named_by_their_keys(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differing, "FEW", 500)
    # What was last written in the snapshot's second may have come after it, and every table would be named.
    older = "select 1 from information_schema.tables where table_schema = database() having max(update_time) < now()"
    until(lambda: move.source.rows(older) or None, "a second has passed since the last write")
    with move.conductor() as conductor:
        conductor.prepare(Spy())
        while (task := _next(conductor)) != "verify":
            assert task
        with move.target.connect() as target:
            target.execute("set session_replication_role = replica")
            target.execute("update big set filler = 'spoiled' where id in (-29997, 777)")
            target.execute("delete from big where id = 30000; insert into big values (30001, 1, 'odd', 'odd')")
            target.execute("delete from keyless where v > 42.5; update parent set x = 'spoiled' where id = 7")
        work(conductor)
        verdict = conductor.verdict()
        move.source.execute("insert into keyless values (1, null)")
        later = conductor.verdict()
    told = {rows_.table.partition(".")[2]: rows_ for rows_ in verdict.rows}
    big = told["big"]
    assert (big.missing, big.unexpected, big.changed, big.at_least) == (1, 1, 2, False)
    assert big.key == ("id", "sub") and set(big.examples) == {"-29997,1", "30000,1", "30001,1", "777,1"}
    assert (told["parent"].changed, told["parent"].examples) == (1, ("7",))
    assert (told["keyless"].missing, told["keyless"].unexpected, told["keyless"].key) == (3, 0, ())
    assert verdict.written.nothing and not later.written.nothing
    assert [table.table for table in later.written.tables] == [f"{move.source.name}.keyless"]


def _next(conductor: MySqlPostgresConductor) -> str:
    """Does one task that is no proof; its kind, or `verify`."""
    with conductor.lane() as lane:
        task = lane.claim()
        assert task
        if task.kind == "verify":
            lane.rollback(task)
        else:
            lane.commit(task, lane.perform(task, Spy()))
        return task.kind
