"""A database of each dialect behind the same few words, for tests that hold for every engine.

Their statements are such as every dialect understands; what each writes in its own way is said here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import psycopg

from jobs.core.model import Endpoint
from tests.servers import mysql_run, pg_run
from tests.servers.mysql_run import MysqlDatabase
from tests.support import inspection, my_inspection
from tests.support.servers import Database

PEOPLE = 1500
ROWS = PEOPLE + 3 + 2 * 50 + 4
SCHEMA = (
    "create table town (id int primary key, name varchar(40) not null)",
    "create table person (id int primary key, town int not null, name varchar(60) not null,"
    " note varchar(400) not null, constraint person_town foreign key (town) references town (id))",
    "create index person_name on person (name)",
    "create table paid (id int primary key, cents int not null)",
    "create table owed (id int primary key, cents int not null)",
    "create table log (line varchar(40))",
    "create view crowd as select town, count(*) as people from person group by town",
    "insert into town values (1, 'Ulm'), (2, 'Köln'), (3, '')",
    "insert into person values "
    + ", ".join(f"({n}, {n % 3 + 1}, 'p{n}', '{chr(65 + n % 26) * 300}')" for n in range(1, PEOPLE + 1)),
    "insert into paid values " + ", ".join(f"({n}, 0)" for n in range(1, 51)),
    "insert into owed values " + ", ".join(f"({n}, 0)" for n in range(1, 51)),
    "insert into log values ('one'), ('one'), (null), ('\\')",
)
"""Five tables, in all of which there are `ROWS` rows."""
TABLES = 5
STRANGER, SECRET = "stranger", "the stranger's s3cret"
"""An account that may log in, and nothing else."""


class Side(Protocol):
    """One database of a test server."""

    touched: bool
    """A test may have changed it since it was filled."""
    hurry: ClassVar[str]
    """A statement after which no lock is waited for longer than a second."""

    def empty(self) -> None:
        """As a database that was just made."""

    def run(self, *statements: str) -> None: ...

    def rows(self, query: str) -> list[tuple[Any, ...]]: ...

    def connect(self) -> Any:
        """The driver's own connection, which commits each statement by itself."""

    def endpoint(self) -> Endpoint: ...

    def stranger(self) -> Endpoint: ...

    def picture(self) -> object:
        """Every object's definition and every row, by queries of the tests' own."""

    def sessions(self) -> int:
        """Of Ferrybot's, in this database."""

    def written(self) -> object:
        """Something that moves on with whatever is written on this server."""

    def fill(self) -> None: ...

    def make_weird(self) -> None:
        """What real databases hold and nobody would make by plan."""


@dataclass
class PgSide:
    """A database of a PostgreSQL server."""

    database: Database
    touched: bool = True
    hurry: ClassVar[str] = "set lock_timeout = '300ms'"

    def empty(self) -> None:
        with self.database.connect(prepare_threshold=None) as connection:
            connection.execute(_CLEAN)

    def run(self, *statements: str) -> None:
        self.touched = True
        with self.database.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return pg_run.rows(self.database, query)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        self.touched = True
        return self.database.connect()

    def endpoint(self) -> Endpoint:
        return pg_run.endpoint(self.database)

    def stranger(self) -> Endpoint:
        self.run(f"drop role if exists {STRANGER}", f"create role {STRANGER} login password '{quoted(SECRET)}'")
        return pg_run.endpoint(self.database, STRANGER, SECRET)

    def picture(self) -> object:
        return self.rows(_PG_OBJECTS), pg_run.contents(self.database, pg_run.all_tables(self.database))

    def sessions(self) -> int:
        query = "select 1 from pg_stat_activity where datname = current_database() and application_name like 'ferry%'"
        return len(self.rows(query))

    def written(self) -> object:
        return self.rows("select pg_snapshot_xmax(pg_current_snapshot())::text")

    def fill(self) -> None:
        self.run(*SCHEMA)

    def make_weird(self) -> None:
        self.run(*_PG_WEIRD)


@dataclass
class MySide:
    """A database of a MariaDB server."""

    database: MysqlDatabase
    touched: bool = True
    hurry: ClassVar[str] = "set lock_wait_timeout = 1"

    def empty(self) -> None:
        name = self.database.name
        my_inspection.run(
            self.database.server, f"drop database if exists {name}; create database {name} character set utf8mb4"
        )

    def run(self, *statements: str) -> None:
        self.touched = True
        self.database.run(*statements)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.rows(query)

    def connect(self) -> Any:
        self.touched = True
        connection = self.database.server.connect(self.database.name)
        connection.autocommit(True)
        return connection

    def endpoint(self) -> Endpoint:
        return mysql_run.endpoint(self.database)

    def stranger(self) -> Endpoint:
        self.run(f"create or replace user {STRANGER} identified by '{quoted(SECRET)}'")
        return mysql_run.endpoint(self.database, STRANGER, SECRET)

    def picture(self) -> object:
        name = self.database.name
        found = {query: self.rows(query) for query in _MY_OBJECTS}
        tables = mysql_run.all_tables(self.database)
        found["definitions"] = [(table, mysql_run.definition(self.database, table)) for table in tables]
        return name, found, {table: mysql_run.contents(self.database, table) for table in tables}

    def sessions(self) -> int:
        query = "select 1 from information_schema.processlist where db = database() and id <> connection_id()"
        return len(self.rows(query))

    def written(self) -> object:
        return self.rows("show master status")

    def fill(self) -> None:
        self.run("set sql_mode = 'NO_BACKSLASH_ESCAPES'", *SCHEMA)

    def make_weird(self) -> None:
        self.touched = True
        my_inspection.run(self.database.server, _MY_WEIRD, self.database.name)
        # What a crashed disk leaves: the definition without the rows.
        (self.database.server.data / self.database.name / "lost.MYI").unlink()


def quoted(text: str) -> str:
    return text.replace("'", "''")


_CLEAN = Path(inspection.__file__).with_name("clean.sql").read_bytes()

_PG_OBJECTS = """
select 'relation', oid::regclass::text, relkind::text || coalesce(relacl::text, '') from pg_class where oid >= 16384
    and relnamespace <> 'pg_toast'::regnamespace
union all select 'column', attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod) || attnotnull
    from pg_attribute where attrelid >= 16384 and attnum > 0 and not attisdropped
    and attrelid::regclass::text not like 'pg_toast.%'
union all select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) from pg_constraint
    where oid >= 16384
union all select 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
    where indexrelid >= 16384 and indrelid::regclass::text not like 'pg_toast.%'
union all select 'view', oid::regclass::text, pg_get_viewdef(oid) from pg_class where oid >= 16384 and relkind = 'v'
union all select 'routine', oid::regprocedure::text, prosrc from pg_proc where oid >= 16384
union all select 'type', oid::regtype::text, typtype::text from pg_type where oid >= 16384 and typrelid = 0
union all select 'schema', nspname, coalesce(nspacl::text, '') || nspowner::regrole from pg_namespace
    where nspname !~ '^pg_(toast_)?temp'
union all select 'database', coalesce(datacl::text, ''), datdba::regrole::text from pg_database
    where datname = current_database()
union all select 'setting', setrole::regrole::text, setconfig::text from pg_db_role_setting
    where setdatabase = (select oid from pg_database where datname = current_database())
union all select 'extension', extname, extversion from pg_extension
union all select 'publication', pubname, '' from pg_publication
union all select 'slot', slot_name, '' from pg_replication_slots where database = current_database()
union all select 'large object', oid::text, '' from pg_largeobject_metadata
order by 1, 2, 3
"""

_MY_OBJECTS = (
    "select default_character_set_name, default_collation_name from information_schema.schemata"
    " where schema_name = database()",
    "select table_name, table_type, engine, auto_increment from information_schema.tables"
    " where table_schema = database() order by 1",
    "select table_name, view_definition, security_type from information_schema.views where table_schema = database()"
    " order by 1",
    "select trigger_name, action_statement from information_schema.triggers where trigger_schema = database()"
    " order by 1",
    "select routine_name, routine_definition from information_schema.routines where routine_schema = database()"
    " order by 1",
    "select event_name, event_definition, status from information_schema.events where event_schema = database()"
    " order by 1",
)

_PG_WEIRD = (
    'create schema "we""ird <!channel> %s"; create table "we""ird <!channel> %s"."no columns" ()',
    "create table nothing_in_it (a int) partition by list (a)",
    "create table halves (a int primary key) partition by range (a);"
    " create table only_half partition of halves for values from (0) to (9)",
    "create table parent_of (a int); create table child_of (b int) inherits (parent_of)",
    "create unlogged table forgetful (a int generated always as identity, b int generated always as (7) stored)",
    "create table hidden (a int); alter table hidden enable row level security;"
    " create policy p on hidden using (false)",
    "create table p (id int primary key); create table c (id int); insert into c values (1);"
    " alter table c add constraint k foreign key (id) references p not valid",
    "create table twice (a int); insert into twice values (1); create index twice_a on twice (a);"
    " update pg_index set indisvalid = false where indexrelid = 'twice_a'::regclass",
    "create type mood as enum ('', 'it''s', '\"'); create domain short as mood[] check (cardinality(value) < 3)",
    'create table odd ("%s" short, "na\nme" int[], "x.y" xml, primary key ("%s"))',
    "create foreign data wrapper nowhere; create server far foreign data wrapper nowhere;"
    " create foreign table away (a int) server far",
    "create function path_needed(int) returns int language sql immutable as 'select count(*)::int from public.p';"
    " create index on c (path_needed(id)); create view empty_view as select",
    "create materialized view not_filled as select 1 as a with no data",
    "create function bell() returns event_trigger language plpgsql as $$begin end$$;"
    " create event trigger ringing on ddl_command_end execute function bell()",
    "create publication everything for all tables; select lo_from_bytea(0, 'x')",
    "select setval(format('%I', relname)::regclass, 3) from pg_class where relkind = 'S'",
)

_MY_WEIRD = """
create table `we``ird. 'nä"me <!channel> %s` (`na\nme` int, `%(x)s` enum('', 'it''s', '"'), key `%` (`na\nme`));
create table bare (a int generated always as (7) virtual, b int invisible default 1);
create table heap (a int, b varchar(9)) engine = memory;
create table lost (a int, key (a)) engine = myisam; flush tables;
create table past (a int) with system versioning; insert into past values (1); delete from past;
create table zeros (at date not null, e enum('a'), b bit(1), g varchar(9) character set gbk);
insert into zeros values ('0000-00-00', '', 1, x'a2ab'), ('2020-02-31', null, 0, '');
create table halves (a int) partition by range (a) (partition p values less than (9));
create table p (id int primary key);
create table c (id int primary key, p int, constraint k foreign key (p) references p (id));
set foreign_key_checks = 0; insert into c values (1, 7);
create sequence s start with 5; do nextval(s);
create table gone (a int); create view broken as select a from gone; drop table gone;
create definer = nobody@nowhere view `v "%"` as select 1 as `a``b`;
create definer = nobody@nowhere trigger g before insert on c for each row set new.p = 1;
create procedure said() select 'x' # a comment
;
create function f() returns int deterministic return 1;
create event e on schedule every 1 day do set @a = 1;
create table shapes (p point, j json, u uuid, i inet6, t time(6));
"""
