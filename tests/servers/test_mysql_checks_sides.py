"""Checks that need two servers that differ, or servers that do not answer."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.sandbox.certificate import write_certificate
from bot.sandbox.servers import MariaDbServer
from jobs.core.model import Severity, TlsMode
from jobs.engines.mysql import inspect_rows, quote
from jobs.engines.mysql.checks.all import CHECKS
from jobs.engines.mysql.facts import Fact, Replication, Transaction
from jobs.engines.mysql.inspect import inspect
from jobs.engines.mysql.inventory import Inventory
from tests.servers.mysql_sides import BLOCK, INFORM, UNKNOWN, WARN, backwards, become, bench, ends, other, say, shared
from tests.servers.test_mysql_checks import ASLEEP, KEYS, OBJECTS, STRICT, ZERO, T
from tests.support.my_inspection import MyBench, MyDatabase, asked, globally, judge, results, run

__all__ = ["bench", "other", "shared"]  # fixtures


@pytest.mark.parametrize(
    ("check", "source", "expect", "says"),
    [
        ("name_case", "create table A (i int); create table a (i int);", BLOCK, "tell A, a apart"),
        ("name_case", "create table Orders (i int);", BLOCK, "Orders"),
        ("name_case", "create table orders (i int, `Id` int);", None, ""),
        ("packets", "create table t (i int, v longtext);", WARN, "SET GLOBAL max_allowed_packet = 16777216"),
        ("packets", "create table t (i int, v text);", None, ""),
        ("time_zones", T, WARN, "+01:00"),
        ("restore_point", T, INFORM, "no binary log"),
        ("creators", OBJECTS, None, ""),
        ("same_database", T, None, ""),
    ],
)
def test_between_servers_that_differ(
    bench: MyBench, check: str, source: str, expect: Severity | None, says: str
) -> None:
    bench.source.run(source)
    result = say(ends(bench), check)
    assert result.severity is expect, result
    assert not expect or says in f"{result.findings[0].message} {result.findings[0].remedy}"


@pytest.mark.parametrize("check", ["name_case", "packets", "row_size", "restore_point"])
def test_the_other_way_there_is_nothing_to_say(bench: MyBench, check: str) -> None:
    bench.target.run("create table t (i int, v longtext)")
    assert say(backwards(bench), check).severity is None


def test_smaller_pages(bench: MyBench) -> None:
    inventory = ends(bench)
    assert say(inventory, "row_size").severity is None
    smaller = become(inventory.target, "10.11.6-MariaDB", innodb_page_size="8192")
    assert "8,192" in say(replace(inventory, target_side=smaller), "row_size").findings[0].message


def test_named_zones(bench: MyBench) -> None:
    bench.source.run("create event e on schedule every 1 day do select 1")
    inventory = ends(bench)
    assert BLOCK not in {f.severity for f in say(inventory, "time_zones").findings}
    catalog = inventory.source.catalog.get()
    named = replace(catalog, events=(replace(catalog.events[0], time_zone="Europe/Berlin"),))
    moved = replace(inventory, source_side=replace(inventory.source, catalog=Fact(named)))
    assert say(moved, "time_zones").findings[-1].severity is BLOCK
    loaded = replace(moved, target_side=replace(moved.target, zones=Fact(True)))
    assert BLOCK not in {f.severity for f in say(loaded, "time_zones").findings}


def test_one_database_on_one_server(bench: MyBench) -> None:
    bench.source.run(T)
    same = inspect(asked(bench.source.endpoint(), bench.source.endpoint()))
    assert say(same, "same_database").severity is BLOCK
    sibling = bench.source.endpoint(database="mysql")
    assert say(inspect(asked(sibling, bench.source.endpoint())), "same_database").severity is None


@pytest.mark.parametrize(
    ("changes", "at", "words"),
    [
        ({"password": SecretStr("wrong")}, "password", "Access denied"),
        ({"database": "nowhere"}, "database", "Unknown database"),
        ({"port": 1}, "port", "refused"),
        ({"host": "nowhere.invalid"}, "host", ""),
        ({"tls": TlsMode.require}, "tls", ""),
    ],
)
def test_a_side_that_cannot_be_reached(bench: MyBench, changes: dict[str, Any], at: str, words: str) -> None:
    found = results(bench.source.endpoint(**changes), bench.target.endpoint())
    (finding,) = found["connect"].findings
    assert (finding.severity, finding.field, finding.side) == (BLOCK, at, "source")
    assert words in finding.message and bench.source.server.password not in finding.message
    # Nothing that needs this side counts as passed.
    asked_of_the_source = {"same_database", "versions", "source_rights", "filters", "disk", "snapshot", "orphans"}
    assert asked_of_the_source <= {name for name, result in found.items() if result.skipped}


def test_an_encrypted_server(bench: MyBench, tmp_path: Path) -> None:
    """The mode that is asked for is the mode that is had, certificate and all."""
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    write_certificate(certificate, key)
    with MariaDbServer(settings={"ssl-cert": str(certificate), "ssl-key": str(key)}) as secure:
        run(secure, "create database bench_tls")
        there = MyDatabase(secure, "bench_tls")
        cases: list[tuple[dict[str, Any], Severity | None, str]] = [
            ({"tls": TlsMode.prefer}, None, ""),
            ({"tls": TlsMode.require}, None, ""),
            ({"tls": TlsMode.verify_full, "tls_root": str(certificate)}, None, ""),
            ({"tls": TlsMode.verify_full}, BLOCK, "tls"),
            ({"tls": TlsMode.disable}, INFORM, "tls"),
        ]
        for changes, expect, at in cases:
            found = results(there.endpoint(**changes), bench.target.endpoint())
            ours = [f for name in ("connect", "tls") for f in found[name].findings if f.side == "source"]
            assert [f.severity for f in ours] == ([expect] if expect else []), (changes, ours)
            assert [f.field for f in ours] == ([at] if at else [])


def test_every_check_looks(bench: MyBench) -> None:
    bench.source.run(OBJECTS + KEYS)
    found = judge(ends(bench))
    assert len(found) == len(CHECKS) == len({check.title for check in CHECKS})
    assert [name for name, result in found.items() if result.skipped] == []
    assert [name for name, result in found.items() if not result.findings and not result.detail] == []


@pytest.mark.parametrize(
    ("limit", "says"),
    [({"LARGE_BYTES": 0}, "more than 0 MiB"), ({"ALL_SECONDS": 0.0}, "for others")],
)
def test_a_look_at_rows_has_its_bounds(
    bench: MyBench, monkeypatch: pytest.MonkeyPatch, limit: dict[str, float], says: str
) -> None:
    bench.source.run(KEYS + ASLEEP + ZERO)
    with globally(bench.target.server, {"sql_mode": STRICT}):
        assert {say(ends(bench), name).severity for name in ("orphans", "zero_dates")} == {WARN}
        for name, value in limit.items():
            monkeypatch.setattr(inspect_rows, name, value)
        inventory = ends(bench)
        for check, label in (("orphans", "c.k"), ("zero_dates", "z.at")):
            (finding,) = say(inventory, check).findings
            assert (finding.severity, finding.object) == (UNKNOWN, label)
            assert says in finding.message


def test_a_slow_look_is_ended(bench: MyBench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.source.run(KEYS + "insert into p select seq from seq_2_to_30000; insert into c select seq, seq from"
                     " seq_3_to_30000;")  # fmt: skip
    monkeypatch.setattr(inspect_rows, "ONE_SECONDS", 0.001)
    (finding,) = say(ends(bench), "orphans").findings
    assert finding.severity is UNKNOWN and "took more than" in finding.message


def test_orphans_are_told_with_a_query_that_finds_them(bench: MyBench) -> None:
    bench.source.run(KEYS + ASLEEP)
    (finding,) = say(ends(bench), "orphans").findings
    assert bench.source.run(finding.remedy.partition("\n")[2]) == [(3, 7), (4, 8)]
    assert "7" not in finding.message


# --- snapshots and what is open -------------------------------------------------------------------------


def test_how_one_instant_is_known(bench: MyBench) -> None:
    bench.source.run(T)
    bench.target.run(T)
    assert ends(bench).source.consistency.get() == "binlog"
    # Without a binary log the tables are locked for a moment, where the account may.
    assert backwards(bench).source.consistency.get() == "lock"
    grants = "grant select, trigger, event, execute on {db}.* to {to};"
    bench.user(bench.target, "weak", grants)
    weak = inspect(asked(bench.target.endpoint("weak"), bench.source.endpoint()))
    (finding,) = say(weak, "snapshot").findings
    assert finding.severity is WARN and "GRANT LOCK TABLES ON `bench\\_target`.*" in finding.remedy
    alone = inspect(asked(bench.target.endpoint("weak"), bench.source.endpoint(), parallelism=1))
    assert say(alone, "snapshot").severity is None


def test_an_old_transaction(bench: MyBench) -> None:
    bench.source.run(T)
    server = bench.source.server
    with closing(server.connect(bench.source.name)) as session, session.cursor() as cursor:
        cursor.execute("insert into t values (1, 'x')")
        inventory = ends(bench)
        (open_now,) = inventory.source.transactions.get()
        assert open_now.thread == session.thread_id()  # type: ignore[no-untyped-call]  # PyMySQL
        assert open_now.seconds < 60
        assert say(inventory, "transactions").severity is None
        old = replace(inventory.source, transactions=Fact((Transaction(open_now.thread, 301),)))
        (finding,) = say(replace(inventory, source_side=old), "transactions").findings
        assert finding.severity is WARN and f"KILL {open_now.thread};" in finding.remedy
        session.rollback()


def test_replicas_and_clusters(bench: MyBench) -> None:
    inventory = ends(bench)

    def with_target(**changes: Any) -> Inventory:
        return replace(inventory, target_side=replace(inventory.target, **changes))

    assert say(inventory, "replication").severity is None
    assert say(with_target(replicas=Fact(2)), "replication").severity is WARN
    following = Fact(Replication(upstream="db-1", running=True))
    assert say(with_target(replication=following), "target_writable").severity is BLOCK
    stopped = Fact(Replication(upstream="db-1"))
    assert say(with_target(replication=stopped), "target_writable").severity is WARN
    server = inventory.target.server
    galera = replace(server, settings={**server.settings, "wsrep_on": "ON"})
    assert say(with_target(server=galera), "replication").severity is WARN
    assert say(with_target(server=replace(server, steady=False)), "pooler").severity is BLOCK
    assert say(with_target(server=replace(server, proxied=True)), "pooler").severity is WARN
    assert say(inventory, "pooler").severity is None


def test_a_replica_as_the_source_and_its_primary_as_the_target(bench: MyBench) -> None:
    primary, replica = bench.source.server, bench.target.server

    def severities(check: str) -> list[tuple[Severity, str]]:
        return [(f.severity, f.side) for f in say(backwards(bench), check).findings]

    assert severities("source_replica") == severities("failover") == []
    ((file, position, *_),) = run(primary, "show master status")
    where = f"master_host = '{primary.host}', master_port = {primary.port}, master_user = 'root', master_ssl = 0"
    place = f"master_log_file = '{file}', master_log_pos = {position}, master_use_gtid = no"
    secret = f"master_password = {quote.text(primary.password)}"
    run(replica, f"set global server_id = 2; change master to {where}, {place}, {secret}; start slave")
    try:
        deadline = time.monotonic() + 30
        while severities("source_replica") != [(INFORM, "source")]:
            assert time.monotonic() < deadline, run(replica, "show slave status")
        assert severities("failover") == [(INFORM, "target")] and severities("replication") == [(WARN, "target")]
        run(replica, "set global read_only = 1")
        assert severities("failover") == [(INFORM, "source"), (INFORM, "target")]
        run(replica, "stop slave sql_thread")
        (stopped,) = say(backwards(bench), "source_replica").findings
        assert stopped.severity is WARN and "is stopped" in stopped.message and "START REPLICA" in stopped.remedy
        inventory = backwards(bench)
        for seconds, severity in ((60.0, INFORM), (61.0, WARN)):
            late = replace(inventory.source, replication=Fact(Replication("db-1", running=True, behind=seconds)))
            (finding,) = say(replace(inventory, source_side=late), "source_replica").findings
            assert finding.severity is severity
    finally:
        run(replica, "stop slave; reset slave all; set global read_only = 0; set global server_id = 1")
