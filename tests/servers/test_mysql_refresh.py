"""Copying again what changed since, what the source says of its writes, and foreign keys that rows break."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from bot.sandbox.servers import MariaDbServer
from jobs.core.errors import Permanent
from jobs.core.model import Options
from jobs.engines.mysql.conductor import conduct
from tests.servers.mysql_run import (
    Migration,
    assert_same,
    databases,
    doomed,
    nothing_of_ours,
    steps,
    work,
)
from tests.servers.pg_run import Spy

pytestmark = pytest.mark.servers

SOURCE = (
    "create table parent (id int primary key, x text)",
    "create table child (id int auto_increment primary key, parent int, note text, key (parent),"
    " constraint of_parent foreign key (parent) references parent (id))",
    "create table loose (n double, at datetime)",
    "create table still (n int)",
    "create table big (id int auto_increment primary key, filler text)",
    "create table log (id int auto_increment primary key, what text)",
    "insert into parent select seq, concat('p', seq) from seq_1_to_200",
    "insert into child (parent, note) select 1 + seq % 200, concat('c', seq) from seq_1_to_2000",
    "insert into loose select seq / 7, '2020-01-01' from seq_1_to_300",
    "insert into still values (1), (null)",
    "insert into big (filler) select repeat(md5(seq), 10) from seq_1_to_5000",
    "create trigger noisy after insert on loose for each row insert into log (what) values ('in')",
    "create trigger noisy_too before delete on big for each row insert into log (what) values ('out')",
    "create sequence counter",
    "create view seen as select * from parent",
)
CHANGES = (
    "update parent set x = concat(x, '!') where id % 50 = 0",
    "delete from child where parent = 7",
    "insert into parent values (1000, 'new')",
    "insert into child (parent) values (1000)",
    "delete from loose where n < 20",
    "insert into loose values (-0e0, '0001-01-01')",
    "do nextval(counter)",
)


@pytest.fixture
def migration(mariadb_server: MariaDbServer) -> Iterator[Migration]:
    with databases(mariadb_server) as (source, target):
        source.run("set sql_mode = ''", *SOURCE)
        yield Migration(source, target, Options(parallelism=2))


def assert_exact(migration: Migration) -> None:
    assert_same(migration.source, migration.target)
    for query in (
        "select trigger_name, action_order, action_statement from information_schema.triggers"
        " where trigger_schema = database() order by 1",
        "select next_not_cached_value from counter",
        "select count(*) from log",
    ):
        assert migration.source.rows(query) == migration.target.rows(query), query
    assert nothing_of_ours(migration.target)


def test_only_what_changed_is_copied_again(migration: Migration) -> None:
    plan = migration.plan()
    assert migration.run(plan=plan).reasons == []
    migration.source.run(*CHANGES)
    with conduct(migration.asked(), plan) as conductor:
        assert conductor.prepare(Spy(), refresh=True) is False
        assert (
            migration.target.rows("select 1 from information_schema.triggers where trigger_schema = database()") == []
        )
        work(conductor)
        verdict = conductor.verdict()
        assert verdict.reasons == []
        methods = {line["table"].partition(".")[2]: line["method"] for line in conductor.report()}
        conductor.finish()
    assert {name for name, method in methods.items() if method == "proven equal"} == {"still", "big"}
    assert_exact(migration)


@pytest.mark.kill
def test_a_refresh_killed_at_random_moments_ends_exact(migration: Migration) -> None:
    plan, chance, killed = migration.plan(), random.Random(4), 0
    assert migration.run(plan=plan).green
    migration.source.run(*CHANGES)
    for number in range(4):
        status = doomed(migration, plan, chance.randint(5, 150), statements=True, refresh=True)
        killed += status == -9
        migration.source.run(f"update big set filler = concat(filler, '+') where id = {number + 1}")
    assert killed >= 3
    assert migration.run(plan=plan, refresh=True).reasons == []
    assert_exact(migration)


def test_a_refresh_that_is_cancelled_keeps_every_table_and_trigger(migration: Migration) -> None:
    plan = migration.plan()
    assert migration.run(plan=plan).green
    migration.source.run(*CHANGES)
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy(), refresh=True)
        with conductor.lane() as lane:
            steps(lane, lambda task: task.kind == "verify" or task.kind == "triggers")
    with conduct(migration.asked(), plan) as conductor:
        assert "Every table stays" in conductor.undo(Spy())
    assert nothing_of_ours(migration.target)
    found = migration.target.rows(
        "select count(*) from information_schema.triggers where trigger_schema = database()"
    )
    assert found == [(2,)]
    assert migration.run(plan=plan, refresh=True).reasons == []
    assert_exact(migration)


def test_a_changed_schema_or_somebody_elses_trigger_is_refused(migration: Migration) -> None:
    plan = migration.plan()
    assert migration.run(plan=plan).green
    migration.target.run("create trigger theirs before insert on still for each row set new.n = 1")
    with conduct(migration.asked(), plan) as conductor, pytest.raises(Permanent, match="did not make: theirs"):
        conductor.prepare(Spy(), refresh=True)
    migration.target.run("drop trigger theirs")
    migration.source.run("delete from child", "alter table big add column more int")
    with conduct(migration.asked(), plan) as conductor, pytest.raises(Permanent, match="schema changed"):
        conductor.prepare(Spy(), refresh=True)
    assert migration.target.rows("select count(*) from child") == [(2000,)]
    assert nothing_of_ours(migration.target)


def test_what_the_source_says_of_its_writes(migration: Migration) -> None:
    with conduct(migration.asked(), migration.plan()) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        quiet = conductor.verdict().written
        # Other databases of this server are written to: the target is one of them.
        assert quiet.since is not None and not quiet.nothing and not quiet.unknown
        migration.source.run("update parent set x = 'y' where id = 1", "insert into still values (5)")
        moved = conductor.verdict().written
    assert moved.some and not moved.counted and not moved.nothing
    assert {table.table.partition(".")[2] for table in moved.tables} >= {"parent", "still"}


def test_orphans_are_told_and_gone_when_they_are_mended(migration: Migration) -> None:
    migration.source.run(
        "set foreign_key_checks = 0", "insert into child (id, parent) values (9001, 777), (9002, 778)"
    )
    plan = migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        verdict = conductor.verdict()
        assert verdict.reasons == []
        (broken,) = verdict.broken_keys
        conductor.finish()
        assert (broken.name, broken.orphans, broken.stands) == ("child.of_parent", 2, True)
        assert set(broken.examples) == {"9001", "9002"}
        assert len(migration.target.rows(broken.find)) == 2
        migration.target.run("insert into parent values (777, 'found')")
        (left,) = conductor.revalidate([broken], Spy())
        assert (left.orphans, left.examples) == (1, ("9002",))
        migration.target.run("delete from child where id = 9002")
        assert conductor.revalidate([left], Spy()) == ()
