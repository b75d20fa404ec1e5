"""Oracle's MySQL itself, where one can be had: to MySQL and to PostgreSQL, with what it writes its own way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.model import Options, TlsMode
from jobs.engines.mysql import tools
from jobs.ports.engine import Asked
from tests.servers.mypg_run import Move, fresh_source
from tests.servers.mysql_run import Migration, Spy, assert_same, contents, databases, nothing_of_ours, work
from tests.servers.pg_run import rows
from tests.support.mysql_servers import MysqlServer
from tests.support.servers import FreshDatabase

DOUBLES = ("-1.3407807680128611e154", "-1.7976931348623155e308", "2.2250738585072014e-308", "0.1", "-0.0")
TABLES = r"""
create table parents (id int unsigned not null auto_increment primary key, code varchar(20)
    character set latin1 collate latin1_german1_ci not null, unique (code))
    auto_increment = 500 comment 'it''s "quoted" \\ and auto_increment=7';
insert into parents values (1, 'Ärger'), (2, 'b');
create table facts (id bigint primary key, parent int unsigned, r double, f float, n decimal(38, 10), b bit(13),
    y year, t time(3), dt datetime(6), ts timestamp(3) null, e enum('x''y', 'B\\c', ''), s set('a', 'b', 'c'),
    v varchar(60) default 'it''s \\ here', bin varbinary(20), bl longblob, tx longtext, j json, tiny tinyint(1),
    g varchar(120) as (concat(v, '-', 'q''s\n\\d')) stored, low int as (char_length(v) + 1) virtual,
    key by_parent (parent), key by_v (v(7)), fulltext key words (tx), foreign key (parent) references parents (id)
    on delete set null on update cascade);
insert into facts (id, parent, n, b, y, t, dt, ts, e, s, v, bin, bl, tx, j, tiny) values
    (1, 1, -12345678901234567890.0123456789, b'1010101010101', 2026, '-838:59:59.000', '9999-12-31 23:59:59.999999',
     '2038-01-19 03:14:07.999', 'x''y', 'a,c', 'naïve ☃ ''', x'00ff27', repeat(x'00ff', 70000), repeat('tä x', 30000),
     '{"a": [1, 2.5, null, "ü\\n"], "b": true}', 1),
    (2, null, 0, b'0', 1901, '00:00:00', '1000-01-01', '1970-01-01 00:00:01', 'B\\c', '', '', x'', '', '', '[]', 0),
    (3, 2, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
create table large (a varchar(20) not null, k int not null, x varchar(50), primary key (a, k));
insert into large select concat('key ', n.i % 7), n.i, repeat('x', n.i % 50) from
    (select 1 + u.i + 10 * v.i + 100 * w.i as i from digits u, digits v, digits w) n;
create view joined as select f.id, p.code from facts f left join parents p on p.id = f.parent where f.v <> 'it''s \\';
"""
NEWER = r"""
create table said (id int primary key, a varchar(40), e varchar(40) default (concat('x''y', 'z')), `na
me` int, hidden int invisible default 3, check (a <> 'it''s' and `na
me` > 0), check (a regexp '^[a-z]+$') not enforced, key up ((upper(a))), key down (a desc), key unseen (e) invisible);
insert into said (id, a, `na
me`) values (1, 'plain', 3)
"""
OURS = r"""
create trigger t1 before insert on large for each row set new.x = concat(new.x, '''');
create procedure p(in x int) comment 'it''s' begin select x; end;
create function twice(x int) returns int deterministic return x * 2;
create event nightly on schedule every 1 day do delete from large where k < 0
"""


FACTS = """
select id, parent, r, f, n, b + 0, y, t, dt, ts, e, e + 0, s, v, hex(bin), sha2(bl, 256), sha2(tx, 256), tiny, g, low
from facts order by id
"""


def fill(run: object, major: int) -> None:
    """Digits come first: MySQL has no tables that count by themselves."""
    assert callable(run)
    run("create table digits (i int primary key);\ninsert into digits values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
    run(TABLES)
    run(";\n".join(f"insert into facts (id, r, f) values ({10 + n}, {x}, {0.1 * n})" for n, x in enumerate(DOUBLES)))
    if major >= 8:
        run(NEWER)


def major_of(server: MysqlServer) -> int:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select version()")
        return int(str((cursor.fetchone() or ("0",))[0]).partition(".")[0])


@pytest.fixture
def shop(mysql_server: MysqlServer) -> Iterator[Migration]:
    if major_of(mysql_server) < 8:
        pytest.skip("MySQL 5.7 is a source only")
    with fresh_source(mysql_server) as source, databases(mysql_server, 1) as (target,):
        fill(source.execute, major_of(mysql_server))
        source.execute(OURS)
        yield Migration(source, target)


def test_mysql_to_mysql(shop: Migration) -> None:
    verdict = shop.run(lanes=2)
    assert verdict.reasons == []
    assert_same(shop.source, shop.target)
    assert nothing_of_ours(shop.target)
    for kind in ("trigger t1", "procedure p", "function twice", "view joined"):
        made = [database.rows(f"show create {kind}")[0] for database in (shop.source, shop.target)]
        said = [" ".join(map(str, row)).replace(shop.source.name, shop.target.name) for row in made]
        assert said[0].partition("CREATE")[2][:60] == said[1].partition("CREATE")[2][:60]
    assert shop.target.rows("select status from information_schema.events where event_schema = database()") == [
        ("DISABLED",)
    ]


def test_mysql_to_postgresql(mysql_server: MysqlServer, fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    with fresh_source(mysql_server) as source:
        fill(source.execute, major_of(mysql_server))
        move = Move(source, fresh_db(pg16))
        assert move.run().reasons == []
        assert rows(move.target, "select r from facts where id >= 10 order by id") == [(float(x),) for x in DOUBLES]
        assert rows(move.target, "select v, g from facts where id = 1") == [("naïve ☃ '", "naïve ☃ '-q's\n\\d")]
        assert rows(move.target, "select count(*), sum(k), sum(length(x)) from large") == source.rows(
            "select count(*), sum(k), sum(length(x)) from large"
        )
        if major_of(mysql_server) >= 8:
            assert rows(move.target, 'select e, "na\nme", hidden from said') == [("x'yz", 3, 3)]
            checks = "select count(*) from pg_constraint where conrelid = 'said'::regclass and contype = 'c'"
            assert rows(move.target, checks) == [(1,)]


def test_rows_travel_where_local_files_are_not_allowed(shop: Migration, mysql_server: MysqlServer) -> None:
    """MySQL's default."""
    with mysql_server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("set global local_infile = off")
        try:
            assert shop.run(lanes=2).reasons == []
        finally:
            cursor.execute("set global local_infile = on")
    assert_same(shop.source, shop.target)


def test_what_the_target_held_is_kept_and_brought_back(
    shop: Migration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mysql_server: MysqlServer
) -> None:
    monkeypatch.setenv(tools.BIN_VARIABLE, str(mysql_server.prefix / "bin"))
    tools.found.cache_clear()
    shop.options, shop.restore_folder = Options(overwrite=True), str(tmp_path)
    shop.target.run("create table mine (id int primary key, x varchar(10))", "insert into mine values (1, 'kept')")
    try:
        plan = shop.plan()
        with shop.conductor(plan) as conductor:
            shop.restore_point = conductor.secure(Spy())
        assert shop.restore_point is not None and shop.restore_point.tool.startswith("mysqldump")
        with shop.conductor(plan) as conductor:
            conductor.prepare(Spy())
            work(conductor)
            assert conductor.verdict().reasons == []
            kept = conductor.keepsake()
            conductor.finish()
        assert shop.target.rows("select count(*) from large") == [(1000,)]
        with shop.conductor(plan) as conductor:
            conductor.roll_back(kept, Spy())
        assert shop.target.rows("select * from mine") == [(1, "kept")]
    finally:
        tools.found.cache_clear()


@pytest.mark.parametrize("to", ["MariaDB", "MySQL"])
def test_between_the_two(mysql_server: MysqlServer, mariadb_server: MariaDbServer, to: str) -> None:
    old, new = (mysql_server, mariadb_server) if to == "MariaDB" else (mariadb_server, mysql_server)
    if to == "MySQL" and major_of(mysql_server) < 8:
        pytest.skip("MySQL 5.7 is a source only")
    with fresh_source(old) as source, databases(new, 1) as (target,):
        fill(source.execute, 5)
        verdict = Migration(source, target).run(lanes=2)
        assert verdict.reasons == []
        for table in ("parents", "large"):
            assert contents(source, table) == contents(target, table)
        assert source.rows(FACTS) == target.rows(FACTS)


class Encrypted(Migration):
    """The target's user must come with TLS, and both sides are told to."""

    def asked(self) -> Asked:
        asked = super().asked()
        ends = {side: replace(getattr(asked, side), tls=TlsMode.require) for side in ("source", "target")}
        return replace(asked, **ends)


def test_with_tls_and_an_account_without_rights_on_the_server(shop: Migration, mysql_server: MysqlServer) -> None:
    """The newer way to log in, a password of odd letters, and no right beyond the database."""
    secret = 'it\'s \\ "secret" %s ü'
    with mysql_server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create user mover identified with caching_sha2_password by %s require ssl", [secret])
        try:
            cursor.execute(f"grant all on `{shop.target.name}`.* to mover")
            encrypted = Encrypted(shop.source, shop.target, user=("mover", secret))
            found = [finding for result in encrypted.checks().values() for finding in result.findings]
            (blocking,) = [finding for finding in found if finding.severity == "block"]
            cursor.execute(blocking.remedy.partition(";")[0])
            assert "log_bin_trust_function_creators" in blocking.remedy
            assert encrypted.run(lanes=2).reasons == []
        finally:
            cursor.execute("set global log_bin_trust_function_creators = 0")
            cursor.execute("drop user mover")
    assert contents(shop.source, "facts") == contents(shop.target, "facts")
