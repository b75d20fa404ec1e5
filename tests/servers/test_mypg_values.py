"""Values at every type's edges between MariaDB and PostgreSQL: both sides make one text of one value, and what has no
place in PostgreSQL is counted, asked about and never changed unasked (hard cases 16, 17, 21, 27)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.errors import Permanent
from jobs.core.model import Options, Severity
from jobs.engines.mysql import connect as mysql
from jobs.engines.mysql.catalog import read
from jobs.engines.mysql_postgres import inspect_values
from jobs.engines.mysql_postgres.rules import Rules
from jobs.engines.mysql_postgres.shape import Shape
from jobs.engines.postgres.connect import pin
from tests.servers.mypg_run import Move, Source, fresh_source
from tests.servers.pg_run import Spy, nothing_of_ours, rows
from tests.servers.test_mysql_values import clock, instant
from tests.support.servers import FreshDatabase

EDGES = r"""
create table numbers (
    id int primary key, t tinyint, tu tinyint unsigned, b tinyint(1), s smallint, su smallint unsigned, m mediumint,
    mu mediumint unsigned zerofill, i int, iu int(10) unsigned zerofill, g bigint, gu bigint unsigned,
    d decimal(65,30), dz decimal(8,3) unsigned zerofill, f float, fd float(7,3), r double, rd double(20,2), y year,
    b1 bit(1), b64 bit(64)
);
insert into numbers values
    (1, -128, 255, 1, -32768, 65535, -8388608, 16777215, -2147483648, 4294967295, -9223372036854775808,
     18446744073709551615, -99999999999999999999999999999999999.999999999999999999999999999999, 12345.678,
     -3.402823466e38, 1234.567, 1.7976931348623157e308, 123456789012345678.91, 2155, 1, x'ffffffffffffffff'),
    (2, 127, 0, 0, 32767, 0, 8388607, 0, 2147483647, 0, 9223372036854775807, 0,
     0.000000000000000000000000000001, 0, 1.17549435e-38, -0.001, -2.2250738585072014e-308, -0.01, 1901, 0, 0),
    (3, 0, 1, null, 0, 7, 0, 7, 0, 42, 0, 9223372036854775807, -0.0, 0.001, -0e0, 0, 5e-324, 0, 0, null, 1),
    (4, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
     null, null),
    (5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 16777216, 1, 1e15, 1e15, 1999, 1, 2),
    (6, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.3, 1, 123456789012345680, 1152921504606846976, 1999, 1, 2),
    (7, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1e-7, 1, 100, 0.1, 1999, 1, 2),
    (8, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1e23, 1, 1e23, 1, 1999, 1, 2);
create table times (
    id int primary key, d date, dt datetime, dt6 datetime(6), ts timestamp null, ts6 timestamp(6) null, tm time,
    tm6 time(6), inday time(3)
);
insert into times values
    (1, '0001-01-01', '0001-01-01 00:00:00', '9999-12-31 23:59:59.999999', '1970-01-01 00:00:01',
     '2038-01-19 03:14:07.999999', '838:59:59', '-838:59:59.000001', '00:00:00.000'),
    (2, '9999-12-31', '9999-12-31 23:59:59', '0001-01-01 00:00:00.000001', '2020-03-29 01:30:00',
     '2020-10-25 01:30:00.1', '-00:00:01', '00:00:00.5', '23:59:59.999'),
    (3, '2000-02-29', '2000-02-29 12:00:00', '2000-02-29 12:00:00.100000', null, '1970-01-01 00:00:01', '24:00:00',
     '100:00:00', '12:34:56.7'),
    (4, null, null, null, null, null, null, null, null);
create table texts (
    id int primary key, c char(5), v varchar(200), l varchar(200) character set latin1,
    g varchar(50) character set gbk, s varchar(50) character set sjis, u varchar(50) character set ucs2,
    t text, lt longtext, e enum('a,b','it''s','"q"','\\'), st set('a','b c','"','\\') , j json
);
insert into texts values
    (1, 'a  ', ' lead\ttab\nline\rcr\\back ', 'äöü€“”œ', '中文', '日本', 'ŝ', 'a\\.b\n\\.\n', repeat('€', 30000),
     'a,b', 'a,b c,",\\', '{"z": 1, "a": [1.0, 1e2, "\\u00e9\\n"], "a2": null}'),
    (2, '', '', '', '', '', '', '', '', 'it''s', '', '[]'),
    (3, 'NULL', '\\N', '\\N', null, null, null, '\\.', 'N', '"q"', '"', '"text"'),
    (4, 'N', '1:N', '🙂', null, null, null, repeat('\\', 5), ',', '\\', '\\', '  {"b":  {} }  '),
    (5, null, null, null, null, null, null, null, null, null, null, null);
create table bytes (
    id int primary key, b binary(4), v varbinary(20), t tinyblob, l longblob, u uuid, i4 inet4, i6 inet6
);
insert into bytes values
    (1, x'00', x'00ff5c0a0d09fefdfc', x'', repeat(x'fffefd00', 50000), 'ffffffff-ffff-4fff-bfff-ffffffffffff',
     '255.255.255.255', 'fe80::1'),
    (2, x'5c4e', '\\N', null, x'', uuid(), '0.0.0.0', '::'),
    (3, null, null, null, null, null, null, '::ffff:1.2.3.4');
"""


@pytest.fixture
def edges(mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg16: PostgresServer) -> Iterator[Move]:
    with fresh_source(mariadb_server, EDGES) as source:
        yield Move(source, fresh_db(pg16))


def test_every_types_edges_arrive_and_are_proven(edges: Move) -> None:
    assert edges.run().reasons == []
    found = rows(edges.target, "select t, tu, b, gu, d::text, f, r, rd, b1, b64 from numbers order by id")
    assert found[0] == (
        *(-128, 255, True, 18446744073709551615),
        "-99999999999999999999999999999999999.999999999999999999999999999999",
        *(-3.4028235e38, 1.7976931348623157e308, 123456789012345680.0, True, "1" * 64),
    )
    assert found[2][5:8] == (0.0, 5e-324, 0.0)
    assert rows(edges.target, "select tm::text, tm6::text, inday::text from times where id < 3 order by id") == [
        ("838:59:59", "-838:59:59.000001", "00:00:00"),
        ("-00:00:01", "00:00:00.5", "23:59:59.999"),
    ]
    assert rows(edges.target, "select c, v, l, g, s, u, length(lt), st from texts where id = 1") == [
        ("a", " lead\ttab\nline\rcr\\back ", "äöü€“”œ", "中文", "日本", "ŝ", 30000, ["a", "b c", '"', "\\"])
    ]
    assert rows(edges.target, "select b, v, length(l), host(i4), host(i6) from bytes where id = 1") == [
        (b"\0\0\0\0", bytes.fromhex("00ff5c0a0d09fefdfc"), 200000, "255.255.255.255", "fe80::1")
    ]


def test_json_as_text_arrives_as_it_was_written(edges: Move) -> None:
    edges.decisions = {"json": "json", "enums": "type", "schema": "own", "names": "keep"}
    assert edges.run().reasons == []
    schema = edges.source.name
    assert rows(edges.target, f'select j::text from "{schema}".texts where id = 4') == [('  {"b":  {} }  ',)]
    assert rows(edges.target, f'select pg_typeof(e)::text from "{schema}".texts limit 1') == [
        (f'"{schema}".texts_e',)
    ]


FAULTY = r"""
create table faulty (
    id int primary key, d date not null, dt datetime, ts timestamp not null, v varchar(20) not null, e enum('a','b'),
    g varchar(20) character set gbk, flag tinyint(1), n bigint unsigned
);
set sql_mode = '';
insert into faulty values
    (1, '2020-01-01', '2020-01-01', '2020-01-01', 'fine', 'a', 'fine', 1, 1),
    (2, '0000-00-00', '2020-00-10 00:00:00', '0000-00-00 00:00:00', 'nul\0byte', '', 'fine', 2, 18446744073709551615),
    (3, '2020-02-00', '0000-00-00', '2020-01-01', '\0', 'b', 'fine', -1, 0);
set sql_mode = 'ALLOW_INVALID_DATES';
insert into faulty values (4, '2021-02-30', null, '2020-01-01', 'fine', null, null, null, null);
"""


@pytest.fixture
def faulty(mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg16: PostgresServer) -> Iterator[Move]:
    with fresh_source(mariadb_server) as source:
        with source.connect() as connection, connection.cursor() as cursor:
            for statement in FAULTY.split(";\n"):
                if statement.strip():
                    cursor.execute(statement)
        yield Move(source, fresh_db(pg16))


def test_faulty_values_are_counted_and_asked_about(faulty: Move) -> None:
    results = faulty.checks()
    said = {finding.object: finding for finding in results["values"].findings}
    assert {
        name: int("".join(filter(str.isdigit, f.message.partition(" holds ")[2][:6]))) for name, f in said.items()
    } == {
        "faulty.d": 3,
        "faulty.dt": 2,
        "faulty.ts": 1,
        "faulty.v": 2,
        "faulty.e": 1,
    }
    assert all(finding.severity is Severity.warn for finding in said.values())
    assert {f.object for f in results["variants"].findings} == {"faulty.flag", "faulty.n"}
    open_ = {question.key for question in faulty.plan().questions if not question.default}
    assert open_ == {
        "zero dates:faulty.d",
        "zero dates:faulty.dt",
        "zero dates:faulty.ts",
        "nul bytes:faulty.v",
        "blank enum:faulty.e",
    }


def test_without_an_answer_nothing_arrives_and_no_value_is_quoted(faulty: Move) -> None:
    with pytest.raises(Permanent) as caught:
        faulty.run()
    assert "faulty" in caught.value.what and "0000-00-00" not in str(caught.value.problem())
    assert rows(faulty.target, "select count(*) from faulty") == [(0,)]


def test_answers_decide_and_the_verdict_repeats_them(faulty: Move) -> None:
    faulty.decisions = {
        "zero dates:faulty.d": "epoch",
        "zero dates:faulty.dt": "null",
        "zero dates:faulty.ts": "-infinity",
        "nul bytes:faulty.v": "strip",
        "blank enum:faulty.e": "keep",
        "type:faulty.flag": "boolean",
    }
    verdict = faulty.run()
    assert verdict.reasons == []
    assert rows(faulty.target, "select id, d::text, dt::text, ts::text, v, e, flag, n from faulty order by id") == [
        (1, "2020-01-01", "2020-01-01 00:00:00", "2020-01-01 00:00:00+00", "fine", "a", True, 1),
        (2, "1970-01-01", None, "-infinity", "nulbyte", "", True, 18446744073709551615),
        (3, "1970-01-01", None, "2020-01-01 00:00:00+00", "", "b", True, 0),
        (4, "1970-01-01", None, "2020-01-01 00:00:00+00", "fine", None, None, None),
    ]
    said = {d.name.partition(".")[2]: d.what for d in verdict.transformed}
    assert said["faulty.d"] == "zero dates: store 1970-01-01 (3 values)"
    assert said["flag"] == "becomes boolean" and len(said) == 6


def test_null_as_an_answer_opens_a_column_that_was_not_null(faulty: Move) -> None:
    about = ("zero dates:faulty.d", "zero dates:faulty.dt", "zero dates:faulty.ts", "nul bytes:faulty.v")
    faulty.decisions = dict.fromkeys((*about, "blank enum:faulty.e"), "null")
    assert faulty.run().reasons == []
    assert rows(faulty.target, "select count(d), count(dt), count(ts), count(v), count(e) from faulty") == [
        (1, 1, 3, 2, 2)
    ]
    assert nothing_of_ours(faulty.target)


def test_a_table_too_large_to_search_asks_once_and_mends_if_told_to(
    faulty: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect_values, "LARGE_BYTES", 0)
    plan = faulty.plan()
    asked = {question.key: question.default for question in plan.questions}
    assert asked["unsearched"] == "stop" and asked["type:faulty.flag"] == "smallint"
    assert not any(key.startswith(("zero", "nul", "blank")) for key in asked)
    assert faulty.findings("values")[0].severity is Severity.unknown
    with pytest.raises(Permanent, match="Copying"):
        faulty.run(plan=plan)
    with faulty.conductor(plan) as conductor:
        conductor.undo(Spy())
    faulty.decisions = {"unsearched": "mend"}
    verdict = faulty.run()
    assert verdict.reasons == [] and [d.name for d in verdict.transformed] == ["every column"]
    assert rows(faulty.target, "select d::text, dt::text, v, e from faulty where id = 2") == [
        ("1970-01-01", None, "nulbyte", "")
    ]


GBK = """
create table odd (id int primary key, g varchar(20) character set gbk, u varchar(20));
insert into odd values (1, '中文', 'fine');
"""


def test_bytes_that_are_no_text_are_never_replaced_unasked(faulty: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty.source.execute(GBK + "insert into odd values (2, x'a2ab', 'fine')")
    faulty.options = Options(include=(f"{faulty.source.name}.odd",))
    (finding,) = faulty.findings("values")
    assert finding.object == "odd.g" and "1 invalid text" in finding.message
    with pytest.raises(Permanent, match="Copying"):
        faulty.run()
    with faulty.conductor() as conductor:
        conductor.undo(Spy())
    faulty.decisions = {"invalid text:odd.g": "replace"}
    assert faulty.run().reasons == []
    assert [g.rstrip("?") for (g,) in rows(faulty.target, "select g from odd order by id")] == ["中文", ""]


FORMS = (
    "create table forms (id int primary key, f float, r double, v varchar(100), n decimal(65,30), at datetime(6),"
    " ts timestamp(6) null, tm time(6), d date, i bigint, u bigint unsigned, bits bit(64), b varbinary(100))"
)


class Sides:
    """One row at a time on both servers, by the forms of the table."""

    def __init__(self, source: Source, target: psycopg.Connection[Any]) -> None:
        self.mine = mysql.connect(source.endpoint, purpose="test")
        catalog = read(self.mine, source.name)
        self.forms = {column.name: column.form for column in Shape(catalog, Options(), Rules()).tables[0].columns}
        self.target = target
        pin(target)

    def texts(self, name: str, values: list[Any]) -> tuple[list[Any], list[Any]]:
        """The canonical texts of the values on both sides; the target is given what the source renders."""
        form = self.forms[name]
        with self.mine.cursor() as cursor:
            cursor.execute("truncate forms")
            cursor.executemany(f"insert into forms (id, {name}) values (%s, %s)", list(enumerate(values)))
            cursor.execute(f"select {form.rendered}, concat('', {form.source}) from forms order by id")
            found = [(_text(a), _text(b)) for a, b in cursor.fetchall()]
        query = f"select {form.target} from (select unnest(%s::text[])::{form.type} as {name}) s"
        theirs = [row[0] for row in self.target.execute(query.encode(), [[a for a, _ in found]]).fetchall()]
        return [b for _, b in found], theirs


def _text(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else None if value is None else str(value)


@pytest.fixture(scope="module")
def forms(mariadb_server: MariaDbServer, pg_server: Any) -> Iterator[Sides]:
    server = pg_server.server(16)
    with fresh_source(mariadb_server, FORMS) as source, psycopg.connect(server.dsn(), autocommit=True) as target:
        sides = Sides(source, target)
        yield sides
        sides.mine.close()


EXAMPLES = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@EXAMPLES
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=150))
def test_doubles_arrive_exactly(forms: Sides, values: list[float]) -> None:
    assert [float(text) for text in forms.texts("r", values)[1]] == values


@EXAMPLES
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=150))
def test_floats_arrive_exactly(forms: Sides, values: list[float]) -> None:
    assert [nearest(float(text)) for text in forms.texts("f", values)[1]] == values


def nearest(value: float) -> float:
    """The nearest number of 32 bits."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


@EXAMPLES
@given(st.lists(st.decimals(-(10**34), 10**34, places=30, allow_nan=False), min_size=1, max_size=80))
def test_decimals_have_one_text(forms: Sides, values: list[Any]) -> None:
    mine, theirs = forms.texts("n", values)
    assert mine == theirs


@EXAMPLES
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=100), min_size=1))
def test_texts_have_one_text(forms: Sides, values: list[str]) -> None:
    mine, theirs = forms.texts("v", values)
    assert mine == theirs == values


@EXAMPLES
@given(st.lists(st.datetimes(), min_size=1, max_size=80))
def test_datetimes_have_one_text(forms: Sides, values: list[Any]) -> None:
    mine, theirs = forms.texts("at", [str(value) for value in values])
    assert mine == theirs


@EXAMPLES
@given(st.lists(st.integers(10**6, 2**31 * 10**6 - 1), min_size=1, max_size=80))
def test_timestamps_have_one_text(forms: Sides, micros: list[int]) -> None:
    mine, theirs = forms.texts("ts", [instant(value) for value in micros])
    assert mine == theirs


@EXAMPLES
@given(st.lists(st.integers(0, 86_400 * 10**6 - 1), min_size=1, max_size=80))
def test_times_of_a_day_have_one_text(forms: Sides, micros: list[int]) -> None:
    mine, theirs = forms.texts("tm", [clock(value) for value in micros])
    assert mine == theirs


@EXAMPLES
@given(st.lists(st.dates(), min_size=1, max_size=80))
def test_dates_have_one_text(forms: Sides, values: list[Any]) -> None:
    mine, theirs = forms.texts("d", [str(value) for value in values])
    assert mine == theirs == [str(value) for value in values]


@EXAMPLES
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=80))
def test_whole_numbers_arrive_exactly(forms: Sides, values: list[int]) -> None:
    assert [int(text) for text in forms.texts("i", values)[1]] == values
    positive = [max(value, -value - 1) for value in values]  # larger ones make the column numeric, after a look
    assert [int(text) for text in forms.texts("u", positive)[1]] == positive
    unsigned = [value + 2**63 for value in values]
    assert [int(text, 2) for text in forms.texts("bits", unsigned)[1]] == unsigned


@EXAMPLES
@given(st.lists(st.binary(max_size=100), min_size=1, max_size=80))
def test_bytes_have_one_digest(forms: Sides, values: list[bytes]) -> None:
    mine, theirs = forms.texts("b", values)
    assert mine == theirs and len(set(theirs)) == len(set(values))
