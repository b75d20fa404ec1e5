"""The plan on real servers: deterministic, of the schema that it names, with questions that only people answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.sandbox.servers import MariaDbServer
from jobs.core.model import Scope, Severity, blockers
from jobs.core.plan import MigrationPlan, difference
from jobs.core.questions import answer
from jobs.engines.mysql.facts import Consistency, Fact
from jobs.engines.mysql.flavour import parse
from jobs.engines.mysql.inspect import inspect
from jobs.engines.mysql.inventory import Inventory
from jobs.engines.mysql.plan import plan
from jobs.ports.engine import Asked
from tests.servers.mysql_run import Migration, MysqlDatabase, assert_same
from tests.servers.test_mysql_checks import FOREIGN, KEYS, OBJECTS, READER, T
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


def seen(bench: MyBench, **options: Any) -> Inventory:
    return inspect(asked(bench.source.endpoint(), bench.target.endpoint(), **options))


def planned(bench: MyBench, **options: Any) -> MigrationPlan:
    return plan(seen(bench, **options))


def test_the_same_facts_give_the_same_digest(bench: MyBench) -> None:
    bench.source.run(OBJECTS + KEYS + "create sequence s; create table n (id int auto_increment primary key);")
    first = planned(bench)
    bench.source.run(
        "insert into n values (), (); insert into t values (1, 'x'); select nextval(s); analyze table n, t, p, c"
    )
    again = planned(bench)
    assert (again.digest, again.schema_fingerprint) == (first.digest, first.schema_fingerprint)
    assert again.measures != first.measures or again.measures.table_rows == first.measures.table_rows
    assert [(s.name, s.count) for s in first.steps] == [
        ("schema", 4), ("copy", 4), ("index", 1), ("constraint", 1), ("sequence", 2), ("finish", 4), ("analyze", 4),
        ("verify", 4),
    ]  # fmt: skip
    assert {table.label for table in first.tables} == {f"bench_source.{name}" for name in "ctpn"}
    assert 0 < first.measures.seconds_low < first.measures.seconds_high and first.measures.need_bytes > 0
    assert first.source.dialect.value == first.target.dialect.value == "mariadb"


@pytest.mark.parametrize(
    "change",
    [
        "alter table t add column x int",
        "alter table t modify v varchar(21)",
        "alter table t alter v set default 'x'",
        "alter table t comment 'said'",
        "create index i on t (v)",
        "alter table t modify v varchar(20) collate utf8mb4_bin",
        "alter table c drop foreign key k",
        "create or replace view w as select id from t where id > 0",
        "create or replace trigger g before insert on t for each row set new.v = 'y'",
        "create or replace function f() returns int deterministic return 2",
        "alter event e on schedule every 2 day",
        "create table fresh (i int)",
    ],
)
def test_a_changed_schema_is_another_plan(bench: MyBench, change: str) -> None:
    bench.source.run(OBJECTS + KEYS)
    before = planned(bench)
    bench.source.run("set global log_bin_trust_function_creators = 1")
    bench.source.run(change)
    bench.source.run("set global log_bin_trust_function_creators = 0")
    after = planned(bench)
    assert after.digest != before.digest and difference(before, after)


def test_what_does_not_travel_is_said(bench: MyBench) -> None:
    bench.source.run(OBJECTS + KEYS + "create table rowless (id int primary key);")
    said = planned(bench, exclude=("*.t", "*.p"), exclude_data=("*.rowless",)).left_out
    assert [line.partition(":")[0] for line in said] == [
        "View w",
        "Foreign key k of c",
        "Accounts, their passwords and their grants",
        "The life of events",
        "Rows of rowless",
    ]
    assert "Rows: only" in planned(bench, scope=Scope.schema_only).left_out[-1]
    assert planned(bench, scope=Scope.data_only).left_out == ()
    tables = {t.name: t.rows_moved for t in planned(bench, exclude_data=("*.rowless",)).tables}
    assert tables == {"c": True, "p": True, "t": True, "rowless": False}


def test_the_snapshot_and_the_way_of_rows_are_said(bench: MyBench) -> None:
    bench.source.run(T)
    inventory = seen(bench)
    assert "one place in the source's binary log" in plan(inventory).snapshot
    said: dict[Consistency, str] = {"lock": "writers wait", "single": "one session", "gtid": "same transactions"}
    for how, words in said.items():
        other = replace(inventory, source_side=replace(inventory.source, consistency=Fact(how)))
        assert words in plan(other).snapshot and plan(other).digest != plan(inventory).digest
    assert plan(inventory).tables[0].method == "load stream"
    with globally(bench.target.server, {"local_infile": "0"}):
        assert planned(bench).tables[0].method == "inserts"


def test_questions(bench: MyBench) -> None:
    bench.source.run(FOREIGN + "create table u (v varchar(9) collate utf8mb4_uca1400_as_ci);")
    inventory = seen(bench)
    assert [q.key for q in plan(inventory).questions] == ["definer"]
    known = {"utf8mb4_0900_as_ci": "utf8mb4", "utf8mb4_0900_ai_ci": "utf8mb4", "utf8mb4_general_ci": "utf8mb4"}
    moved = replace(inventory, target_side=replace(inventory.target, collations=Fact(known)))
    definer, collation = plan(moved).questions
    assert (definer.default, {c.value for c in definer.choices}) == ("target", {"keep", "target", "invoker"})
    assert "gone@nowhere: view w" in definer.detail
    assert (collation.key, collation.default) == ("collation:utf8mb4_uca1400_as_ci", "utf8mb4_0900_as_ci")
    decided = inventory.options.model_copy(update={"decisions": (("definer", "keep"),)})
    kept = plan(replace(moved, options=decided))
    assert answer(definer, kept.options) == "keep" and kept.digest != plan(moved).digest
    assert any(line.startswith("Definers: gone@nowhere") for line in plan(moved).left_out)
    assert not any(line.startswith("Definers") for line in kept.left_out)
    assert (
        plan(replace(moved, options=inventory.options.model_copy(update={"scope": Scope.data_only}))).questions == ()
    )


def test_definers_that_exist_are_kept_where_that_is_allowed(bench: MyBench) -> None:
    bench.source.run(OBJECTS.replace("create view", "create definer = root@localhost view"))
    (asked_of,) = planned(bench).questions
    assert asked_of.default == "keep"
    bench.user(bench.target, "weak", "grant all on {db}.* to {to};")
    weak = inspect(asked(bench.source.endpoint(), bench.target.endpoint("weak")))
    gone = seen(bench)
    gone = replace(gone, target_side=replace(gone.target, accounts=Fact(frozenset({"root@127.0.0.1"}))))
    (asked_of,) = plan(weak).questions
    assert asked_of.default == "target" and "keep" not in {c.value for c in asked_of.choices}
    # MySQL 8.2 asks for one more right where the account does not exist.
    for version, kept in (("8.0.36", True), ("8.4.3", False)):
        server = replace(gone.target.server, flavour=parse(version))
        (again,) = plan(replace(gone, target_side=replace(gone.target, server=server))).questions
        assert ("keep" in {c.value for c in again.choices}) is kept
    # An answer of another day that is not offered any more counts as none.
    stale = weak.options.model_copy(update={"decisions": (("definer", "keep"),)})
    assert answer(asked_of, stale) == "target"


# --- the accounts that managed services give ------------------------------------------------------------


class Weak(Migration):
    """A migration by two accounts without any right on the server."""

    bench: MyBench

    def asked(self) -> Asked:
        return Asked(
            MIGRATION,
            self.bench.source.endpoint("weak"),
            self.bench.target.endpoint("weak"),
            options=self.options,
            stated_free_bytes=10**12,
        )


def test_accounts_without_any_right_on_the_server(bench: MyBench) -> None:
    """Neither SUPER, RELOAD nor BACKUP_ADMIN: what the checks ask for, and no more, suffices for the run."""
    bench.source.run(OBJECTS + KEYS + "create table m (id int primary key, v text);")
    bench.source.run("insert into m select seq, repeat('ä', seq) from seq_1_to_200; insert into t values (1, 'x')")
    bench.user(bench.source, "weak", READER + "grant select on mysql.proc to {to};")
    migration = Weak(
        MysqlDatabase(bench.source.server, bench.source.name), MysqlDatabase(bench.target.server, bench.target.name)
    )
    migration.bench = bench
    with globally(bench.target.server, {"log_bin_trust_function_creators": "1"}):
        bench.source.run(r"grant create on `bench\_target`.* to weak@`%`")
        (lacking,) = judge(inspect(migration.asked()))["target_rights"].findings
        bench.target.run(lacking.remedy.partition("\n")[0])
        found = judge(inspect(migration.asked()))
        assert blockers(list(found.values())) == []
        unknown = {name for name, result in found.items() if result.severity is Severity.unknown}
        assert unknown == {"target_writable", "replication", "transactions", "failover", "source_replica"}
        assert {f.object for f in found["definers"].findings} == {"root@127.0.0.1"}
        verdict = migration.run()
    assert verdict.reasons == [] and verdict.green
    assert_same(migration.source, migration.target)
    ((definer,),) = bench.target.run(
        "select distinct definer from information_schema.views where table_schema = database()"
    )
    assert definer == "weak@%"
    assert bench.target.run("show tables like '\\_ferrybot%'") == []
