"""What a person or ferrybot.yaml chooses between MariaDB and PostgreSQL: types, how texts compare, partitions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.model import Options, Question, Scope, Severity
from tests.servers.mypg_run import Move, Source, fresh_source, work
from tests.servers.pg_run import Spy, nothing_of_ours, rows
from tests.support.servers import FreshDatabase, PostgresPool

TEXTS = """
create table people (
    id int primary key, email varchar(12) collate utf8mb4_general_ci not null unique, name varchar(20) default 'x',
    note longtext collate utf8mb4_unicode_ci, code varchar(9) collate utf8mb4_bin unique, key prefix (note(5)));
create table cards (id int primary key, email varchar(12) collate utf8mb4_general_ci,
    foreign key owner (email) references people (email));
insert into people values (1, 'Ann@x', 'Ann', 'Note, one', 'a'), (2, 'bób@x', 'Bob', null, 'A');
insert into cards values (1, 'ann@X'), (2, null);
"""


@pytest.fixture
def source(mariadb_server: MariaDbServer) -> Iterator[Source]:
    with fresh_source(mariadb_server) as made:
        yield made


@pytest.fixture
def able(source: Source, fresh_db: FreshDatabase, pg_server: PostgresPool) -> Move:
    """A target of Debian's, which has ICU and citext."""
    return Move(source, fresh_db(pg_server.server(15)))


@pytest.fixture
def move(source: Source, fresh_db: FreshDatabase, pg16: PostgresServer) -> Move:
    return Move(source, fresh_db(pg16))


def asked(move: Move) -> dict[str, Question]:
    return {question.key: question for question in move.plan().questions}


def test_texts_compare_as_in_the_source_by_icu(able: Move) -> None:
    able.source.execute(TEXTS)
    assert [c.value for c in asked(able)["collations"].choices][:3] == ["plain", "icu", "icu keys"]
    assert "cards.email" not in str(able.findings("left")) and able.findings("collations")
    able.decisions = {"collations": "icu"}
    assert not able.findings("collations")
    verdict = able.run()
    assert verdict.reasons == []
    assert [d.what for d in verdict.transformed if d.name == "collations"] == ["ICU collations that ignore them too"]
    with able.target.connect() as target:
        for query in ("email = 'ANN@X'", "email = 'ånn@x'", "name = 'ANN'", "note = 'NOTE, ONE'"):
            assert target.execute(f"select id from people where {query}").fetchall() == [(1,)], query
        assert target.execute("select id from people where code = 'A'").fetchall() == [(2,)]
        with pytest.raises(psycopg.errors.UniqueViolation):
            target.execute("insert into people values (3, 'BOB@X')")
        target.execute("insert into cards values (3, 'BOB@x')")


def test_a_view_that_means_something_else_is_found_by_its_rows(able: Move) -> None:
    able.source.execute(
        TEXTS + "create view anns as select id from people where name = 'ANN';\n"
        "create view all_of_them as select id, upper(name) as n from people;\n"
        "create definer = nobody@nowhere view unread as select id from people"
    )
    verdict = able.run(finish=False)
    assert verdict.reasons[-1] == (
        "view rows public.anns: 1 rows in the source, 0 in the target: it means something else there"
    )
    with able.conductor() as conductor:
        conductor.undo(Spy())
    able.decisions = {"collations": "icu"}
    verdict = able.run()
    assert verdict.reasons == []
    assert [(d.name, d.why) for d in verdict.transformed if d.kind == "view rows"] == [
        ("public.unread", "the source did not count it (error 1449)")
    ]


def test_only_columns_with_an_index_compare_so_where_that_was_chosen(able: Move) -> None:
    able.source.execute(TEXTS)
    able.decisions = {"collations": "icu keys", "collation:people.note": "plain"}
    assert "collation:people.note" in asked(able)
    with able.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        made = rows(able.target, "select attname from pg_attribute a join pg_type t on t.oid = atttypid"
                    " where attrelid = 'people'::regclass and attcollation <> typcollation")  # fmt: skip
        assert made == [("email",)]
        conductor.undo(Spy())
    assert nothing_of_ours(able.target)
    assert rows(able.target, "select count(*) from pg_collation where collname like 'mysql%'") == [(0,)]


@pytest.mark.parametrize("there", [False, True])
def test_citext_is_made_where_it_is_missing_and_taken_back_only_then(able: Move, there: bool) -> None:
    able.source.execute(TEXTS)
    if there:
        with able.target.connect() as target:
            target.execute("create extension citext")
    # The file says citext, wherever it comes from.
    able.rules = (("collations", "citext keys"),)
    word = "citext keys" if there else "new citext keys"
    assert asked(able)["collations"].default == word and not able.findings("rules")
    (finding,) = able.findings("collations")
    assert "accents" in finding.message
    with able.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        with able.target.connect() as target:
            assert target.execute("select id from people where email = 'ANN@X'").fetchall() == [(1,)]
            assert target.execute("select id from people where name = 'ANN'").fetchall() == []
            with pytest.raises(psycopg.errors.CheckViolation):
                target.execute("insert into people values (3, 'longer than twelve')")
        conductor.undo(Spy())
    assert rows(able.target, "select count(*) from pg_extension where extname = 'citext'") == [(int(there),)]


def test_a_target_without_icu_and_citext_is_told(move: Move) -> None:
    move.source.execute(TEXTS)
    move.rules = (("collations", "icu"), ("column:people.name", "citext"))
    assert "collations" not in asked(move)
    said = {finding.object: finding for finding in move.findings("rules")}
    assert "neither ICU nor citext" in said["collations: icu"].message
    assert "people.name can be plain, text, varchar" in said["people.name: citext"].message
    assert said["collations: icu"].severity is Severity.warn
    # The source took 'ann@X' for 'Ann@x'; here that is an orphan, and it is said.
    assert [key.orphans for key in move.run().broken_keys] == [1]


TYPES = """
create table shapes (
    id int primary key, a tinyint(1) not null default 1, b tinyint(1), c bit(1) default b'1', d datetime(3),
    e timestamp not null default '2020-01-01 00:00:00' on update current_timestamp, s set('x','y') default 'x,y',
    k1 enum('b','a') default 'a', k2 enum('b','a'), u char(36) character set ascii, h binary(16), v varchar(9),
    n bigint unsigned, t time(1), j json, stamp timestamp null default current_timestamp,
    key (k1), key (b), key (u)
);
insert into shapes values
    (1, 1, 0, 1, '2021-02-03 04:05:06.700', '2022-01-01', 'x', 'b', 'a', 'AAAAAAAA-0000-4000-8000-00000000000F',
     x'00112233445566778899aabbccddeeff', 'v', 7, '10:11:12.5', '{"a": 1}', '2022-02-02'),
    (2, 0, null, 0, null, '2022-01-02', '', 'a', null, null, null, null, null, null, null, null);
create view flagged as select id from shapes where b = 0;
"""

CHOSEN = (
    ("enums", "text"),
    ("column:shapes.b", "smallint"),
    ("column:*.c", "bit"),
    ("column:shapes.d", "timestamptz"),
    ("column:shapes.e", "timestamp"),
    ("column:shapes.stamp", "timestamp"),
    ("column:SHAPES.s", "text"),
    ("column:*.k*", "type"),
    ("column:*.u", "uuid"),
    ("column:*.h", "uuid"),
    ("column:*.*", "text"),
    ("column:*.n", "numeric(20)"),
    ("column:shapes.t", "interval"),
    ("column:shapes.j", "json"),
)
WANTED = {
    "a": "boolean", "b": "smallint", "c": "bit(1)", "d": "timestamp(3) with time zone",
    "e": "timestamp(0) without time zone", "s": "text", "k1": "text", "k2": "shapes_k2", "u": "uuid", "h": "uuid",
    "v": "text", "n": "numeric(20,0)", "t": "interval(1)", "j": "json", "stamp": "timestamp(0) without time zone",
    "id": "integer",
}  # fmt: skip


def test_the_files_rules_choose_types_and_a_person_may_choose_otherwise(move: Move) -> None:
    move.source.execute(TYPES)
    assert not {key for key in asked(move) if key.startswith("type:")}
    move.rules = CHOSEN
    assert not move.findings("rules") and asked(move)["type:shapes.k1"].default == "type"
    before = move.plan()
    move.decisions = {"type:shapes.k1": "text"}
    plan = move.plan()
    assert plan.digest != before.digest and plan.schema_fingerprint != before.schema_fingerprint
    verdict = move.run(plan=plan)
    assert verdict.reasons == []
    assert {d.what: d.name for d in verdict.transformed}["becomes uuid"] == "shapes.u, shapes.h"
    query = """select attname, format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = 'shapes'::regclass and attnum > 0"""
    assert dict(rows(move.target, query)) == WANTED
    utc = dt.UTC
    query = "select a, b, c, d, e::text, s, k1, k2, u, h, n, t::text, j::text from shapes where id = 1"
    assert rows(move.target, query) == [
        (
            *(True, 0, "1", dt.datetime(2021, 2, 3, 4, 5, 6, 700000, utc), "2022-01-01 00:00:00", "x", "b", "a"),
            UUID("aaaaaaaa-0000-4000-8000-00000000000f"),
            UUID("00112233-4455-6677-8899-aabbccddeeff"),
            *(7, "10:11:12.5", '{"a": 1}'),
        )
    ]
    with move.target.connect() as target:
        target.execute("set timezone = 'Asia/Tokyo'")
        made = target.execute("insert into shapes (id) values (9) returning s, k1, c, e::text, stamp").fetchone()
        assert made and made[:4] == ("x,y", "a", "1", "2020-01-01 00:00:00")
        now = dt.datetime.now(utc).replace(tzinfo=None)
        assert abs(now - made[4]) < dt.timedelta(minutes=5)
        # The text sorts by its letters, the type by its members' order, as in the source.
        assert target.execute("select id from flagged").fetchall() == [(1,)]
        assert target.execute("select 'b'::shapes_k2 < 'a'::shapes_k2").fetchall() == [(True,)]


def test_a_tables_columns_are_gone_through_and_answers_stay(move: Move) -> None:
    move.source.execute(TYPES + "create table other (id int primary key, f tinyint(1), e enum('x'))")
    assert [c.value for c in asked(move)["columns"].choices] == ["none", "every", "table other", "table shapes"]
    move.decisions = {"columns": "table other"}
    assert {key for key in asked(move) if key.startswith("type:")} == {"type:other.f", "type:other.e"}
    assert {asked(move)["type:other.f"].default, asked(move)["type:other.e"].default} == {"boolean", "text"}
    move.decisions = {"columns": "table shapes", "type:other.f": "smallint", "enums": "type"}
    again = asked(move)
    assert "type:other.f" in again and "type:other.e" not in again and again["type:shapes.k1"].default == "type"
    assert move.run().reasons == []
    kinds = "select format_type(atttypid, -1) from pg_attribute where attrelid = 'other'::regclass and attnum > 1"
    assert rows(move.target, kinds) == [("smallint",), ("other_e",)]


def test_full_text_indexes_become_what_was_chosen(move: Move) -> None:
    move.source.execute(
        "create table t (id int primary key, a text, b varchar(9), fulltext key ft (a, b));\n"
        "insert into t values (1, 'quick brown', 'fox'), (2, null, 'dog')"
    )
    (said,) = [line for line in move.plan().left_out if "Full-text" in line]
    assert "stays behind" in said and "using gin (to_tsvector('simple', " in said
    move.rules = (("fulltext", "gin"),)
    assert "it is a GIN index now" in str(move.plan().left_out)
    assert move.run().reasons == []
    found = """select id from t where to_tsvector('simple', coalesce(a::text, '') || ' ' || coalesce(b::text, ''))
        @@ to_tsquery('simple', 'fox')"""
    with move.target.connect() as target:
        target.execute("set enable_seqscan = off")
        assert target.execute(found).fetchall() == [(1,)]
        assert "Bitmap Index Scan on ft" in str(target.execute(f"explain {found}").fetchall())


def test_a_rule_that_does_nothing_is_told(move: Move) -> None:
    move.source.execute("create table t (id int primary key, f tinyint(1));\ninsert into t values (1, 2)")
    move.rules = (("column:t.gone", "text"), ("column:t.id", "uuid"), ("column:t.f", "interval"), ("enums", "type"))
    said = {finding.object: finding.message for finding in move.findings("rules")}
    assert said == {
        "t.gone: text": "The rule t.gone: text does nothing: it names no column that moves.",
        "t.id: uuid": "The rule t.id: uuid does nothing: there is no choice.",
        "t.f: interval": "The rule t.f: interval does nothing: t.f can be boolean, smallint.",
    }
    move.rules = (("column:t.f", "boolean"),)
    assert asked(move)["type:t.f"].default == "boolean" and not move.findings("rules")
    assert move.run().reasons == []
    assert rows(move.target, "select f from t") == [(True,)]


def test_keys_between_columns_that_became_unlike_are_told(move: Move) -> None:
    move.source.execute(
        "create table t (k enum('a','b') primary key);\n"
        "create table c (id int primary key, k enum('a','b'), foreign key f (k) references t (k));\n"
        "insert into t values ('a');\ninsert into c values (1, 'a')"
    )
    move.rules = (("column:t.k", "type"),)
    assert any("its columns became text and an enum type of its own" in line for line in move.plan().left_out)
    assert move.run().reasons == []


PARTITIONED = """
create table sales (id int not null auto_increment, day date not null, note varchar(20), primary key (id, day),
    seen timestamp not null default '2020-01-01 00:00:00' on update current_timestamp, key (note))
    partition by range (year(day)) (partition p1 values less than (2020), partition p2 values less than (2021),
        partition rest values less than maxvalue);
insert into sales (day, note) values ('1999-12-31', 'a'), ('2020-01-01', 'b'), ('2020-12-31', 'c'),
    ('2021-01-01', 'd');
create table areas (id int, area int, primary key (id, area)) partition by list (area)
    (partition north values in (1, 2), partition south values in (3));
insert into areas values (1, 1), (2, 3);
create table hashed (id bigint unsigned primary key, v text) partition by key () partitions 3;
insert into hashed select seq, 'v' from seq_1_to_100;
create table spans (a int, b date, c int) partition by range columns (a, b)
    (partition q1 values less than (10, '2020-01-01'), partition q2 values less than (10, maxvalue),
     partition q3 values less than (maxvalue, maxvalue));
insert into spans values (null, null, 1), (10, '2019-12-31', 2), (10, '2020-01-01', 3), (11, null, 4);
create table moments (at timestamp not null, n int) partition by range (unix_timestamp(at))
    (partition m1 values less than (unix_timestamp('2020-01-01')), partition m2 values less than maxvalue);
insert into moments values ('2019-12-31 23:59:59', 1), ('2020-01-01', 2);
create table days (at datetime, n int) partition by range (to_days(at))
    (partition d1 values less than (to_days('2020-01-01')));
insert into days values ('2019-12-31 23:59:59', 1);
create table odd (id int primary key) partition by hash (id div 2) partitions 2;
insert into odd values (1), (2), (3);
"""


def test_partitions_stay_partitions_where_they_mean_the_same(
    move: Move, fresh_db: FreshDatabase, pg18: PostgresServer
) -> None:
    move.source.execute(PARTITIONED)
    move.target = fresh_db(pg18)
    plan = move.plan()
    said = [line for line in plan.left_out if line.startswith("Partitioning")]
    assert [line.split()[1] for line in said] == ["hashed", "odd"]
    assert "own hash" in said[0] and "no such expression" in said[1]
    verdict = move.run(plan=plan)
    assert verdict.reasons == [] and ("partition", 16) in [(kind, n) for kind, n in verdict.objects]
    places = "select tableoid::regclass::text, count(*) from {} group by 1 order by 1"
    assert rows(move.target, places.format("sales")) == [("sales_p1", 1), ("sales_p2", 2), ("sales_rest", 1)]
    with move.target.connect() as target:
        target.execute("update sales set note = 'e' where id = 1")
        assert target.execute("select id from sales where seen > '2020-01-01 00:00+00'").fetchall() == [(1,)]
    assert rows(move.target, places.format("areas")) == [("areas_north", 1), ("areas_south", 1)]
    assert rows(move.target, places.format("spans")) == [("spans_nulls", 2), ("spans_q1", 1), ("spans_q2", 1)]
    assert rows(move.target, places.format("moments")) == [("moments_m1", 1), ("moments_m2", 1)]
    with move.target.connect() as target:
        target.execute("insert into days values ('2019-12-31 23:59:59')")
        with pytest.raises(psycopg.errors.CheckViolation):
            target.execute("insert into days values ('2020-01-01')")
    assert rows(move.target, "select count(*) from pg_inherits where inhparent = 'hashed'::regclass") == [(3,)]
    with move.target.connect() as target:
        added = target.execute("insert into sales (day) values ('2020-06-06') returning id, tableoid::regclass::text")
        assert added.fetchone() == (5, "sales_p2")


def test_partitions_are_copied_again_taken_back_and_left_out_as_chosen(move: Move) -> None:
    move.source.execute(PARTITIONED)
    plan = move.plan()
    with move.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
    move.source.execute("update sales set day = '2025-05-05' where id = 1;\ndelete from hashed where id < 50")
    with move.conductor(plan) as conductor:
        assert conductor.prepare(Spy()) is True
        work(conductor)
        assert conductor.verdict().reasons == []
        assert rows(move.target, "select count(*) from sales_rest") == [(2,)]
        kept = conductor.keepsake()
        conductor.finish()
        assert "removed" in conductor.roll_back(kept, Spy())
    assert rows(move.target, "select count(*) from pg_class where relnamespace = 'public'::regnamespace") == [(0,)]
    move.decisions = {"partitions": "one"}
    verdict = move.run()
    assert verdict.reasons == []
    assert rows(move.target, "select count(*) from pg_inherits i join pg_class c on c.oid = inhrelid"
                " where relkind = 'r'") == [(0,)]  # fmt: skip


def test_rows_alone_go_into_partitions_and_come_out_again(move: Move) -> None:
    move.source.execute(PARTITIONED)
    move.options = Options(scope=Scope.schema_only)
    assert move.run().reasons == []
    move.options = Options(scope=Scope.data_only)
    assert not [f for check in move.checks().values() for f in check.findings if f.severity is Severity.block]
    with move.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        assert "emptied" in conductor.undo(Spy())
    assert rows(move.target, "select (select count(*) from sales), (select count(*) from odd)") == [(0, 0)]
    with move.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        kept = conductor.keepsake()
        conductor.finish()
        assert rows(move.target, "select (select count(*) from sales), (select count(*) from odd)") == [(4, 3)]
        assert conductor.roll_back(kept, Spy()).startswith("7 tables were emptied")
    assert rows(move.target, "select (select count(*) from sales), (select count(*) from odd)") == [(0, 0)]
