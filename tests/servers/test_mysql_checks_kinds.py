"""Checks of kinds of servers that cannot be installed here, whose facts are made of this server's; and rights."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.core.model import Severity
from jobs.engines.mysql.facts import Fact
from jobs.engines.mysql.inspect import inspect
from tests.servers.mysql_sides import BLOCK, WARN, become, bench, ends, other, say, shared
from tests.servers.test_mysql_checks import OBJECTS
from tests.support.my_inspection import PASSWORD, MyBench, asked, results

__all__ = ["bench", "other", "shared"]  # fixtures


@pytest.mark.parametrize(
    ("source", "target", "expect", "says"),
    [
        ("10.11.6-MariaDB", "10.11.2-MariaDB", None, ""),
        ("10.11.6-MariaDB", "11.4.2-MariaDB", None, ""),
        ("11.4.2-MariaDB", "10.11.6-MariaDB", BLOCK, "older than the source"),
        ("10.2.6-MariaDB", "10.11.6-MariaDB", BLOCK, "before MariaDB 10.3.0"),
        ("10.3.6-MariaDB", "10.5.6-MariaDB", BLOCK, "before MariaDB 10.6.0"),
        ("5.7.44", "8.0.36", None, ""),
        ("5.6.44", "8.0.36", BLOCK, "before MySQL 5.7.0"),
        ("8.4.3", "8.0.36", BLOCK, "older"),
        ("8.0.36", "10.11.6-MariaDB", WARN, "write some things differently"),
    ],
)
def test_versions(bench: MyBench, source: str, target: str, expect: Severity | None, says: str) -> None:
    inventory = ends(bench)
    made = replace(
        inventory,
        source_side=become(inventory.source, source),
        target_side=become(inventory.target, target),
    )
    result = say(made, "versions")
    assert result.severity is expect
    assert says in " ".join(f.message for f in result.findings)


@pytest.mark.parametrize(
    ("script", "object"),
    [
        ("create table t (id int primary key, u uuid);", "t.u"),
        ("create table t (id int primary key, a inet6);", "t.a"),
        ("create table t (id int primary key) with system versioning;", "t"),
        ("create sequence s;", "s"),
        ("create table t (id int primary key, j json);", "t.j"),
    ],
)
def test_what_mysql_does_not_have(bench: MyBench, script: str, object: str) -> None:
    bench.source.run(script)
    inventory = ends(bench)
    assert say(inventory, "features").severity is None
    moved = replace(inventory, target_side=become(inventory.target, "8.4.3"))
    (finding,) = say(moved, "features").findings
    assert finding.object == object
    assert finding.severity is (WARN if "json" in script else BLOCK)


def test_history(bench: MyBench) -> None:
    bench.source.run("create table t (id int primary key) with system versioning")
    inventory = ends(bench)
    assert say(inventory, "history").severity is None
    older = replace(inventory, target_side=become(inventory.target, "10.6.18-MariaDB"))
    assert say(older, "history").severity is WARN


def test_a_collation_that_only_one_side_knows(bench: MyBench) -> None:
    bench.source.run("create table t (v varchar(9) collate utf8mb4_uca1400_ai_ci)")
    inventory = ends(bench)
    assert say(inventory, "collations").severity is None
    mysql = {"utf8mb4_0900_ai_ci": "utf8mb4", "utf8mb4_general_ci": "utf8mb4", "latin1_bin": "latin1"}
    moved = replace(inventory, target_side=replace(inventory.target, collations=Fact(mysql)))
    (finding,) = say(moved, "collations").findings
    assert (finding.severity, finding.object) == (WARN, "utf8mb4_uca1400_ai_ci")
    assert "utf8mb4_0900_ai_ci takes its place" in finding.message
    none = replace(inventory, target_side=replace(inventory.target, collations=Fact({"latin1_bin": "latin1"})))
    assert say(none, "collations").severity is BLOCK


def test_an_engine_that_the_target_lacks(bench: MyBench) -> None:
    bench.source.run("create table a (i int) engine = aria")
    inventory = ends(bench)
    known = {name: yes for name, yes in inventory.target.engines.get().items() if name != "Aria"}
    moved = replace(inventory, target_side=replace(inventory.target, engines=Fact(known)))
    (finding,) = say(moved, "engines").findings
    assert (finding.severity, finding.object) == (BLOCK, "Aria")
    assert "ALTER TABLE `a` ENGINE = InnoDB;" in finding.remedy


def test_keys_that_mysql_refuses(bench: MyBench) -> None:
    bench.source.run(
        "create table p (id int primary key, v int, key (v)); create table c (v int, constraint k foreign key (v)"
        " references p (v), id int, constraint fine foreign key (id) references p (id))"
    )
    inventory = ends(bench)
    assert say(inventory, "restricted_keys").severity is None
    strict = become(inventory.target, "8.4.3", restrict_fk_on_non_standard_key="ON")
    (finding,) = say(replace(inventory, target_side=strict), "restricted_keys").findings
    assert (finding.severity, finding.object) == (BLOCK, "c.k")


def test_a_required_primary_key_may_be_lifted(bench: MyBench) -> None:
    bench.source.run("create table b (i int)")
    bench.user(bench.target, "weak", "grant all on {db}.* to {to};")
    for user, expect in (("", WARN), ("weak", BLOCK)):
        inventory = inspect(asked(bench.source.endpoint(), bench.target.endpoint(user)))
        demanding = become(inventory.target, "8.4.3", sql_require_primary_key="ON")
        assert say(replace(inventory, target_side=demanding), "primary_keys").severity is expect


def test_no_text_of_a_finding_holds_a_password_or_its_hash(bench: MyBench) -> None:
    bench.source.run(OBJECTS)
    bench.user(bench.source, "weak", "grant select on {at}.t to {to};")
    bench.user(bench.target, "weak", "grant select on {db}.* to {to};")
    found = results(bench.source.endpoint("weak"), bench.target.endpoint("weak"))
    told = str([result.model_dump() for result in found.values()])
    assert found["source_rights"].severity is BLOCK and PASSWORD not in told and "IDENTIFIED" not in told


def test_the_grants_of_a_remedy_mend_it(bench: MyBench) -> None:
    """Every GRANT that the findings print is run as it stands; then the rights suffice."""
    bench.source.run(OBJECTS)
    bench.user(bench.source, "weak", "grant select on {at}.t to {to};")
    bench.user(bench.target, "weak", "grant select on {db}.* to {to};")
    endpoints = bench.source.endpoint("weak"), bench.target.endpoint("weak")
    checks = (
        "source_rights",
        "target_rights",
        "transactions",
        "replication",
        "target_writable",
        "failover",
        "source_replica",
    )
    for _ in range(3):  # what one right shows may need another one
        for name, result in results(*endpoints).items():
            for finding in result.findings if name in checks else ():
                database = (
                    bench.target if finding.side == "target" or "on the target" in finding.remedy else bench.source
                )
                for line in finding.remedy.splitlines():
                    if line.startswith("GRANT "):
                        database.run(line)
    found = results(*endpoints)
    assert [found[name].severity for name in checks] == [None] * len(checks), [found[name] for name in checks]
