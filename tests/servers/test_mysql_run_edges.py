"""Names, accounts without rights, definers, collations, parts of a database, and what stops in the middle."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from bot.sandbox.servers import MariaDbServer
from jobs.core.errors import Stopped, Transient
from jobs.core.model import Options
from jobs.engines.mysql.conductor import conduct
from jobs.engines.mysql.session import living
from tests.servers.mysql_run import (
    ENGINE,
    Migration,
    all_tables,
    assert_same,
    databases,
    drain,
    steps,
    work,
)
from tests.servers.pg_run import Spy

pytestmark = pytest.mark.servers


@pytest.fixture
def pair(mariadb_server: MariaDbServer) -> Iterator[Migration]:
    with databases(mariadb_server) as (source, target):
        yield Migration(source, target)


@pytest.fixture
def owner(pair: Migration) -> Iterator[tuple[str, str]]:
    """An account that may do everything in the target and nothing else anywhere."""
    name, password = f"owner_{secrets.token_hex(3)}", secrets.token_hex(8)
    pair.target.run(
        f"create user {name} identified by '{password}'", f"grant all on `{pair.target.name}`.* to {name}"
    )
    yield name, password
    pair.target.run(f"drop user {name}")


ODD = [
    "a`b",
    "line\nbreak",
    "dot.ted",
    "Ünïcödé",
    "select",
    "per%cent %s",
    "quo'te\"s",
    "back\\slash",
    "x" * 64,
    "UPPER",
]


def test_names_may_hold_anything(pair: Migration) -> None:
    for number, name in enumerate(ODD):
        quoted = "`" + name.replace("`", "``") + "`"
        pair.source.run(
            f"create table {quoted} ({quoted} int auto_increment primary key, c int, key {quoted} (c),"
            f" constraint `c{number}` check (c > 0), constraint `fk{number}` foreign key (c) references {quoted}"
            f" ({quoted})) comment 'a `,` (b) \\' --'",
            f"insert into {quoted} (c) values (1), (1), (null)",
            f"create view `v {number}` as select {quoted} from {quoted}",
        )
    verdict = pair.run()
    assert verdict.reasons == []
    assert_same(pair.source, pair.target)
    assert dict(verdict.objects)["foreign key"] == len(ODD)


PROGRAMS = (
    "create table t (a int, b varchar(20) collate utf8mb4_unicode_ci)",
    "insert into t values (1, 'x')",
    "create definer = nobody@nowhere view v as select a from t",
    "create definer = nobody@nowhere procedure p() select 1",
    "create definer = nobody@nowhere function f() returns int deterministic return 1",
    "create definer = nobody@nowhere trigger g before insert on t for each row set new.a = 1",
    "create definer = nobody@nowhere event e on schedule every 1 hour do select 1",
)


@pytest.mark.parametrize("choice", ["target", "invoker"])
def test_definers_become_the_owner_of_the_target(pair: Migration, owner: tuple[str, str], choice: str) -> None:
    """Nothing but rights on the target's database is needed."""
    pair.source.run(*PROGRAMS)
    pair.user = owner
    pair.options = Options(decisions=(("definer", choice),))
    server = pair.target.server
    with server.connect().cursor() as cursor:
        cursor.execute("set global log_bin_trust_function_creators = 1")
    try:
        verdict = pair.run()
    finally:
        with server.connect().cursor() as cursor:
            cursor.execute("set global log_bin_trust_function_creators = 0")
    assert verdict.reasons == []
    assert {d.name for d in verdict.transformed} >= {"v", "p", "f", "g", "e"}
    assert all(d.why for d in verdict.transformed)
    found = pair.target.rows(
        "select definer, security_type from information_schema.views where table_schema = database() union all"
        " select definer, security_type from information_schema.routines where routine_schema = database()"
    )
    wanted = "INVOKER" if choice == "invoker" else "DEFINER"
    assert set(found) == {(f"{owner[0]}@%", wanted)}
    assert pair.target.rows("select status from information_schema.events where event_schema = database()") == [
        ("DISABLED",)
    ]


def test_kept_definers_stay(pair: Migration) -> None:
    pair.source.run(*PROGRAMS)
    pair.options = Options(decisions=(("definer", "keep"),))
    verdict = pair.run()
    assert verdict.reasons == []
    assert [d.name for d in verdict.transformed] == ["e"]
    assert pair.target.rows("select definer from information_schema.views where table_schema = database()") == [
        ("nobody@nowhere",)
    ]


def test_only_some_tables(pair: Migration) -> None:
    pair.source.run(
        "create table a (id int primary key)",
        "create table b (id int primary key, a_id int, key (a_id),"
        " constraint gone foreign key (a_id) references a (id))",
        "create view of_a as select * from a",
        "create view of_view as select * from of_a",
        "create view of_b as select * from b",
        "create trigger on_a before insert on a for each row set new.id = 1",
        "create trigger on_b before insert on b for each row set new.id = 1",
        "insert into a values (1)",
        "set foreign_key_checks = 0",
    )
    pair.options = Options(exclude=(f"{pair.source.name}.a",))
    verdict = pair.run()
    assert verdict.reasons == []
    assert all_tables(pair.target) == ["b"]
    found = pair.target.rows("select table_name from information_schema.views where table_schema = database()")
    assert found == [("of_b",)]


def test_a_lane_elsewhere_does_what_needs_the_target_alone(pair: Migration) -> None:
    pair.source.run("create table t (a int primary key)", "insert into t values (1)")
    asked, plan = pair.asked(), pair.plan()
    with pytest.raises(Stopped), ENGINE.lane(asked, plan):
        raise AssertionError
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            task = steps(lane, lambda task: task.kind == "analyze")
            lane.rollback(task)
            with ENGINE.lane(asked, plan) as other:
                assert drain(other, Spy()) == 1
            drain(lane, Spy())
        assert conductor.verdict().green


def test_stopped_in_the_middle_of_a_table_the_snapshot_stays(pair: Migration) -> None:
    pair.source.run(
        "create table wide (id int primary key, v varchar(1000))",
        "insert into wide select seq, repeat('x', 900) from seq_1_to_20000",
        "create table cells (id int primary key, v longblob)",
        "insert into cells select seq, repeat('x', 900) from seq_1_to_20000",
    )
    asked, plan = pair.asked(), pair.plan()

    def stop(_: int) -> None:
        raise Stopped("enough")

    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        for _ in range(2):
            with conductor.lane() as lane:
                task = steps(lane, lambda task: task.kind == "copy")
                with pytest.raises(Stopped):
                    lane.perform(task, Spy(moved=stop))
                lane.rollback(task)
        pair.source.run("delete from wide where id = 5")
        conductor.tally()
        work(conductor)
        verdict = conductor.verdict()
        assert verdict.reasons == []
        assert pair.target.rows("select count(*) from wide") == [(20000,)]


def test_stopped_when_every_row_is_sent_the_lane_can_go_on(pair: Migration) -> None:
    """The source has no more to say, but the target still waits for the end of its load."""
    pair.source.run("create table t (a int primary key, v longblob)", "insert into t values (1, 'x'), (2, null)")
    asked, plan = pair.asked(), pair.plan()

    def stop(_: int) -> None:
        raise Stopped("enough")

    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            task = steps(lane, lambda task: task.kind == "copy")
            with pytest.raises(Stopped):
                lane.perform(task, Spy(moved=stop))
            lane.rollback(task)
            drain(lane, Spy())
        assert conductor.verdict().reasons == []


@pytest.mark.parametrize("engine", ["MyISAM", "Aria"])
def test_engines_without_transactions_hold_no_row_twice(pair: Migration, engine: str) -> None:
    pair.source.run(
        f"create table t (id int, v varchar(1000), key (id)) engine = {engine}",
        "insert into t select seq, repeat('x', 900) from seq_1_to_3000",
    )
    asked, plan = pair.asked(), pair.plan()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            # Everything is in, and the lane dies before its mark.
            task = steps(lane, lambda task: task.kind == "copy")
            lane.perform(task, Spy())
    verdict = pair.run(plan=plan)
    assert verdict.reasons == []
    assert verdict.proofs[0].target_rows == 3000


def test_a_lost_reader_is_a_passing_fault(pair: Migration) -> None:
    pair.source.run("create table t (a int primary key)", "insert into t values (1)")
    asked, plan = pair.asked(), pair.plan()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            task = steps(lane, lambda task: task.kind == "copy")
            assert lane._reader is not None
            reader = lane._reader.thread_id()  # type: ignore[no-untyped-call]
            pair.source.run(f"kill {reader}")
            with pytest.raises(Transient):
                lane.perform(task, Spy())
            lane.rollback(task)
        with pytest.raises(Transient):
            conductor.tally()
    assert pair.run(plan=plan).green


def test_killed_sessions_of_a_lane_are_told_and_taken_up_again(pair: Migration) -> None:
    pair.source.run("create table t (a int primary key)", "insert into t values (1)")
    asked, plan = pair.asked(), pair.plan()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            task = steps(lane, lambda task: task.kind == "copy")
            for session in living(conductor._target, asked.target.database):
                pair.target.run(f"kill {session}")
            with pytest.raises(Transient):
                lane.perform(task, Spy())
            lane.rollback(task, "lost")
        work(conductor)
        assert conductor.verdict().green


def test_the_source_keeps_its_tables_while_they_are_read(pair: Migration) -> None:
    pair.source.run("create table t (a int primary key)", "insert into t values (1)")
    with conduct(pair.asked(), pair.plan()) as conductor:
        conductor.prepare(Spy())
        with pytest.raises(Exception, match="1205"):
            pair.source.run("set lock_wait_timeout = 1", "truncate table t")
        work(conductor)
        assert conductor.verdict().green
