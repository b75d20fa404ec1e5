"""Blanks that fill a char(n) up stay behind, and nothing else changes: every value arrives as it was, to the byte."""

from __future__ import annotations

from typing import LiteralString

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core import chunks
from jobs.core.model import Options, Scope
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.perform import padding
from tests.servers.pg_run import Migration, Spy, assert_same, rows, work
from tests.support.servers import Database, FreshDatabase, PostgresPool, database_with

WITHOUT, AS_IT_IS = "copy binary without padding", "copy binary"
VALUES = r"""
create table padded (id int, "a ""b" char(40), note char(300), free bpchar, two char(2), v varchar(40));
insert into padded select i, (array[null, '', 'x', ' y', 'ü', 'z' || chr(9), 'n' || chr(160)])[i % 7 + 1],
    case when i % 50 = 0 then repeat('w', 300) when i % 3 = 0 then 'é' end, rpad('free', 50), 'd', rpad('v', 40)
    from generate_series(1, 9000) i;
"""
"""Among them NULL, wholly blank, a blank before, several bytes a letter, a tab and a no-break space at the end, and
no blank at all; a bpchar without length and a varchar, whose blanks are their own."""
SHOWN = """
select id, convert_to("a ""b"::text, 'UTF8'), octet_length("a ""b"), convert_to(note::text, 'UTF8'),
    octet_length(note), length(note), octet_length(free), octet_length(two), octet_length(v)
from padded order by id"""


@pytest.fixture(autouse=True)
def any_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(padding, "WORTH_BYTES", 0)


def moved(source: Database, target: Database, options: Options | None = None) -> tuple[dict[str, str], Spy]:
    """Runs; table -> how its rows came, and what was said meanwhile."""
    migration, spy = Migration(source, target, options or Options()), Spy()
    with conduct(migration.asked(), plan := migration.plan()) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), plan, plan.options.parallelism, spy)
        assert conductor.verdict().reasons == []
        methods = {line["table"]: line["method"] for line in conductor.report()}
        conductor.finish()
    return methods, spy


def built(database: Database, *statements: str) -> Database:
    with database.connect() as connection:
        for statement in (*statements, "analyze"):
            connection.execute(statement)
    return database


def test_every_value_arrives_as_it_was(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> None:
    source, target = built(fresh_db(pg16), VALUES), fresh_db(pg18)
    methods, _ = moved(source, target)
    assert methods == {"public.padded": WITHOUT}
    assert rows(target, SHOWN) == rows(source, SHOWN)
    assert_same(source, target)


@pytest.mark.parametrize(
    ("encoding", "letters"),
    [
        ("encoding 'LATIN1' locale 'C'", "chr(252) || chr(233)"),
        ("encoding 'EUC_JP' locale 'C'", "'日本'"),
        ("encoding 'SQL_ASCII' locale 'C'", r"E'\xe9\xff'"),
    ],
)
def test_whatever_the_encoding(pg16: PostgresServer, encoding: LiteralString, letters: LiteralString) -> None:
    """Blanks are cut from the bytes that travel, which are UTF-8 or of no encoding at all."""
    with database_with(pg16, "padding_one", encoding) as one, database_with(pg16, "padding_two", encoding) as two:
        source = built(
            one,
            "create table padded (id int, c char(30))",
            f"insert into padded select i, {letters} || i % 3 from generate_series(1, 500) i",
        )
        methods, _ = moved(source, two)
        assert methods == {"public.padded": WITHOUT}
        shown = (
            f"select id, length(c), octet_length(c) - octet_length(c::text), c = {letters} || id % 3"
            " from padded order by id"
        )
        assert rows(two, shown) == rows(source, shown)


def test_values_that_fill_their_column_travel_as_they_are(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer
) -> None:
    source = built(
        fresh_db(pg16),
        "create table full_up as select i as id, md5(i::text)::char(32) as hash from generate_series(1, 3000) i",
        "create table short as select i as id, 'DE'::char(10) as country from generate_series(1, 3000) i",
        "create table six as select i as id, 'Berlin'::char(20) as town from generate_series(1, 3000) i",
        "create table nearly_half as select i as id, md5(i::text)::char(60) as hash from generate_series(1, 3000) i",
        "create table empty_one (id int, c char(80))",
        "create table mixed as select i as id, ''::char(80) as c, md5(i::text)::char(32) as hash"
        " from generate_series(1, 3000) i",
    )
    target = fresh_db(pg18)
    methods, _ = moved(source, target)
    assert methods == {
        "public.full_up": AS_IT_IS,
        "public.short": AS_IT_IS,
        "public.six": AS_IT_IS,
        "public.nearly_half": AS_IT_IS,
        "public.empty_one": AS_IT_IS,
        "public.mixed": WITHOUT,
    }
    assert_same(source, target)


def test_blanks_arrive_where_the_target_has_another_type(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer
) -> None:
    source = built(
        fresh_db(pg16),
        "create table padded as select i as id, 'a'::char(40) as c from generate_series(1, 3000) i",
    )
    target = built(fresh_db(pg18), "create table padded (id int, c varchar(40))")
    methods, _ = moved(source, target, Options(scope=Scope.data_only))
    assert methods == {"public.padded": "copy text"}
    assert rows(target, "select distinct octet_length(c) from padded") == [(40,)]


def test_parts_leave_their_padding_too(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "LEAST_BYTES", 1 << 20)
    source, target = built(fresh_db(pg16), VALUES), fresh_db(pg18)
    methods, _ = moved(source, target, Options(parallelism=4))
    assert methods == {"public.padded": WITHOUT}
    assert rows(target, "select count(distinct xmin::text) > 1 from padded") == [(True,)]
    assert rows(target, SHOWN) == rows(source, SHOWN)


def test_servers_that_cannot_trim_bytes_send_all(
    fresh_db: FreshDatabase, pg_server: PostgresPool, pg18: PostgresServer
) -> None:
    source, target = built(fresh_db(pg_server.server(13)), VALUES), fresh_db(pg18)
    methods, _ = moved(source, target)
    assert methods == {"public.padded": AS_IT_IS}
    assert rows(target, SHOWN) == rows(source, SHOWN)


def test_what_stays_behind_counts_as_moved(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card's bytes would otherwise stand at a third when all rows have arrived."""
    source = built(
        fresh_db(pg16),
        "create table padded as select i as id, ''::char(200) as c from generate_series(1, 200000) i",
    )
    _, with_it = moved(source, fresh_db(pg18))
    monkeypatch.setattr(padding, "WORTH_BYTES", 1 << 40)
    methods, without = moved(source, fresh_db(pg18))
    assert methods == {"public.padded": AS_IT_IS}
    plain, spared = per_row(without), per_row(with_it)
    assert plain > 200
    assert spared == pytest.approx(plain, rel=0.01)


def per_row(spy: Spy) -> float:
    """Bytes for each row by the last report while rows travelled, which may be of any share of them."""
    told = [(rows, moved) for task, _, rows, moved in spy.reports if task.startswith("copy ") and rows]
    rows, moved = max(told)
    return moved / rows
