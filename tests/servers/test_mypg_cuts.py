"""Large tables without an integer key, one of them partitioned, between MariaDB and PostgreSQL: cut, killed, resumed,
overtaken, and exact."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core import chunks
from jobs.core.model import Options, Scope
from jobs.engines.mysql_postgres import locks
from jobs.engines.postgres import worktable
from tests.servers.mypg_run import Move, doomed, fresh_source, work
from tests.servers.pg_run import Spy, rows
from tests.support.servers import FreshDatabase

KILLED = -signal.SIGKILL

SOURCE = """
create table words (
    k varchar(60) collate utf8mb4_general_ci not null, at datetime(3) not null, filler varchar(400), f double,
    primary key (k, at)) partition by key (k) partitions 2;
insert into words select concat(if(seq % 3, 'Straße ', 'strasse '), md5(seq)), '2020-01-01' + interval seq second,
    repeat(md5(seq), 8), seq / 7 from seq_1_to_5000;
create table tenants (tenant tinyint not null, u uuid not null, filler varchar(400), unique key u (tenant, u));
insert into tenants select seq % 2, concat(left(md5(seq), 8), '-0000-4000-8000-', lpad(seq, 12, '0')),
    repeat(md5(seq), 10) from seq_1_to_5000;
"""

CHANGES = """
update words set filler = 'changed' where at = '2020-01-01 00:00:07';
update words set k = concat('zz', k) where at = '2020-01-01 00:50:00';
delete from words where at = '2020-01-01 01:05:00';
insert into words values ('aaa', '2030-01-01', 'new', 0.1);
"""


@pytest.fixture
def move(
    mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg18: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Move]:
    monkeypatch.setattr(chunks, "LEAST_BYTES", 1 << 19)
    monkeypatch.setattr(chunks, "HUGE_BYTES", 1 << 19)
    monkeypatch.setattr(locks, "CUT_BYTES", 1 << 19)
    with fresh_source(mariadb_server, SOURCE) as source:
        source.rows("analyze table words, tenants")
        yield Move(source, fresh_db(pg18), Options(parallelism=2))


def assert_exact(move: Move) -> None:
    """By queries of the tests' own: both sides' rows as text, in the order of their bytes."""
    for query in ("select k, at, filler, f * 7 from words", "select tenant, concat(u, ''), filler from tenants"):
        assert sorted(move.source.rows(query)) == sorted(rows(move.target, query)), query


def results(move: Move) -> list[dict[str, Any]]:
    with move.target.connect() as target:
        return [line for result in worktable.results(target, ["copy"]) for line in result]


def test_tables_with_keys_of_text_or_only_a_unique_one_travel_in_parts(move: Move) -> None:
    with move.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        parts = {line["table"].partition(".")[2]: line["parts"] for line in conductor.report()}
    assert parts["words"] > 2 and parts["tenants"] > 2
    # Each part is a range of the source's own order: none is empty, none holds most.
    found = [line["rows"] for line in results(move) if line["table"].endswith(".words")]
    assert sum(found) == 5000 and min(found) > 0 and max(found) < 3000
    assert_exact(move)


def test_only_parts_that_changed_are_copied_again(move: Move) -> None:
    plan = move.plan()
    with move.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
    move.source.execute(CHANGES)
    with move.target.connect() as target:  # what no part brought goes, before any is copied again
        target.execute("insert into words values ('nobody', '2031-01-01', 'x', 0)")
        target.execute("update words set filler = 'spoiled' where at = '2020-01-01 00:00:09'")
    with move.conductor(plan) as conductor:
        assert conductor.prepare(Spy()) is True
        work(conductor)
        assert conductor.verdict().reasons == []
    methods = [line["method"] for line in results(move) if line["table"].endswith(".tenants")]
    assert set(methods) == {"proven equal"} and len(methods) > 2
    assert "rows as text" in [line["method"] for line in results(move) if line["table"].endswith(".words")]
    assert_exact(move)


def test_a_run_in_such_parts_killed_at_random_moments_ends_exact(move: Move) -> None:
    plan, random_ = move.plan(), random.Random(20261122)
    kills = 0
    for number in range(4):
        kills += doomed(move, plan, random_.randint(5, 60)) == KILLED
        move.source.execute(f"update words set filler = '+' where at = '2020-01-01' + interval {number * 500} second")
    assert kills >= 3
    assert move.run(plan=plan).reasons == []
    assert_exact(move)


def test_a_refresh_of_such_tables_brings_what_changed(move: Move) -> None:
    plan = move.plan()
    assert move.run(plan=plan).green
    move.source.execute(CHANGES)
    with move.conductor(plan) as conductor:
        assert conductor.prepare(Spy(), refresh=True) is False
        work(conductor)
        assert conductor.verdict().reasons == []
        methods = {line["table"].partition(".")[2]: line["method"] for line in conductor.report()}
    assert methods == {"words": "rows as text", "tenants": "proven equal"}
    assert_exact(move)


def test_rows_alone_travel_in_such_parts_into_empty_tables(move: Move) -> None:
    move.options = Options(scope=Scope.schema_only, parallelism=2)
    assert move.run().green
    move.options = Options(scope=Scope.data_only, parallelism=2)
    assert move.run().reasons == []
    assert_exact(move)
