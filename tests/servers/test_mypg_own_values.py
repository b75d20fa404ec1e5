"""Values of a person's own in the place of what PostgreSQL refuses: named in the file, held against the column before
anything runs, part of plan, digest and verdict, counted, and proven on both sides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.model import Severity
from jobs.engines.mysql_postgres import inspect_values
from tests.servers.mypg_run import Move, fresh_source
from tests.servers.pg_run import rows
from tests.support.servers import FreshDatabase

FAULTY = r"""
create table f (
    id int primary key, d date not null, dt datetime(3), v varchar(20) not null, l longtext, e enum('a','it''s'),
    g varchar(5) character set gbk, flag tinyint(1), n bigint unsigned, t time(2), j longtext,
    b bigint unsigned unique, constraint j_ok check (json_valid(j))
);
set sql_mode = '';
insert into f values
    (1, '2020-01-01', '2020-01-01', 'fine', 'fine', 'a', '中文', 1, 1, '10:00:00', '{}', 1),
    (2, '0000-00-00', '2020-00-10', 'n\0u\0l', 'a\0b', '', x'a2ab', 2, 18446744073709551615, '24:00:00',
     '["\\u0000"]', 2),
    (3, '2020-02-00', null, '\0', null, null, null, null, 9223372036854775808, '-00:00:01.5', null,
     18446744073709551615);
"""

VALUES = (
    ("value:zero dates:*.*", "1999-12-31"),
    ("value:zero dates:f.dt", "1999-12-31 23:59:59.120"),
    ("value:nul bytes:f.*", "␀"),
    ("value:blank enum:f.e", "it's"),
    ("value:invalid text:f.g", "'\\?"),
    ("value:nul escapes:f.j", '{"lost": true}'),
    ("value:out of range:f.n", "9223372036854775807"),
    ("value:out of range:f.t", "23:59:59.90"),
    ("value:out of range:f.flag", "0"),
)


@pytest.fixture
def move(mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg16: PostgresServer) -> Iterator[Move]:
    with fresh_source(mariadb_server) as source:
        with source.connect() as connection, connection.cursor() as cursor:
            for statement in FAULTY.split(";\n"):
                if statement.strip():
                    cursor.execute(statement)
        yield Move(source, fresh_db(pg16), rules=VALUES)


ARRIVED = [
    ("1999-12-31", "1999-12-31 00:00:00", "n␀u␀l", "a␀b", "it's", "'\\?", False, 9223372036854775807),
    ("1999-12-31", None, "␀", None, None, None, None, 9223372036854775807),
]
SHOWN = "select d::text, dt::text, v, l, e, g, flag, n from f where id > 1 order by id"


def test_named_values_arrive_are_counted_and_proven(move: Move) -> None:
    plan = move.plan()
    defaults = {question.key: question.default for question in plan.questions if question.key.endswith((".n", ".t"))}
    assert defaults == {
        "type:f.n": "bigint",
        "out of range:f.n": "=9223372036854775807",
        "type:f.t": "time",
        "out of range:f.t": "=23:59:59.9",
    }
    verdict = move.run(plan=plan)
    assert verdict.reasons == []
    assert rows(move.target, SHOWN) == ARRIVED
    assert rows(move.target, "select pg_typeof(n)::text, t::text, j::text, b from f where id > 1 order by id") == [
        ("bigint", "23:59:59.9", '{"lost": true}', 2),
        ("bigint", "23:59:59.9", None, 18446744073709551615),
    ]
    said = {d.name.rpartition(".")[2]: d.what for d in verdict.transformed if d.kind == "values"}
    assert said["d"] == "zero dates: store 1999-12-31 (2 values)"
    assert said["v"] == "nul bytes: store ␀ (2 values)" and said["g"] == "invalid text: store '\\? (1 value)"
    assert said["n"] == "out of range: store 9223372036854775807 (2 values)" and len(said) == 10


def test_a_named_value_is_part_of_the_digest_and_gives_way_to_an_answer(move: Move) -> None:
    first = move.plan().digest
    move.rules = tuple((at, "1999-12-30" if at == "value:zero dates:*.*" else value) for at, value in VALUES)
    assert move.plan().digest != first
    move.decisions = {"zero dates:f.d": "-infinity", "type:f.n": "numeric(20)"}
    assert move.run().reasons == []
    assert rows(move.target, "select d::text, n from f where id = 2") == [("-infinity", 18446744073709551615)]


def test_named_values_hold_where_nobody_searched(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_values, "LARGE_BYTES", 0)
    assert move.run().reasons == []
    assert rows(move.target, SHOWN) == ARRIVED


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        ("zero dates:f.d", "1999-12-31 10:00:00", "a date without a time"),
        ("zero dates:f.dt", "1999-12-31 10:00:00.1234", "at most 3 digits"),
        ("blank enum:f.e", "b", "one of the column's words"),
        ("invalid text:f.g", "sixsix", "at most 5 letters"),
        ("out of range:f.n", "9223372036854775808", "from -9223372036854775808 to"),
        ("out of range:f.t", "5", "a time of a day"),
        ("out of range:f.flag", "2", "from 0 to 1"),
        ("out of range:f.b", "5", "key b forbids it"),
    ],
)
def test_a_value_that_does_not_fit_its_column_stops_everything(move: Move, at: str, value: str, said: str) -> None:
    move.rules = ((f"value:{at}", value),)
    about, _, column = at.partition(":")
    (finding,) = (f for f in move.findings("rules") if f.severity is Severity.block)
    assert finding.object == f"{column}: {about}" and said in finding.message


def test_a_rule_for_values_that_no_column_can_hold_is_told(move: Move) -> None:
    move.rules = (("value:blank enum:f.d", "x"), ("value:zero dates:nowhere.*", "1999-12-31"))
    found = move.findings("rules")
    assert [f.severity for f in found] == [Severity.warn, Severity.warn]
    assert "does nothing" in found[0].message
