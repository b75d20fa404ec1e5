"""Schemas that a distrustful expert would try, from MariaDB to MariaDB and to PostgreSQL: each was wrong once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.model import Severity
from tests.servers.mypg_run import Move, fresh_source
from tests.servers.mysql_run import Migration, assert_same, databases
from tests.servers.pg_run import rows
from tests.support.servers import FreshDatabase

SUBPARTS = """
create table named (id int not null, d date not null, primary key (id, d)) partition by range (year(d))
    subpartition by hash (to_days(d)) subpartitions 2 (
    partition p0 values less than (2000) (subpartition s0, subpartition s1),
    partition p1 values less than maxvalue (subpartition s2 comment = 'it''s', subpartition s3 max_rows = 9));
insert into named values (1, '1999-01-01'), (2, '2005-05-05'), (3, '2005-05-06');
create table listed (id int not null, k int not null, primary key (id, k)) partition by list (id)
    subpartition by key (k) subpartitions 3 (partition x values in (1, 2, 3), partition y values in (4, 5, 6));
insert into listed values (1, 1), (2, 2), (4, 4), (5, 100)
"""


@pytest.fixture
def move(mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg16: PostgresServer) -> Iterator[Move]:
    with fresh_source(mariadb_server) as source:
        yield Move(source, fresh_db(pg16))


def test_subpartitions_and_comments_arrive_to_the_letter(mariadb_server: MariaDbServer) -> None:
    with databases(mariadb_server) as (source, target):
        source.run(*SUBPARTS.split(";\n"))
        source.run(
            "create table told (id int auto_increment primary key) comment = 'has AUTO_INCREMENT=77, ENGINE=x'"
        )
        source.run("create table plain (id int) comment = ' AUTO_INCREMENT=9'", "insert into told values (5)")
        where = "select table_name, partition_name, subpartition_name, partition_comment, table_rows"
        where += " from information_schema.partitions where table_schema = database() order by 1, 2, 3"
        assert Migration(source, target).run().reasons == []
        assert_same(source, target)
        assert source.rows(where) == target.rows(where)


def test_subpartitions_are_told_where_they_cannot_stay(move: Move) -> None:
    move.source.execute(SUBPARTS)
    left = [line for line in move.plan().left_out if "subpartitions" in line]
    assert sorted(line.split()[1] for line in left) == ["listed", "named"]
    verdict = move.run()
    assert verdict.reasons == [] and sum("subpartitions" in d.why for d in verdict.transformed) == 2
    assert rows(move.target, "select tableoid::regclass::text, id from named order by id") == [
        ("named_p0", 1),
        ("named_p1", 2),
        ("named_p1", 3),
    ]


def test_a_default_of_bytes_is_told_of_its_table_and_hides_no_other(mariadb_server: MariaDbServer) -> None:
    with databases(mariadb_server) as (source, target):
        source.run("create table bytes (id int, b varbinary(9) default 0x00ff)", "create table fine (id int)")
        found = [f for f in Migration(source, target).checks()["broken"].findings if f.severity is Severity.block]
        assert [finding.object for finding in found] == ["bytes"] and "no text" in found[0].message


def test_letters_of_wide_character_sets_are_no_nul_bytes(move: Move) -> None:
    move.source.execute(
        "create table wide (id int primary key, a varchar(9) character set ucs2, b text character set utf32,"
        " c longtext character set utf16);\n"
        "insert into wide values (1, 'abc', 'Ā🙂', 'x'), (2, 'n\\0', null, 'n\\0l')"
    )
    asked = {q.key: q.title for q in move.plan().questions if q.key.startswith("nul")}
    assert asked.keys() == {"nul bytes:wide.a", "nul bytes:wide.c"}
    assert "1 text with a NUL byte" in asked["nul bytes:wide.a"]
    move.decisions = dict.fromkeys(asked, "null")
    assert move.run().reasons == []
    assert rows(move.target, "select a, b, c from wide order by id") == [("abc", "Ā🙂", "x"), (None, None, None)]


def test_queries_with_names_of_their_own_and_views_on_what_stays_behind(move: Move) -> None:
    move.source.execute(
        "create table t (id int primary key);\ninsert into t values (1), (2);\n"
        "create view a_counts as with recursive r as (select 1 as n union all select n + 1 from r where n < 5),"
        " T2 as (select id from t) select r.n from r join T2 on T2.id = r.n;\n"
        "create function f (a int) returns int deterministic return a;\n"
        "create view z_calls as select f(id) as x from t;\ncreate view b_reads as select x from z_calls;\n"
        "create view a_reads as select x + 1 as y from b_reads"
    )
    left = {line.split()[1]: line for line in move.plan().left_out if line.startswith("View")}
    assert left.keys() == {"a_reads", "b_reads", "z_calls"} and "z_calls, which does not travel" in left["b_reads"]
    assert move.run().reasons == []
    assert rows(move.target, "select n from a_counts order by 1") == [(1,), (2,)]


def test_a_counter_at_its_end_arrives_at_its_end(move: Move) -> None:
    move.source.execute(
        "create table full_ (id int auto_increment primary key);\ninsert into full_ values (2147483647)"
    )
    assert move.run().reasons == []
    assert rows(move.target, "select last_value, is_called from full__id_seq") == [(2147483647, True)]


def test_a_rows_period_and_computed_flags(move: Move) -> None:
    move.source.execute(
        "create table past (x int primary key, since timestamp(6) generated always as row start,"
        " until timestamp(6) generated always as row end, period for system_time (since, until))"
        " with system versioning partition by system_time (partition h history, partition c current);\n"
        "insert into past (x) values (1);\nupdate past set x = 3;\n"
        "create table flags (id int primary key, a int, i tinyint(1) as (a > 3) virtual, s tinyint(1) as (a) stored,"
        " n tinyint(1) as (a is null) stored);\n"
        "insert into flags (id, a) values (1, 5), (2, 1), (3, null)"
    )
    assert any("past.since" in line and "version" in line for line in move.plan().left_out)
    assert move.run().reasons == []
    assert rows(move.target, "select x, until::text from past") == [(3, "2038-01-19 03:14:07.999999+00")]
    assert rows(move.target, "select i::int, s::int, n::int from flags order by id") == [
        (1, 5, 0),
        (0, 1, 0),
        (None, None, 1),
    ]


def test_what_postgresql_cannot_compute_is_told_before_and_its_values_travel(move: Move) -> None:
    move.source.execute(
        "create table g (id int primary key, a int, b varchar(9), d datetime, ts timestamp null,"
        " q int as (quarter(d)), dm int as (dayofmonth(d)) stored, dy int as (dayofyear(d)), y int as (year(d)),"
        " zy int as (year(ts)), h int as (hour(d)), x varchar(20) as (hex(a)),"
        " w varchar(30) as (concat_ws('-', a, b)), n int default (id + 1),"
        " l datetime as (d - interval a hour) stored, t int as (to_days(d)));\n"
        "insert into g (id, a, b, d, ts) values (1, 5, 'x', '2024-12-31 23:59:59', '2024-12-31 23:59:59'),"
        " (2, null, null, null, null);\n"
        "create view v as select substring_index(b, '-', 1) as s from g"
    )
    left = {line.split()[2] if line.startswith("Gen") else line.split()[1] for line in move.plan().left_out}
    assert {"g.zy", "g.h", "g.x", "g.w", "g.l", "g.t", "g.n", "v"} <= left
    assert not left & {"g.q", "g.dm", "g.dy", "g.y"}
    assert move.run().reasons == []
    assert rows(move.target, "select q, dm, dy, y, zy, h, x, w, t from g where id = 1") == [
        (4, 31, 366, 2024, 2024, 23, "5", "5-x", 739616)
    ]


def test_views_mean_the_same_or_stay_behind(move: Move) -> None:
    move.source.execute(
        "create table t (Id int primary key, a int, b varchar(20), Flag tinyint(1), Doc json);\n"
        "insert into t values (12345, 7, 'ä-b', 1, '{\"k\": [1, \"x\"]}'), (2, null, 'q', 0, null);\n"
        "create view v as select Id, cast(Id as char) as c, cast(Id as char(2)) as c2, length(b) as bytes,"
        " char_length(b) as letters, greatest(a, 1) as g, case Flag when 1 then 'y' else 'n' end as f,"
        " json_value(Doc, '$.k[1]') as j, substr(b, 2, 1) as s, dayofmonth(cast('2020-02-03' as date)) as d from t;\n"
        "create view tail as select substr(b, -2) as s from t;\ncreate view cut as select left(b, a) as s from t"
    )
    left = {line.split()[1] for line in move.plan().left_out if line.startswith("View")}
    assert left == {"tail", "cut"}
    assert move.run().reasons == []
    assert rows(move.target, "select * from v order by id desc") == [
        (12345, "12345", "12", 4, 3, 7, "y", "x", "-", 3),
        (2, "2", "2", 1, 1, None, "n", None, "", 3),
    ]


def test_names_of_the_systems_own_columns_are_told(move: Move) -> None:
    move.source.execute("create table t (id int primary key, CTID int, oid int)")
    (finding,) = [f for f in move.findings("names") if f.severity is Severity.block]
    assert finding.object == "t.CTID"


def test_a_primary_key_is_offered_no_null(move: Move) -> None:
    with move.source.connect() as connection, connection.cursor() as cursor:
        cursor.execute("set sql_mode = ''")
        cursor.execute("create table t (d date, k varchar(9), primary key (d, k))")
        cursor.execute("insert into t values ('0000-00-00', 'a'), ('2020-01-01', 'b\\0')")
    choices = {q.key: [c.value for c in q.choices] for q in move.plan().questions if q.key.endswith((".d", ".k"))}
    assert choices == {"zero dates:t.d": ["epoch", "-infinity"], "nul bytes:t.k": ["strip"]}
    move.decisions = {"zero dates:t.d": "epoch", "nul bytes:t.k": "strip"}
    assert move.run().reasons == []
