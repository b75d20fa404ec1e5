"""A target of MariaDB that holds nearly everything, runs that overwrite it, and eyes on what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.servers import MariaDbServer
from jobs.core.model import Options
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql.conductor import conduct
from tests.servers.mysql_run import Migration, MysqlDatabase, all_tables, contents, databases, definition, work
from tests.servers.pg_run import Spy

SOURCE = (
    "set sql_mode = ''",
    "create table person (id int primary key, mood enum ('sad', 'glad'))",
    "insert into person values (1, 'glad')",
    "create table note (id int auto_increment primary key, person int, t varchar(40), key (person),"
    " constraint of_person foreign key (person) references person (id))",
    "insert into note (person, t) select 1, md5(seq) from seq_1_to_500",
    "create view notes as select * from note",
    "create function hello(name text) returns text deterministic return concat('hi ', name)",
    "create trigger bell before insert on note for each row set new.t = ifnull(new.t, 'none')",
    "create event tidy on schedule every 1 day do delete from note where t is null",
    "create sequence counter start with 7",
)

TARGET = (
    "set sql_mode = 'ALLOW_INVALID_DATES', foreign_key_checks = 0, check_constraint_checks = 0",
    "alter database character set latin1 collate latin1_german1_ci",
    "create table `odd ``name. <b>` (id int primary key, `b \"c` varchar(30)) comment 'a ; b -- c'",
    "insert into `odd ``name. <b>` select seq, concat('row ', seq, '\\r\\n\\\\') from seq_1_to_2000",
    # One of the same name as in the source, of another shape.
    "create table note (id int auto_increment primary key, t text, unique key (t(50))) engine = Aria",
    "insert into note (t) select md5(seq) from seq_1_to_700",
    "create table typed (i bigint auto_increment primary key, f float, d double, n decimal(30, 10), b bit(9),"
    " blobs longblob, l varchar(20) character set latin1, g varchar(20) character set gbk, at timestamp(6) null,"
    " day date, e enum ('', 'ä') character set latin1, s set ('x', 'y'), j json, u uuid, y year, tm time(3),"
    " k int as (y + 1) virtual, st varchar(9) as (concat('v', y)) stored, hid int invisible default 3)",
    "insert into typed (f, d, n, b, blobs, l, g, at, day, e, s, j, u, y, tm) values"
    " (-1220223, 1e300, 12345678901234567890.0123456789, b'101010101', x'00ff0a0d1a5c27', 'ä€', '你', "
    " '2020-01-01 00:00:00.123456', '2020-02-31', 'ä', 'x,y', '{\"a\": 1}',"
    " '123e4567-e89b-12d3-a456-426614174000', 2020, '-838:59:59'),"
    " (0.1, -0e0, null, 0, '', '', null, null, '0000-00-00', '', '', null, null, 0, null)",
    "insert into typed (i) values (0x7ffffffffffffff0)",
    "create table p (id int, at date) partition by range (year(at)) (partition old values less than (2020),"
    " partition rest values less than maxvalue)",
    "insert into p values (1, '2019-05-05'), (2, '2030-01-01')",
    "create table told (id int primary key, t varchar(10)) with system versioning",
    "insert into told values (1, 'a')",
    "update told set t = 'b'",
    "create table parent (id int primary key)",
    "create table child (id int primary key, parent int, big int, key (parent), constraint k foreign key (parent)"
    " references parent (id) on delete cascade, constraint large check (big > 10))",
    # Broken by rows that came while nobody looked.
    "insert into child values (1, 99, 5)",
    "create function twice(n int) returns int deterministic return n * 2",
    "create view seen as select t.i, n.t from typed t join note n on n.id = t.i where twice(1) = 2",
    "create definer = gone@nowhere view ghost as select id from parent",
    "create definer = gone@nowhere procedure act(in n int) begin select 1; select ';;'; end",
    "create trigger first_bell before insert on note for each row set new.t = concat(new.t, '!')",
    "create trigger second_bell before insert on note for each row follows first_bell set new.t = upper(new.t)",
    "create trigger killer after delete on parent for each row delete from child",
    "create event ring on schedule every 1 hour starts '2020-01-01 00:00:00' do insert into parent values (7)",
    "create event sleeper on schedule every 1 day starts '2020-01-01 00:00:00' disable comment 'z' do select 1",
    "create sequence loose start with 40 increment by 3",
    "do nextval(loose)",
    "create table empty_one (id int auto_increment primary key) auto_increment = 77",
)


@dataclass(frozen=True)
class Picture:
    """A database as independent eyes see it: every row, every definition, next values, the state of events."""

    rows: dict[str, list[str]]
    history: list[tuple[object, ...]]
    tables: dict[str, str]
    programs: list[tuple[object, ...]]
    database: tuple[object, ...]


_PROGRAMS = (
    "select 'view', table_name, view_definition, definer, security_type from information_schema.views"
    " where table_schema = database()",
    "select routine_type, routine_name, routine_definition, definer, sql_mode from information_schema.routines"
    " where routine_schema = database()",
    "select action_order, trigger_name, action_statement, definer, sql_mode from information_schema.triggers"
    " where trigger_schema = database()",
    "select status, event_name, event_definition, definer, starts from information_schema.events"
    " where event_schema = database()",
)


@dataclass(frozen=True)
class Eye(MysqlDatabase):
    """Looks through one session: a new one for each query would take most of a test's time."""

    session: Any = None

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.session.cursor() as cursor:
            cursor.execute("set time_zone = '+00:00'")
            cursor.execute(query, values or None)
            return list(cursor.fetchall())


def picture(database: MysqlDatabase) -> Picture:
    with closing(database.server.connect(database.name)) as session:
        return seen(Eye(database.server, database.name, session))


def seen(database: MysqlDatabase) -> Picture:
    tables = [name for name in all_tables(database) if name != "loose"]
    sequences = database.rows(
        "select table_name from information_schema.tables where table_schema = database() and table_type = 'SEQUENCE'"
    )
    values: list[tuple[object, ...]] = [
        (name, *database.rows(f"select next_not_cached_value, increment from `{name}`")[0]) for (name,) in sequences
    ]
    programs = [row for query in _PROGRAMS for row in sorted(database.rows(query), key=str)]
    history = database.rows("select id, t from told for system_time all order by 1, 2") if "told" in tables else []
    return Picture(
        {name: contents(database, name) for name in tables},
        history,
        {name: definition(database, name) for name in tables},
        values + programs,
        database.rows("select @@character_set_database, @@collation_database")[0],
    )


@pytest.fixture
def migration(mariadb_server: MariaDbServer, tmp_path: Path) -> Iterator[Migration]:
    with databases(mariadb_server) as (source, target):
        source.run(*SOURCE)
        yield Migration(source, target, restore_folder=str(tmp_path))


@pytest.fixture
def filled(migration: Migration) -> Migration:
    """With a target that holds nearly everything that a database can hold."""
    migration.target.run(*TARGET)
    migration.options = Options(overwrite=True)
    return migration


def move(migration: Migration, plan: MigrationPlan) -> str:
    """The whole way to the end; the keepsake."""
    with conduct(migration.asked(), plan) as conductor:
        migration.restore_point = conductor.secure(Spy()) or migration.restore_point
        conductor.prepare(Spy())
        work(conductor)
        verdict = conductor.verdict()
        assert verdict.reasons == []
        kept = conductor.keepsake()
        conductor.finish()
        assert conductor.keepsake() == ""
    return kept


def back(migration: Migration, plan: MigrationPlan, kept: str) -> str:
    with conduct(migration.asked(), plan) as conductor:
        return conductor.roll_back(kept, Spy())
