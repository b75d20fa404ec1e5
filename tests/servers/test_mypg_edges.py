"""Odd names, weak users, huge rows, strange schemas: MariaDB to PostgreSQL (hard cases 15, 18, 20, 21, 28)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.errors import Permanent
from jobs.core.model import Options, Person
from jobs.core.verdict import Waiver
from tests.servers.mypg_run import Move, fresh_source, work
from tests.servers.pg_run import Spy, rows
from tests.support.servers import FreshDatabase


@pytest.fixture
def move(mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg16: PostgresServer) -> Iterator[Move]:
    with fresh_source(mariadb_server) as source:
        yield Move(source, fresh_db(pg16))


ODD = """
create table `we``ird "%s" näme.x` (`a.b` int auto_increment primary key, `select` varchar(20), `na\nme` int,
    `%(x)s` enum('%', '"', ''''), key `primary key` (`select`), check (`na\nme` > 0)) comment 'it''s "50%" \\\\ done';
insert into `we``ird "%s" näme.x` values (1, '%s', 3, '%'), (2, '\\\\', 4, '"');
create table `desc` (`order` int primary key, `group` int,
    foreign key `a"b` (`group`) references `we``ird "%s" näme.x` (`a.b`));
insert into `desc` values (1, 2);
create view `v "%"` as select d.`order` as `o"%`, w.`select` from `desc` d
    join `we``ird "%s" näme.x` w on w.`a.b` = d.`group`;
"""


def test_odd_names_arrive(move: Move) -> None:
    move.source.execute(ODD)
    assert move.run().reasons == []
    assert rows(move.target, 'select * from "v ""%"""') == [(1, "\\")]
    assert rows(move.target, 'select "%(x)s", "na\nme" from "we`ird ""%s"" näme.x" order by 1') == [
        ('"', 4),
        ("%", 3),
    ]
    comment = 'select obj_description(\'"we`ird ""%s"" näme.x"\'::regclass)'
    assert rows(move.target, comment) == [('it\'s "50%" \\ done',)]


def test_long_names_of_indexes_and_constraints_are_shortened(move: Move) -> None:
    index, key = "i" * 64, "k" * 64
    move.source.execute(
        f"create table {'t' * 60} (id int primary key, a int, b int, key {index} (a), key {index[:-1]}j (b),"
        f" constraint {key} foreign key (b) references {'t' * 60} (id), check (a > 0))"
    )
    assert move.run().reasons == []


def test_equal_names_of_indexes_get_their_tables_name(move: Move) -> None:
    move.source.execute(
        "create table a (id int primary key, x int, key x (x), key b (id, x));\n"
        "create table b (id int primary key, x int, key x (x))"
    )
    assert move.run().reasons == []
    found = rows(move.target, "select indexname from pg_indexes where schemaname = 'public' order by 1")
    assert [name for (name,) in found] == ["a_b", "a_pkey", "b_pkey", "b_x", "x"]


SCHEMA = """
create table base (id int auto_increment primary key, price decimal(10,2) not null, qty int not null default 1,
    name varchar(50), j json, flag tinyint(1) not null default 0,
    total decimal(12,2) as (price * qty) virtual, label varchar(60) as (concat(upper(name), '!')) stored,
    kind varchar(20) as (json_value(j, '$.kind')) virtual, low tinyint as (if(price < 10, 1, 0)) stored,
    unique key (name(5), qty), key down (price desc, qty), check (flag in (0, 1)),
    check (price >= 0 and qty between 0 and 99));
insert into base (price, qty, name, j, flag) values (9.99, 3, 'änn', '{"kind": "x"}', 1), (10, 1, null, null, 0);
create table parts (id int, at date not null, v varchar(9), primary key (id, at))
    partition by range (year(at)) (partition a values less than (2020), partition b values less than maxvalue);
insert into parts values (1, '2019-01-01', 'a'), (2, '2021-01-01', 'b');
create table moody (a int, b int) with system versioning;
insert into moody values (1, 2);
create table zero (id int auto_increment primary key, v int);
insert into zero values (0, 1), (5, 2);
create table hidden (id int primary key, secret int invisible default 7);
insert into hidden (id) values (1);
create view one as select id, total, flag from base where flag = 1;
create view after_two as select t.id, count(*) as n, group_concat(t.total order by t.id separator ';') as all_of_them
    from two t group by t.id;
"""


def test_computed_columns_checks_views_and_partitions(move: Move) -> None:
    first, last = SCHEMA.split("create view after_two")
    move.source.execute(first + "create view two as select * from one;\ncreate view after_two" + last)
    verdict = move.run()
    assert verdict.reasons == []
    assert {(d.kind, d.name) for d in verdict.transformed} == {("row history", "moody")}
    assert rows(move.target, "select tableoid::regclass::text from parts order by id") == [("parts_a",), ("parts_b",)]
    assert rows(move.target, "select total, label, kind, low from base order by id") == [
        (Decimal("29.97"), "ÄNN!", "x", 1),
        (Decimal("10.00"), None, None, 0),
    ]
    assert rows(move.target, "select * from after_two") == [(1, 1, "29.97")]
    assert rows(move.target, "select secret from hidden") == [(7,)]
    with move.target.connect() as target:
        assert target.execute("insert into zero (v) values (3) returning id").fetchone() == (6,)
        assert target.execute("insert into base (price) values (5) returning total").fetchone() == (5,)
        for wrong in ("insert into base (price) values (-1)", "insert into base (price, qty) values (1, 100)"):
            with pytest.raises(Exception, match="violates check"):
                target.execute(wrong)


def test_a_view_that_postgresql_refuses_is_a_difference_that_a_person_may_waive(move: Move) -> None:
    move.source.execute(
        "create table t (id int primary key, v varchar(9), n int);\ninsert into t values (1, 'a', 2);\n"
        "create view loose as select v, n from t group by v"
    )
    with move.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        (difference,) = conductor.verdict().differences
        assert difference.key == "view:public.loose" and "PostgreSQL refused it" in difference.what
        waiver = Waiver(key=difference.key, by=Person(id="U1"))
        verdict = conductor.verdict([waiver])
        assert verdict.green and verdict.waived == (difference,)


def test_a_computed_column_that_would_differ_is_found_and_may_travel_as_it_is(move: Move) -> None:
    move.source.execute(
        "create table t (id int primary key, v varchar(9), big varchar(20) as (lower(v)) stored,"
        " n int as (v + 0) stored);\n"
        "insert into t (id, v) values (1, '12abc')"
    )
    with pytest.raises(Permanent, match="Creating table t: operator does not exist") as caught:
        move.run()
    assert "plain" in caught.value.remedy
    with move.conductor() as conductor:
        conductor.undo(Spy())
    move.decisions = {"generated:t.n": "plain"}
    assert move.run().reasons == []
    assert rows(move.target, "select n, big from t") == [(12, "12abc")]


def test_users_without_any_right_on_the_servers_suffice(move: Move, mariadb_server: MariaDbServer) -> None:
    name = move.source.name.lower()
    move.source.execute(
        "create table p (id int primary key);\n"
        "create table c (id int primary key, p int, foreign key (p) references p (id));\n"
        "insert into p values (1), (2);\ninsert into c values (1, 1)"
    )
    with mariadb_server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"create user {name}@'%' identified by 'secret'")
        cursor.execute(f"grant select, show view, trigger, event, execute on `{move.source.name}`.* to {name}@'%'")
        cursor.execute(f"grant select on mysql.proc to {name}@'%'")
    with move.target.connect() as target:
        target.execute(f"create role {name} login password 'secret'")
        target.execute(
            f'grant create on database "{move.target.name}" to {name}; grant create on schema public to {name}'
        )
    move.accounts = (name, "secret")
    try:
        plan = move.plan()
        with move.conductor(plan) as conductor:
            conductor.prepare(Spy())
            work(conductor)
        move.source.execute("insert into p values (3);\ninsert into c values (2, 3);\ndelete from c where id = 1")
        assert move.run(plan=plan).reasons == []
        assert rows(move.target, "select * from c") == [(2, 3)]
    finally:
        with mariadb_server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"drop user {name}@'%'")
        with move.target.connect() as target:
            target.execute(f"drop owned by {name} cascade")


def test_a_row_that_the_source_cannot_send_is_told_before_and_never_lost(move: Move) -> None:
    move.source.execute(
        "create table t (id int primary key, l longblob);\ninsert into t values (1, repeat('x', 1000))"
    )
    plan = move.plan()
    move.source.execute("insert into t values (2, repeat('x', 9000000))")
    assert "cannot send as text in one packet" in move.findings("values")[0].message
    with pytest.raises(Permanent, match="larger than the source's max_allowed_packet"):
        move.run(plan=plan)
    assert rows(move.target, "select count(*) from t") == [(0,)]


def test_rows_of_many_packets_arrive_whole(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    with MariaDbServer(settings={"max-allowed-packet": "256M"}) as server, fresh_source(server) as source:
        source.execute(
            "create table t (id int primary key, l longtext, b longblob, tail varchar(9));\n"
            "insert into t values (1, repeat('añ\\n', 5000000), repeat(x'00ff', 8000000), 'end'),"
            " (2, 'short', 'x', 'z'), (3, repeat('y', 16777215 - 16), '', 'edge'),"
            " (4, repeat('y', 16777215 * 2 - 21), '', 'edge')"
        )
        move = Move(source, fresh_db(pg16))
        assert move.run().reasons == []
        found = rows(move.target, "select id, length(l), length(b), tail, left(l, 3) from t order by id")
    assert found == [
        (1, 15000000, 16000000, "end", "añ\n"),
        (2, 5, 1, "z", "sho"),
        (3, 16777199, 0, "edge", "yyy"),
        (4, 33554409, 0, "edge", "yyy"),
    ]


def test_one_table_and_no_lanes_to_spare(move: Move) -> None:
    move.source.execute("create table t (id int primary key)")
    move.options = Options(parallelism=8)
    assert move.run().reasons == []
