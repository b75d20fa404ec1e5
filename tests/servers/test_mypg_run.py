"""Whole runs from MariaDB to PostgreSQL, proven by queries of the tests' own."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.errors import Permanent
from jobs.core.model import Options, Scope, Severity
from tests.servers.mypg_run import Move, fresh_source, work
from tests.servers.pg_run import Spy, nothing_of_ours, rows
from tests.servers.test_pg_rollback import picture
from tests.support.servers import FreshDatabase

SHOP = r"""
create table Customers (
    Id int unsigned not null auto_increment primary key,
    name varchar(50) not null default 'x',
    email varchar(80) character set latin1,
    active tinyint(1) not null default 1,
    born date,
    at datetime(3) default current_timestamp(3),
    ts timestamp not null default current_timestamp on update current_timestamp,
    unique key email (email), key nm (name(10))
) comment 'people' auto_increment = 100;
insert into Customers (Id, name, email, active, born, at, ts) values
    (1, 'Ann\\ne\ttab\nline\r', 'å€@x', 1, '1999-12-31', '2020-01-01 10:00:00.120', '2021-05-05 05:05:05'),
    (2, '', null, 0, null, null, '2021-01-01 00:00:00'),
    (7, '\\N', 'x', 1, '0001-01-01', '1000-01-01 00:00:00', '2038-01-19 03:14:07');
create table orders (
    id bigint unsigned auto_increment primary key,
    customer int unsigned not null,
    total decimal(12,2), note text, raw blob,
    st enum('new','paid','it''s') not null default 'new', tags set('a','b','c'),
    d double, f float, tm time(2), y year, b bit(5), u uuid, j json,
    gen int as (customer * 2) stored,
    constraint fk1 foreign key (customer) references Customers (Id) on delete cascade,
    constraint positive check (total >= 0), fulltext key ft (note)
);
insert into orders (customer, total, note, raw, st, tags, d, f, tm, y, b, u, j) values
    (1, 12.50, 'hello, "w"', x'00ff5c0a', 'paid', 'a,c', 0.1, -1220223, '-838:59:59.5', 2020, b'10101',
     '123e4567-e89b-12d3-a456-426614174000', '{"b":1,  "a":[1,2.50,"x"]}'),
    (2, 0, '', x'', 'it''s', '', 1.7976931348623157e308, 0.1, '00:00:00', 1901, 0, null, 'null'),
    (7, null, null, null, 'new', null, -2.2250738585072014e-308, 3.4e38, null, null, null, null, null);
create view big as select o.id, c.name, o.total from orders o join Customers c on c.Id = o.customer where o.total > 1;
"""


@pytest.fixture
def shop(mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg16: PostgresServer) -> Iterator[Move]:
    with fresh_source(mariadb_server, SHOP) as source:
        yield Move(source, fresh_db(pg16))


def test_a_shop_arrives_value_by_value(shop: Move) -> None:
    began = time.monotonic()
    verdict = shop.run()
    assert 0 < verdict.move_seconds < time.monotonic() - began
    assert verdict.reasons == []
    assert verdict.green and len(verdict.proofs) == 2
    assert nothing_of_ours(shop.target)
    utc, at = dt.UTC, dt.datetime.fromisoformat
    assert rows(shop.target, "select * from customers order by id") == [
        (
            *(1, "Ann\\ne\ttab\nline\r", "å€@x", True, dt.date(1999, 12, 31)),
            at("2020-01-01T10:00:00.120"),
            dt.datetime(2021, 5, 5, 5, 5, 5, tzinfo=utc),
        ),
        (2, "", None, False, None, None, dt.datetime(2021, 1, 1, tzinfo=utc)),
        (
            *(7, "\\N", "x", True, dt.date(1, 1, 1), at("1000-01-01T00:00:00")),
            dt.datetime(2038, 1, 19, 3, 14, 7, tzinfo=utc),
        ),
    ]
    found = rows(shop.target, "select *, j::text as jt, tm::text from orders order by id")
    assert found[0][:7] == (1, 1, Decimal("12.50"), 'hello, "w"', b"\x00\xff\\\n", "paid", ["a", "c"])
    assert found[0][7:9] == (0.1, -1220223.0)
    assert found[0][10:13] == (2020, "10101", UUID("123e4567-e89b-12d3-a456-426614174000"))
    assert found[0][14:] == (2, '{"a": [1, 2.50, "x"], "b": 1}', "-838:59:59.5")
    assert found[1][4:9] == (b"", "it's", [], 1.7976931348623157e308, 0.1)
    assert found[2][3:7] == (None, None, "new", None)


def test_it_arrives_on_the_newest_server_with_two_lanes(
    shop: Move, fresh_db: FreshDatabase, pg18: PostgresServer
) -> None:
    shop.target = fresh_db(pg18)
    shop.options = Options(parallelism=2)
    assert shop.run().reasons == []
    assert rows(shop.target, "select count(*) from customers") == [(3,)]


def test_what_was_made_works_as_in_the_source(shop: Move) -> None:
    assert shop.run().green
    with shop.target.connect() as target:
        added = target.execute("insert into customers (name) values ('new') returning id, active, ts is not null")
        assert added.fetchone() == (100, True, True)
        moved = target.execute("update customers set name = 'other' where id = 1 returning ts > '2026-01-01'")
        assert moved.fetchone() == (True,)
        still = target.execute("update customers set name = name where id = 2 returning ts = '2021-01-01 00:00+00'")
        assert still.fetchone() == (True,)
        assert target.execute("select * from big").fetchall() == [(1, "other", Decimal("12.50"))]
        target.execute("delete from customers where id = 1")
        assert target.execute("select count(*) from orders").fetchall() == [(2,)]
        for wrong in (
            "insert into orders (customer) values (4711)",
            "insert into orders (customer, total) values (2, -1)",
            "insert into orders (customer, st) values (2, 'odd')",
        ):
            with pytest.raises(Exception, match="violates"):
                target.execute(wrong)
    assert rows(shop.target, "select obj_description('customers'::regclass)") == [("people",)]


def test_what_stays_behind_is_said_in_plan_and_verdict(shop: Move) -> None:
    shop.source.execute(
        "create procedure p() select 1;\ncreate trigger tg before insert on orders for each row set new.y = 2000;\n"
        "create event e on schedule every 1 day do select 1;\n"
        "create view odd as select found_rows() as n;\n"
    )
    plan = shop.plan()
    said = " ".join(plan.left_out)
    for name in ("Procedure p ", "Trigger tg ", "Event e ", "View odd ", "Full-text index orders.ft "):
        assert name in said
    verdict = shop.run(plan=plan)
    assert verdict.reasons == []
    assert {d.name for d in verdict.transformed} == {"p", "tg", "e", "odd", "orders.ft"}


def test_a_schema_that_changed_since_the_plan_is_refused(shop: Move) -> None:
    plan = shop.plan()
    shop.source.execute("alter table orders add column more int")
    with pytest.raises(Permanent, match="schema changed"):
        shop.run(plan=plan)
    shop.source.execute("create table late (a int)")
    with pytest.raises(Permanent, match=r"tables are not those of the plan.*late"):
        shop.run(plan=plan)
    assert nothing_of_ours(shop.target)


def test_schema_only_brings_no_row(shop: Move) -> None:
    shop.options = Options(scope=Scope.schema_only)
    assert shop.run().reasons == []
    assert rows(shop.target, "select count(*) from customers") == [(0,)]


def test_data_only_fills_tables_that_are_there(shop: Move) -> None:
    shop.options = Options(scope=Scope.schema_only)
    assert shop.run().green
    shop.options = Options(scope=Scope.data_only)
    assert shop.run().reasons == []
    assert rows(shop.target, "select count(*) from orders") == [(3,)]
    with pytest.raises(Permanent, match="holds rows in the target"):
        shop.run()


def test_a_left_out_table_takes_its_key_and_view_along(shop: Move) -> None:
    shop.options = Options(exclude=(f"{shop.source.name}.Customers",))
    verdict = shop.run()
    assert verdict.reasons == []
    assert {d.kind for d in verdict.transformed} == {"foreign key", "view", "full-text index"}


def test_a_damaged_row_is_found(shop: Move) -> None:
    plan = shop.plan()
    with shop.conductor(plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            while (task := lane.claim()) and task.kind != "verify":
                lane.commit(task, lane.perform(task, Spy()))
            assert task is not None
            lane.rollback(task)
        with shop.target.connect() as target:
            target.execute("update customers set name = 'Ann' where id = 1")
        work(conductor)
        reasons = conductor.verdict().reasons
    name = f"{shop.source.name}.Customers"
    assert reasons == [
        f"{name}: 3 rows on both sides, but the checksums differ",
        f"rows of {name}: 1 different; Id: 1",
    ]


def test_a_missing_object_is_found(shop: Move) -> None:
    with shop.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        with shop.target.connect() as target:
            target.execute("drop index nm; alter table orders drop constraint positive; create table odd (a int)")
            target.execute("drop trigger customers_on_update on customers")
        said = {str(d) for d in conductor.verdict().differences}
    assert said == {
        "index public.nm: missing on the target",
        "check public.orders.positive: missing on the target",
        "trigger public.customers.customers_on_update: missing on the target",
        "table public.odd: unexpected on the target",
        "column public.odd.a: unexpected on the target",
    }


def test_a_finished_run_is_rolled_back_once_and_only_if_it_is_the_same(shop: Move) -> None:
    with shop.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        kept = conductor.keepsake()
        conductor.finish()
        assert conductor.keepsake() == ""
        with shop.target.connect() as target:
            target.execute("alter table orders rename to old; create table orders (a int)")
        with pytest.raises(Permanent, match="orders is now public"):
            conductor.roll_back(kept, Spy())
        with shop.target.connect() as target:
            target.execute("drop table orders; alter table old rename to orders")
        assert "objects were removed" in conductor.roll_back(kept, Spy())
        assert "objects were removed" in conductor.roll_back(kept, Spy())
    assert rows(shop.target, "select relname from pg_class where relnamespace = 'public'::regnamespace") == []


def test_orphans_leave_a_key_unproven_until_they_are_mended(shop: Move) -> None:
    shop.source.execute("set foreign_key_checks = 0;\ninsert into orders (customer) values (4711), (4712);\n")
    plan = shop.plan()
    with shop.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        verdict = conductor.verdict()
        assert [(key.name, key.orphans) for key in verdict.broken_keys] == [("public.orders.fk1", 2)]
        assert verdict.reasons == ["foreign key public.orders.fk1: not valid: 2 rows break it"]
        assert rows(shop.target, verdict.broken_keys[0].find.replace("t.*", "t.customer") + " order by 1") == [
            (4711,),
            (4712,),
        ]
        with shop.target.connect() as target:
            target.execute("delete from orders where customer = 4711")
        assert [key.orphans for key in conductor.revalidate(verdict.broken_keys, Spy())] == [1]
        with shop.target.connect() as target:
            target.execute("delete from orders where customer = 4712")
        assert conductor.revalidate(verdict.broken_keys, Spy()) == ()
    assert rows(shop.target, "select convalidated from pg_constraint where contype = 'f'") == [(True,)]


def test_a_refresh_brings_what_changed_since(shop: Move) -> None:
    plan = shop.plan()
    assert shop.run(plan=plan).green
    shop.source.execute("update Customers set name = 'later' where Id = 2;\ninsert into orders (customer) values (7)")
    with shop.conductor(plan) as conductor:
        assert conductor.prepare(Spy(), refresh=True) is False
        work(conductor)
        assert conductor.verdict().reasons == []
        methods = {line["table"].partition(".")[2]: line["method"] for line in conductor.report()}
    assert methods == {"Customers": "rows as text", "orders": "rows as text"}
    assert rows(shop.target, "select name from customers where id = 2") == [("later",)]
    assert rows(shop.target, "select count(*) from orders") == [(4,)]


def test_a_refresh_proves_foreign_keys_anew_and_its_undo_keeps_every_table(shop: Move) -> None:
    plan = shop.plan()
    assert shop.run(plan=plan).green
    shop.source.execute("set foreign_key_checks = 0;\ninsert into orders (customer) values (4711)")
    with shop.conductor(plan) as conductor:
        conductor.prepare(Spy(), refresh=True)
        work(conductor)
        assert [key.orphans for key in conductor.verdict().broken_keys] == [1]
        assert "Every table stays" in conductor.undo(Spy())
    assert nothing_of_ours(shop.target)
    assert rows(shop.target, "select count(*) from orders") == [(4,)]
    assert rows(shop.target, "select convalidated from pg_constraint where contype = 'f'") == [(False,)]


def test_orphans_that_came_between_two_snapshots_are_found(shop: Move) -> None:
    plan = shop.plan()
    with shop.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().green
    shop.source.execute("set foreign_key_checks = 0;\ninsert into orders (customer) values (4711)")
    with shop.conductor(plan) as conductor:
        assert conductor.prepare(Spy()) is True
        work(conductor)
        assert [key.orphans for key in conductor.verdict().broken_keys] == [1]


def test_a_held_source_takes_no_writer_until_the_release(shop: Move) -> None:
    with shop.conductor() as conductor:
        conductor.hold(Spy())
        assert conductor.holds()
        conductor.prepare(Spy())
        with pytest.raises(Exception, match="timeout"):
            shop.source.execute("set lock_wait_timeout = 1;\nupdate Customers set name = 'no'")
        assert conductor.release() and not conductor.release() and not conductor.holds()
        shop.source.execute("update Customers set name = 'yes'")
        work(conductor)
        assert conductor.verdict().reasons == []
    assert rows(shop.target, "select count(*) from customers where name = 'yes'") == [(0,)]


THEIRS = """
create schema before; create table before.kept (id int primary key, t text);
insert into before.kept select i, md5(i::text) from generate_series(1, 500) i;
create view before.seen as select * from before.kept; create table customers (x int);
create sequence loose start 40; create extension vector; create table public.vectors (v vector(2));
insert into vectors values ('[1,2]');
"""


def test_what_the_target_held_is_replaced_and_brought_back(shop: Move, tmp_path: Path) -> None:
    with shop.target.connect() as target:
        target.execute(THEIRS)
    before = picture(shop.target)
    shop.options, shop.restore_folder = Options(overwrite=True), str(tmp_path)
    plan = shop.plan()
    with shop.conductor(plan) as conductor:
        shop.restore_point = conductor.secure(Spy())
        assert shop.restore_point is not None and shop.restore_point.tool.startswith("pg_dump")
        assert picture(shop.target) == before
        conductor.prepare(Spy())
    # As after a crash: another conductor goes on; then it is cancelled, and done once more to its end.
    with shop.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        assert "brought back" in conductor.undo(Spy())
        assert picture(shop.target) == before
        assert "Nothing" in conductor.undo(Spy())
    with shop.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        kept = conductor.keepsake()
        conductor.finish()
        for _ in range(2):
            assert "brought back" in conductor.roll_back(kept, Spy())
            assert picture(shop.target) == before
    assert nothing_of_ours(shop.target)


def test_data_only_is_rolled_back_to_empty_tables_and_earlier_identities(shop: Move) -> None:
    whole = shop.plan()
    shop.options = Options(scope=Scope.schema_only)
    assert shop.run().green
    shop.options = Options(scope=Scope.data_only)
    before, plan = picture(shop.target), shop.plan()
    assert whole.digest != plan.digest
    with shop.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        kept = conductor.keepsake()
        conductor.finish()
        assert "emptied again" in conductor.roll_back(kept, Spy())
    assert picture(shop.target) == before


def test_a_schema_that_the_target_has_for_its_extensions_stays(shop: Move) -> None:
    with shop.target.connect() as target:
        target.execute("create schema ext; create extension vector schema ext; grant usage on schema ext to public")
    before = picture(shop.target)
    assert shop.checks()["target_empty"].severity is not Severity.block
    plan = shop.plan()
    with shop.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        kept = conductor.keepsake()
        conductor.finish()
        conductor.roll_back(kept, Spy())
    assert picture(shop.target) == before
