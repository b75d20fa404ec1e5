"""MariaDB to MariaDB on a real server: what arrives is what was there."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bot.sandbox.servers import MariaDbServer
from tests.servers.mysql_run import Migration, assert_same, databases, nothing_of_ours

pytestmark = pytest.mark.servers

SHOP = (
    """create table customer (id int unsigned auto_increment primary key, email varchar(200) not null,
        name varchar(100) character set latin1, balance decimal(12,2) default 0.00, born date,
        seen timestamp(6) null default current_timestamp(6) on update current_timestamp(6),
        level enum('a','b','','ü') default 'a', flags set('x','y','z'), bits bit(10), score float, exact double,
        doc json, picture longblob, note text, code binary(4), shape point,
        lower_email varchar(200) generated always as (lower(email)) stored,
        half decimal(12,3) generated always as (balance / 2) virtual, hidden int invisible default 7,
        unique key email (email), key by_name (name(5) desc, born), fulltext key words (note))
        comment 'people, \\'quoted\\'; and `ticks`'""",
    """create table `order` (id bigint primary key, customer_id int unsigned, parent bigint, placed datetime(3),
        check (id > -100), constraint fk_customer foreign key (customer_id) references customer (id)
        on delete cascade on update set null, constraint fk_parent foreign key (parent) references `order` (id))""",
    """create table item (order_id bigint, line smallint unsigned, what varchar(50) collate utf8mb4_bin,
        primary key (order_id, line)) partition by hash (order_id) partitions 3""",
    "create table no_key (a int, b varchar(10))",
    "create table nothing_in_it (a int)",
    "create sequence ticket start with 100 increment by 10",
    "create view by_level as select level, count(*) as n from customer group by level",
    "create view a_first as select * from by_level",
    "create procedure rename_all(in suffix varchar(10)) update customer set name = concat(name, suffix) # comment",
    "create function twice(a int) returns int deterministic return a * 2",
    "create trigger guard before insert on `order` for each row set new.placed = coalesce(new.placed, now(3))",
    "create trigger second_guard before insert on `order` for each row follows guard set new.parent = new.parent",
    "create event nightly on schedule every 1 day comment 'x' do delete from no_key",
    """insert into customer (id, email, name, balance, born, level, flags, bits, score, exact, doc, picture, note,
        code, shape) values
        (1, 'a@example.org', 'Müller \\\\ x', 1.25, '2001-02-03', 'ü', 'x,z', b'1000000001', 0.1, 1e300, '{"a": [1]}',
         x'00ff0a0d5c09fdfefc', 'tab\\tnew\\nline \\\\N \\0 end', x'0001', point(1, 2)),
        (7, 'b@example.org', null, -0.01, null, '', '', null, -1220223, -0.0, null, null, null, null, null),
        (9, '\\\\N', '', 99999.99, '1000-01-01', null, null, 0, 3.4e38, 5e-324, '"x"', '', '', '', null)""",
    "insert into `order` values (0, 1, null, '2020-01-01 00:00:00.123'), (2, 7, 0, null), (-5, null, 2, now(3))",
    "insert into item values (0, 1, 'é'), (0, 2, 'emoji 🚢'), (2, 1, null)",
    "insert into no_key values (1, 'x'), (1, 'x'), (null, null)",
    "do nextval(ticket)",
)


@pytest.fixture
def pair(mariadb_server: MariaDbServer) -> Iterator[Migration]:
    with databases(mariadb_server) as (source, target):
        yield Migration(source, target)


def test_a_database_arrives_as_it_was(pair: Migration) -> None:
    pair.source.run(*SHOP)
    began = time.monotonic()
    verdict = pair.run()
    assert 0 < verdict.move_seconds < time.monotonic() - began
    assert verdict.reasons == []
    assert verdict.green and len(verdict.proofs) == 5
    assert_same(pair.source, pair.target)
    assert nothing_of_ours(pair.target)
    assert dict(verdict.objects)["trigger"] == 2
