"""Checks that foretell how a run ends, against the run itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bot.sandbox.servers import MariaDbServer
from jobs.core.errors import FerrybotError
from jobs.core.model import Severity, blockers
from jobs.engines.mysql.inspect import inspect
from jobs.ports.engine import Asked
from tests.servers.mysql_run import Migration, MysqlDatabase, assert_same
from tests.servers.test_mysql_checks import ASLEEP, FOREIGN, KEYS, OBJECTS, STRICT, WIDE, ZERO, T
from tests.support.my_inspection import MIGRATION, MyBench, asked, globally, judge


@pytest.fixture(scope="module")
def shared(mariadb_server: MariaDbServer) -> Iterator[MyBench]:
    bench = MyBench(mariadb_server, mariadb_server)
    yield bench
    bench.drop()


@pytest.fixture
def bench(shared: MyBench) -> Iterator[MyBench]:
    yield shared
    shared.fresh()


class Ours(Migration):
    """A migration between the bench's databases, as `Asked` has it."""

    made: Asked

    def asked(self) -> Asked:
        return self.made


def migration(bench: MyBench, **options: Any) -> Ours:
    ours = Ours(
        MysqlDatabase(bench.source.server, bench.source.name), MysqlDatabase(bench.target.server, bench.target.name)
    )
    ours.made = asked(bench.source.endpoint(), bench.target.endpoint(), **options)
    assert ours.made.migration == MIGRATION
    return ours


@pytest.mark.parametrize(
    ("check", "script", "on", "options"),
    [
        ("orphans", KEYS + ASLEEP, {}, {}),
        ("zero_dates", ZERO, {"sql_mode": STRICT}, {}),
        ("local_infile", T + "insert into t values (1, 'a''b\\\\'), (2, null);", {"local_infile": "0"}, {}),
        ("snapshot", "create table m (i int, v text) engine = myisam; insert into m values (1, 'x');", {}, {}),
        ("primary_keys", "create table b (i int, v varchar(9)); insert into b values (1, 'x'), (1, 'x');", {}, {}),
        ("definers", FOREIGN, {}, {"decisions": (("definer", "keep"),)}),
        ("definers", FOREIGN, {}, {"decisions": (("definer", "invoker"),)}),
        ("definers", FOREIGN, {}, {}),
        ("events", OBJECTS, {}, {}),
        ("filters", OBJECTS + KEYS, {}, {"exclude": ("*.t", "*.p")}),
        ("defaults", T, {}, {}),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_what_may_be_acknowledged_arrives(
    bench: MyBench, check: str, script: str, on: Mapping[str, str], options: dict[str, Any]
) -> None:
    bench.source.run(script)
    if check == "defaults":
        bench.target.run("alter database bench_target collate utf8mb4_bin")
    ours = migration(bench, **options)
    with globally(bench.target.server, on):
        found = judge(inspect(ours.asked()))
        assert found[check].severity in (Severity.warn, Severity.inform) and blockers(list(found.values())) == []
        verdict = ours.run()
    assert verdict.green, verdict.reasons
    if "exclude" not in options:
        assert_same(ours.source, ours.target)


def test_a_row_that_is_too_large_is_foretold(bench: MyBench) -> None:
    bench.source.run(WIDE)
    ours = migration(bench)
    assert judge(inspect(ours.asked()))["row_size"].severity is Severity.warn
    with pytest.raises(FerrybotError) as refused:
        ours.run()
    assert "too large" in refused.value.what.lower()
    with globally(bench.target.server, {"innodb_strict_mode": "0"}):
        bench.target.run("drop database bench_target; create database bench_target")
        assert ours.run().green
