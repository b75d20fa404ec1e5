"""Every check of the pair MySQL to PostgreSQL, tripped on real servers, and the near miss that passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.model import CheckResult, Options, Scope, Severity
from tests.servers.mypg_run import ENGINE, Move, Source, fresh_source
from tests.servers.pg_run import rows
from tests.support.servers import Database, FreshDatabase, PostgresPool

QUIET = ("restore_point", "tls", "disk")
"""Always said of the tests' servers: they archive nothing, encrypt nothing, and their room is not measured."""


@pytest.fixture
def source(mariadb_server: MariaDbServer) -> Iterator[Source]:
    with fresh_source(mariadb_server) as made:
        yield made


@pytest.fixture
def move(source: Source, fresh_db: FreshDatabase, pg16: PostgresServer) -> Move:
    return Move(source, fresh_db(pg16))


def said(move: Move) -> dict[str, CheckResult]:
    """What was found by name, without what is always said."""
    return {name: result for name, result in move.checks().items() if result.findings and name not in QUIET}


def only(results: dict[str, CheckResult], name: str, severity: Severity) -> str:
    """The one finding of the one check that found something."""
    assert set(results) == {name}, {n: [f.message for f in r.findings] for n, r in results.items()}
    (finding,) = results[name].findings
    assert finding.severity is severity and finding.remedy
    return f"{finding.object}: {finding.message}"


def test_a_plain_database_passes_every_check(move: Move) -> None:
    move.source.execute("create table t (id int primary key, v varchar(20) collate utf8mb4_bin unique, d date)")
    results = move.checks()
    assert said(move) == {}
    assert list(results) == [check.name for check in ENGINE.checks]
    assert "MariaDB 10.11" in results["connect"].detail and "PostgreSQL 16" in results["connect"].detail
    assert move.run().green


@pytest.mark.parametrize(
    ("sql", "check", "severity", "words"),
    [
        ("create table t (id int primary key, p point not null)", "types", Severity.warn, "t.p: t.p has no type"),
        ("create table `{long}` (id int primary key)", "names", Severity.block, "64 bytes, PostgreSQL takes 63"),
        (
            "create table t (id int primary key, `{euro}` int)",
            "names",
            Severity.block,
            "66 bytes, PostgreSQL takes 63",
        ),
        (
            "create table t (id int primary key, v varchar(20) unique)",
            "collations",
            Severity.warn,
            "t.v: For 1 unique key",
        ),
        (
            "create table t (id int primary key, b tinyint(1));\ninsert into t values (1, 2), (2, 1)",
            "variants",
            Severity.warn,
            "t.b: t.b holds numbers other than 0 and 1 (1 row): it becomes smallint instead of boolean",
        ),
        (
            "create table t (id int primary key, n bigint unsigned);\ninsert into t values (1, 9223372036854775808)",
            "variants",
            Severity.warn,
            "numeric(20) instead of bigint",
        ),
        (
            "create table t (id int primary key, n time);\ninsert into t values (1, '24:00:00')",
            "variants",
            Severity.warn,
            "interval instead of time",
        ),
        (
            "create table t (id int primary key, d datetime);\ninsert into t values (1, '2020-00-01'), (2, null)",
            "values",
            Severity.warn,
            "t.d holds 1 date that no calendar has",
        ),
        (
            "create table t (id int primary key, v text);\ninsert into t values (1, 'a\\0b'), (2, 'ab')",
            "values",
            Severity.warn,
            "t.v holds 1 text with a NUL byte",
        ),
        (
            "create table t (id int primary key, j json);\n"
            "insert into t values (1, '\"\\\\u0000\"'), (2, '\"u0000\"')",
            "values",
            Severity.warn,
            "t.j holds 1 document with",
        ),
        (
            "create table t (id int primary key);\ncreate procedure p() select 1",
            "left",
            Severity.inform,
            "p: Procedure p",
        ),
        (
            "create table t (id int primary key, d datetime default '0000-00-00')",
            "left",
            Severity.warn,
            "t.d: Default t.d stays behind: a date that no calendar has",
        ),
        (
            "create table t (id int primary key, v varchar(9), check (v collate utf8mb4_bin <> 'x'))",
            "left",
            Severity.warn,
            "a collation",
        ),
        (
            "create table t (id int primary key, n int, key (n), m int);\n"
            "set foreign_key_checks = 0;\n"
            "create table c (id int primary key, m int, foreign key f (m) references t (n))",
            "left",
            Severity.warn,
            "no unique key of t is on (n)",
        ),
        (
            "create table t (id int primary key) engine = MyISAM",
            "snapshot",
            Severity.warn,
            "know no snapshot",
        ),
    ],
)
def test_a_check_trips(move: Move, sql: str, check: str, severity: Severity, words: str) -> None:
    move.source.execute(sql.format(long="x" * 64, euro="€" * 22))
    assert words in only(said(move), check, severity)


@pytest.mark.parametrize(
    "sql",
    [
        "create table `{long}` (id int primary key, `{euro}` int)",
        "create table t (id int primary key, b tinyint(1));\ninsert into t values (1, 0), (2, 1), (3, null)",
        "create table t (id int primary key, n bigint unsigned);\ninsert into t values (1, 9223372036854775807)",
        "create table t (id int primary key, n time(3));\ninsert into t values (1, '23:59:59.999')",
        "create table t (id int primary key, d datetime);\ninsert into t values (1, '0001-01-01'), (2, '2020-02-29')",
        "create table t (id int primary key, v text);\ninsert into t values (1, 'a\\\\0b'), (2, '\\\\x00')",
        "create table t (id int primary key, e enum('', 'a'));\ninsert into t values (1, '')",
        "create table t (id int primary key, l varchar(9) character set latin1);\n"
        "insert into t values (1, x'e4f6fc80')",
    ],
)
def test_the_near_miss_passes_and_arrives(move: Move, sql: str) -> None:
    move.source.execute(sql.format(long="x" * 63, euro="€" * 21))
    assert said(move) == {}
    assert move.run().reasons == []


def test_names_that_differ_in_case_only_may_keep_it(move: Move) -> None:
    move.source.execute("create table t (id int primary key);\ncreate table T (id int primary key)")
    assert "become one name" in only(said(move), "names", Severity.block)
    move.decisions = {"names": "keep"}
    assert said(move) == {}
    assert move.run().reasons == []


def test_wide_numbers_widen_what_is_tied_to_them(move: Move) -> None:
    move.source.execute(
        "create table t (id bigint unsigned primary key);\n"
        "create table c (id int primary key, t bigint unsigned, foreign key (t) references t (id));\n"
        "insert into t values (18446744073709551615), (1);\ninsert into c values (1, 1)"
    )
    questions = {question.key: question for question in move.plan().questions}
    assert questions["type:c.t"].default == "numeric(20)" and "foreign key to t.id" in questions["type:c.t"].detail
    assert move.run().reasons == []


def test_a_spatial_column_travels_once_it_was_said_how(move: Move) -> None:
    move.source.execute(
        "create table t (id int primary key, p point not null);\n"
        "insert into t values (1, st_geomfromtext('point(1 2)'))"
    )
    (question,) = [q for q in move.plan().questions if not q.default]
    assert question.key == "type:t.p"
    with pytest.raises(Exception, match="PostGIS"):
        move.run()
    move.decisions = {"type:t.p": "wkb"}
    assert move.run().reasons == []
    assert rows(move.target, "select encode(p, 'hex') from t") == [("0101000000000000000000f03f0000000000000040",)]


def test_a_type_without_any_form_blocks_until_it_is_left_out(move: Move) -> None:
    move.source.execute("create table t (id int primary key, p polygon);\ncreate table u (id int primary key)")
    assert [f.severity for f in said(move)["types"].findings] == [Severity.warn]
    move.options = Options(exclude=(f"{move.source.name}.t",))
    assert said(move) == {}


def test_orphans_are_counted_before(move: Move) -> None:
    move.source.execute(
        "create table t (id int primary key);\n"
        "create table c (id int primary key, t int, foreign key f (t) references t (id));\n"
        "set foreign_key_checks = 0;\ninsert into c values (1, 7)"
    )
    assert "1 row of c points nowhere" in only(said(move), "orphans", Severity.warn)


def test_a_target_that_holds_anything_is_refused(move: Move) -> None:
    move.source.execute("create table t (id int primary key)")
    with move.target.connect() as target:
        target.execute("create table other (a int)")
    assert "table public.other" in only(said(move), "target_empty", Severity.block)


def test_data_only_wants_tables_columns_and_no_rows(move: Move) -> None:
    move.source.execute("create table t (Id int primary key, v int);\ninsert into t values (1, 2)")
    move.options = Options(scope=Scope.data_only)
    assert "lacks 1 table" in only(said(move), "target_empty", Severity.block)
    with move.target.connect() as target:
        target.execute("create table t (id int primary key)")
    assert "lack 1 column" in only(said(move), "target_empty", Severity.block)
    with move.target.connect() as target:
        target.execute("alter table t add v int")
    assert said(move) == {}
    assert move.run().reasons == []
    assert "already holds rows" in only(said(move), "target_empty", Severity.block)


def test_a_target_without_unicode_is_refused(move: Move, pg_server: PostgresPool) -> None:
    move.source.execute("create table t (id int primary key)")
    server = move.target.server
    with move.target.connect() as target:
        target.execute("create database plain template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'")
    try:
        move.target = Database(server, "plain")
        assert "encoding is SQL_ASCII" in only(said(move), "encoding", Severity.block)
    finally:
        with Database(server, "postgres").connect() as admin:
            admin.execute("drop database plain with (force)")


def test_overwriting_asks_for_a_restore_point_and_lists_what_goes(move: Move, tmp_path: Path) -> None:
    move.source.execute("create table t (id int primary key)")
    move.options = Options(overwrite=True)
    checks = move.checks()
    assert checks["target_empty"].severity is None and checks["restore_point"].severity is not Severity.block
    with move.target.connect() as target:
        target.execute("create table kept (id int primary key)")
    checks = move.checks()
    assert checks["target_empty"].severity is Severity.warn
    assert "table public.kept" in checks["target_empty"].findings[0].message
    assert checks["restore_point"].severity is Severity.block
    assert "FERRYBOT_RESTORE_POINTS" in checks["restore_point"].findings[0].remedy
    move.restore_folder = str(tmp_path)
    assert move.checks()["restore_point"].findings == ()


def test_sides_that_cannot_be_reached_are_told_and_skip_the_rest(move: Move) -> None:
    move.source.execute("create table t (id int primary key)")
    lost = Source(move.source.server, "no_such_database")
    results = Move(lost, move.target).checks()
    assert [f.side for f in results["connect"].findings] == ["source"]
    assert {name for name, r in results.items() if not (r.skipped or r.findings)} == {
        "encoding",
        "replication",
        "slots",
    }
    nowhere = Move(move.source, Database(move.target.server, "no_such_database")).checks()
    assert [f.side for f in nowhere["connect"].findings] == ["target"]


def test_a_source_user_who_cannot_read_a_table_is_told(move: Move) -> None:
    move.source.execute("create table t (id int primary key);\ncreate table secret (id int primary key)")
    name, server = f"reader_{move.source.name.lower()}", move.source.server
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"create user {name}@'%' identified by 'x'")
        cursor.execute(f"grant select on `{move.source.name}`.t to {name}@'%'")
    try:
        asked = move.asked()
        weak = replace(asked.source, user=name, password=SecretStr("x"))
        inventory = ENGINE.inspect(replace(asked, source=weak))
        results = {check.name: ENGINE.look(check, inventory) for check in ENGINE.checks}
        assert results["source_rights"].findings[0].severity is Severity.block
        assert "GRANT SELECT" in results["source_rights"].findings[0].remedy
    finally:
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"drop user {name}@'%'")
