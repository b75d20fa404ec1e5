"""Checks that foretell how a run ends, against the run itself; and looks that must end in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import FerrybotError
from jobs.core.model import Severity
from jobs.engines.postgres import inspect_orphans
from jobs.engines.postgres.connect import connect
from tests.servers.pg_cases import ASLEEP, HELPER, KEYS, LOGIN, NAMES, PATH, QUALIFIED, USER, Q, T
from tests.servers.pg_run import Migration, assert_same
from tests.support.inspection import Bench, endpoint, results
from tests.support.servers import Database, PostgresPool, drop_database


@pytest.fixture(scope="module")
def shared(pg_server: PostgresPool) -> Iterator[Bench]:
    bench = Bench(pg_server)
    yield bench
    bench.close()


@pytest.fixture
def bench(shared: Bench) -> Iterator[Bench]:
    yield shared
    shared.clean()


@pytest.mark.parametrize(
    ("check", "script", "arrives"),
    [
        ("search_paths", HELPER + PATH + NAMES + "create index i on t (f(v))", False),
        ("search_paths", HELPER + PATH + NAMES + "alter table t add check (f(v) <> '')", False),
        ("search_paths", HELPER + PATH + QUALIFIED + "create index i on t (f(v))", True),
        ("orphans", KEYS + ASLEEP, False),
        ("orphans", KEYS, True),
    ],
    ids=str,
)
def test_a_warning_tells_how_the_run_ends(bench: Bench, check: str, script: str, arrives: bool) -> None:
    # A function is called for rows only.
    source = bench.database(16, "source", script + "; insert into t values (1, 'A')" * (T in script))
    migration = Migration(source, bench.database(18, "target", "set work_mem = '4MB'"))
    found = results(endpoint(source), endpoint(migration.target))[check]
    assert found.severity is (None if arrives else Severity.warn)
    if arrives:
        assert migration.run().reasons == []
        assert_same(migration.source, migration.target)
    else:
        assert not ends_green(migration)


def ends_green(migration: Migration) -> bool:
    """A run may also stop before it is judged."""
    try:
        return migration.run().green
    except FerrybotError:
        return False


def test_orphans_are_told_with_a_query_that_finds_them(bench: Bench) -> None:
    source = bench.database(15, "source", KEYS + ASLEEP)
    finding = results(endpoint(source), endpoint(bench.database(18, "target")))["orphans"].findings[0]
    with source.connect() as connection:
        found = connection.execute(finding.remedy.partition("\n")[2].encode()).fetchall()
    assert sorted(found) == [(3, 7), (4, 8)]
    assert "7" not in finding.message and "(p to public.p)" in finding.message


@pytest.mark.parametrize(
    ("limit", "says"),
    [({"LARGE_BYTES": 1000}, "hold more than 0 MiB"), ({"KEY_SECONDS": 0.001}, "it took more than 0 s"),
     ({"ALL_SECONDS": 0.0}, "for other keys")],
)  # fmt: skip
def test_a_look_for_orphans_has_its_bounds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, limit: dict[str, float], says: str
) -> None:
    grown = (
        KEYS
        + """insert into p select generate_series(2, 50000);
        insert into c select i, i from generate_series(3, 50000) i"""
    )
    source = bench.database(15, "source", grown)
    target = endpoint(bench.database(18, "target"))
    assert results(endpoint(source), target)["orphans"].severity is None
    for name, value in limit.items():
        monkeypatch.setattr(inspect_orphans, name, value)
    (finding,) = results(endpoint(source), target)["orphans"].findings
    assert (finding.severity, finding.object) == (Severity.unknown, "public.c.k")
    assert says in finding.message and "SELECT count(*) from only" in finding.remedy


def test_a_key_that_may_not_be_read_is_unknown(bench: Bench) -> None:
    source = bench.database(15, "source", KEYS + "create role shut login password 'plain-user''s p@ss'")
    found = results(endpoint(source, "shut"), endpoint(bench.database(18, "target")))["orphans"]
    assert found.severity is Severity.unknown and "permission denied" in found.findings[0].message


def test_the_conductor_who_looks_again_takes_no_place_of_its_own_run(bench: Bench) -> None:
    """Otherwise a target with just enough room would pass, and void the approvals when the run begins."""
    source = endpoint(bench.database(15, "source", T))
    target = endpoint(bench.database(18, "target", f"{LOGIN} alter role {Q} connection limit 8"), USER)
    with closing(connect(target, purpose="conductor m0000000001")):
        assert results(source, target, parallelism=4)["connections"].severity is None
        with closing(connect(target, purpose="lane of another migration")):
            assert results(source, target, parallelism=4)["connections"].severity is Severity.warn


def test_a_tablespace(bench: Bench) -> None:
    source = bench.database(15, "source", T)
    assert results(endpoint(source), endpoint(source))["tablespaces"].severity is None
    with source.connect() as connection:
        connection.execute("set allow_in_place_tablespaces = on")
        connection.execute("create tablespace aside location ''")
        connection.execute("alter table t set tablespace aside")
        try:
            (finding,) = results(endpoint(source), endpoint(source))["tablespaces"].findings
            assert (finding.severity, finding.object) == (Severity.inform, "aside")
            assert "public.t" in finding.message
        finally:
            connection.execute("drop table t")
            connection.execute("drop tablespace aside")


def test_a_database_whose_collation_drifted(pg15: PostgresServer, bench: Bench) -> None:
    drifted = Database(pg15, "drifted")
    with Database(pg15, "postgres").connect() as connection:
        made = "create database drifted template template0 locale_provider icu icu_locale 'de'"
        connection.execute(made)
        try:
            target = endpoint(bench.database(18, "target"))
            assert results(endpoint(drifted), target)["collation_versions"].severity is None
            connection.execute("update pg_database set datcollversion = '1' where datname = 'drifted'")
            (finding,) = results(endpoint(drifted), target)["collation_versions"].findings
            assert finding.severity is Severity.warn and "REFRESH COLLATION VERSION" in finding.remedy
            # the remedy as it stands
            with drifted.connect() as own:
                for statement in finding.remedy.split(";\n")[:2]:
                    own.execute(statement.encode())
            assert results(endpoint(drifted), target)["collation_versions"].severity is None
        finally:
            drop_database(pg15, "drifted")
