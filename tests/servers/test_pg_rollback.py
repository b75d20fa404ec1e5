"""Overwriting and taking back: what the target held is safe before, and comes back whole after."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Permanent
from jobs.core.model import Options, Scope
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres import keepsake, tools
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.lane import open_lane
from tests.servers.pg_run import Migration, Spy, all_tables, assert_same, contents, nothing_of_ours, rows, steps, work
from tests.servers.test_pg_run_undo import seen
from tests.support.servers import Database, FreshDatabase

SOURCE = """
create schema shop; create type shop.mood as enum ('sad', 'glad');
create table shop.person (id int primary key, mood shop.mood); insert into shop.person values (1, 'glad');
create table note (id serial primary key, person int references shop.person, t text); create index on note (t);
insert into note (person, t) select 1, md5(i::text) from generate_series(1, 500) i;
create function hello(name text, out said text) language sql as $$select 'hi ' || name$$;
create procedure act(n int default 1) language sql as $$select 1$$;
create view notes as select * from note; create materialized view counted as select count(*) n from note;
create operator === (leftarg = text, rightarg = text, function = texteq);
create domain positive as int check (value > 0);
create publication everything for all tables;
create function watch() returns event_trigger language plpgsql as $$begin end$$;
create event trigger watching on ddl_command_start execute function watch();
grant usage on schema public to public; comment on schema public is 'the source''s';
select lo_from_bytea(4711, 'x');
create extension vector;
"""

TARGET = """
create extension vector;
create schema "Old one"; create table "Old one".kept (id int primary key, "odd ""name" text, v vector(2));
insert into "Old one".kept select i, 'row ' || i, '[1,2]' from generate_series(1, 3000) i;
create table note (id int generated always as identity primary key, t text unique);
insert into note (t) select md5(i::text) from generate_series(1, 700) i;
create table p (id int, at date) partition by range (at);
create table p1 partition of p for values from ('2020-01-01') to ('2021-01-01');
create table p2 partition of p default; insert into p values (1, '2020-05-05'), (2, '2030-01-01');
create type colour as enum ('red'); create type pair as (a int, b colour);
create domain short as text check (length(value) < 9);
create table pairs (p pair, s short); insert into pairs values (row(1, 'red'), 'abc');
create view "Old one".seen as select k.id, n.t from "Old one".kept k join public.note n on n.id = k.id;
create materialized view summed as select count(*) from note;
create function twice(n int, out m int) language sql immutable as $$select n * 2$$;
create index on note (twice(id));
create aggregate total (int) (sfunc = int4pl, stype = int, initcond = '0');
create function shade(colour) returns int language sql as $$select 1$$;
create cast (colour as int) with function shade(colour) as assignment;
create function bell() returns trigger language plpgsql as $$begin return new; end$$;
create trigger ring before insert on note for each row execute function bell();
create rule quiet as on delete to pairs do instead nothing;
create policy mine on pairs using (true); alter table pairs enable row level security;
create publication few for table note; create sequence loose start 40; select nextval('loose');
create foreign data wrapper nowhere; create server far foreign data wrapper nowhere;
create foreign table away (a int) server far;
create collation german (locale = 'C'); create text search configuration words (copy = simple);
create function alarm() returns event_trigger language plpgsql as $$begin end$$;
create event trigger alarming on sql_drop execute function alarm();
alter default privileges grant select on tables to public;
alter default privileges in schema "Old one" revoke execute on functions from public;
comment on schema public is 'the target''s own'; grant create on schema public to pg_monitor;
comment on table note is 'a comment'; create statistics st on id, t from note;
select lo_from_bytea(815, 'large'), lo_from_bytea(4711, 'another');
analyze;
"""


@dataclass(frozen=True)
class Picture:
    """A database as independent eyes see it: every row, the schema as pg_dump writes it, sequences, large objects."""

    rows: dict[str, list[str]]
    schema: str
    values: list[tuple[object, ...]]
    large: list[tuple[object, ...]]
    defaults: list[tuple[object, ...]]


def picture(database: Database) -> Picture:
    tool = tools.nearest(database.server.binaries.major, tls=False)
    written = subprocess.run(
        [tool.path_dump, "--schema-only", "--encoding=UTF8", "--dbname", database.dsn],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    schema = re.sub(r"^(\\(un)?restrict .*|-- .*)$", "", written, flags=re.M)
    return Picture(
        contents(database, all_tables(database)),
        schema,
        rows(database, "select schemaname, sequencename, last_value from pg_sequences order by 1, 2"),
        rows(database, "select oid, lo_get(oid) from pg_largeobject_metadata order by 1"),
        rows(
            database,
            "select defaclobjtype, defaclrole::regrole::text, defaclacl::text from pg_default_acl order by 1, 3",
        ),
    )


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer, tmp_path: Path) -> Migration:
    source, target = fresh_db(pg16), fresh_db(pg18)
    with source.connect() as connection:
        connection.execute(SOURCE)
    return Migration(source, target, restore_folder=str(tmp_path))


@pytest.fixture
def filled(migration: Migration) -> Migration:
    """With a target that holds nearly everything that a database can hold."""
    with migration.target.connect() as connection:
        connection.execute(TARGET)
    migration.options = Options(overwrite=True)
    return migration


def move(migration: Migration, plan: MigrationPlan) -> str:
    """The whole way to the end; the keepsake."""
    with conduct(migration.asked(), plan) as conductor:
        migration.restore_point = conductor.secure(Spy()) or migration.restore_point
        conductor.prepare(Spy())
        work(migration.asked(), plan)
        verdict = conductor.verdict()
        assert verdict.reasons == []
        kept = conductor.keepsake()
        conductor.finish()
        assert conductor.keepsake() == ""
    return kept


def back(migration: Migration, plan: MigrationPlan, kept: str) -> str:
    with conduct(migration.asked(), plan) as conductor:
        return conductor.roll_back(kept, Spy())


def test_what_the_run_made_goes_and_nothing_else(migration: Migration) -> None:
    with migration.target.connect() as target:
        target.execute("comment on schema public is 'mine'")
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    assert_same(migration.source, migration.target)
    with migration.target.connect() as target:
        target.execute("create table public.extra (id int primary key); insert into extra values (7)")
        target.execute("insert into note (person, t) values (1, 'written since')")
    assert back(migration, plan, kept).endswith("as it was found.")
    assert rows(migration.target, "select id from extra") == [(7,)]
    with migration.target.connect() as target:
        target.execute("drop table extra")
    assert picture(migration.target) == before
    assert nothing_of_ours(migration.target)
    back(migration, plan, kept)
    assert picture(migration.target) == before


def test_somebody_elses_view_is_refused_and_nothing_is_lost(migration: Migration) -> None:
    plan = migration.plan()
    kept = move(migration, plan)
    with migration.target.connect() as target:
        target.execute("create schema theirs; create view theirs.report as select count(*) from note")
        target.execute("create table theirs.fk (p int references shop.person)")
    before = picture(migration.target)
    with pytest.raises(Permanent, match=r"view theirs\.report needs table public\.note") as caught:
        back(migration, plan, kept)
    assert "table theirs.fk needs table shop.person" in caught.value.what
    assert picture(migration.target) == before
    with migration.target.connect() as target:
        target.execute("drop view theirs.report; drop table theirs.fk")
    back(migration, plan, kept)
    assert all_tables(migration.target) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            "drop view notes; drop materialized view counted; drop table note; create table note (x int)",
            "another one",
        ),
        ("alter table note rename to renamed", r"public\.note is now public\.renamed"),
        ("drop procedure act(int); create procedure act(n int) language sql as $$select 2$$", "another one"),
    ],
)
def test_another_object_of_the_name_is_refused(migration: Migration, change: str, says: str) -> None:
    plan = migration.plan()
    kept = move(migration, plan)
    with migration.target.connect() as target:
        target.execute(change.encode())
    before = picture(migration.target)
    with pytest.raises(Permanent, match=says):
        back(migration, plan, kept)
    assert picture(migration.target) == before


def test_overwritten_and_brought_back(filled: Migration) -> None:
    before, plan = picture(filled.target), filled.plan()
    kept = move(filled, plan)
    assert_same(filled.source, filled.target)
    point = filled.restore_point
    assert point is not None and Path(point.path).stat().st_mode & 0o777 == 0o600
    assert [f.name for f in Path(filled.restore_folder).iterdir()] == [Path(point.path).name]
    for _ in range(2):  # a crash may come right before the word that it is done
        said = back(filled, plan, kept)
        assert point.path in said
        assert picture(filled.target) == before
        assert nothing_of_ours(filled.target)


@pytest.mark.parametrize("kind", ["schema", "copy", "verify"])
def test_cancelled_in_the_middle_it_is_brought_back(filled: Migration, kind: str) -> None:
    before, plan = picture(filled.target), filled.plan()
    with conduct(filled.asked(), plan) as conductor:
        filled.restore_point = conductor.secure(Spy())
        conductor.prepare(Spy())
        with open_lane(filled.asked(), plan) as lane:
            steps(lane, lambda task: task.kind == kind)
    with conduct(filled.asked(), plan) as conductor:
        assert "brought back" in conductor.undo(Spy())
        assert picture(filled.target) == before
        assert "Nothing" in conductor.undo(Spy())


def test_before_it_is_cleared_a_cancel_touches_nothing(filled: Migration) -> None:
    oids = seen_oids(filled.target)
    with conduct(filled.asked(), filled.plan()) as conductor:
        conductor.secure(Spy())
        assert "Nothing" in conductor.undo(Spy())
    assert seen_oids(filled.target) == oids


def seen_oids(database: Database) -> list[tuple[object, ...]]:
    return rows(database, "select oid from pg_class where oid >= 16384 order by 1")


def test_an_empty_target_needs_no_restore_point(migration: Migration) -> None:
    migration.options = Options(overwrite=True)
    before, plan = seen(migration.target), migration.plan()
    kept = move(migration, plan)
    assert migration.restore_point is None
    back(migration, plan, kept)
    assert seen(migration.target) == before


def test_without_its_file_nothing_is_touched(filled: Migration, tmp_path: Path) -> None:
    plan = filled.plan()
    kept = move(filled, plan)
    point = filled.restore_point
    assert point is not None
    before = picture(filled.target)
    Path(point.path).rename(tmp_path / "elsewhere")
    with pytest.raises(Permanent, match="cannot be read on this worker") as caught:
        back(filled, plan, kept)
    assert "FERRYBOT_RESTORE_POINTS" in caught.value.remedy
    data = bytearray((tmp_path / "elsewhere").read_bytes())
    data[-9] ^= 1
    Path(point.path).write_bytes(data)
    with pytest.raises(Permanent, match="SHA-256 differs"):
        back(filled, plan, kept)
    assert picture(filled.target) == before
    (tmp_path / "elsewhere").rename(point.path)
    with filled.target.connect() as target:
        target.execute("create table extra (x int)")
    with pytest.raises(Permanent, match=r"did not make: table public\.extra"):
        back(filled, plan, kept)


def test_data_only_is_emptied_and_sequences_go_back(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    migration = Migration(fresh_db(pg16), fresh_db(pg16), Options(scope=Scope.data_only))
    for database in (migration.source, migration.target):
        with database.connect() as connection:
            connection.execute("create table a (id serial primary key, t text); create table z (x int references a)")
    with migration.source.connect() as connection:
        connection.execute("insert into a (t) select 'x' from generate_series(1, 20); insert into z values (3)")
    with migration.target.connect() as connection:
        connection.execute("select setval('a_id_seq', 7)")
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    assert rows(migration.target, "select last_value from a_id_seq") == [(20,)]
    assert "emptied" in back(migration, plan, kept)
    assert picture(migration.target) == before


def test_an_owner_who_is_no_superuser_can_take_it_back(migration: Migration) -> None:
    name, target = migration.target.name, migration.target
    with target.connect() as connection:
        connection.execute(f"create role keeper_{name} login password 'secret'")
        connection.execute(f'alter database "{name}" owner to keeper_{name}')
        connection.execute(f"alter schema public owner to keeper_{name}; set role keeper_{name}")
        connection.execute("create table mine (id serial primary key, t text); insert into mine (t) values ('x')")
        connection.execute("create schema s; create view s.v as select * from public.mine; select lo_create(0)")
        connection.execute("alter default privileges grant select on tables to public")
    with migration.source.connect() as connection:
        connection.execute("drop event trigger watching; drop publication everything; drop extension vector")
    before = picture(target)
    migration.user = (f"keeper_{name}", "secret")
    migration.options = Options(overwrite=True, keep_owners=False)
    plan = migration.plan()
    kept = move(migration, plan)
    assert_same(migration.source, target)
    back(migration, plan, kept)
    assert picture(target) == before


def test_more_objects_than_locks(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts, then: what needs ours is found before the first part."""
    monkeypatch.setattr(keepsake, "_locks_suffice", lambda _: False)
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    with migration.target.connect() as target:
        target.execute("create schema theirs; create view theirs.report as select count(*) from note")
    full = picture(migration.target)
    with pytest.raises(Permanent, match=r"theirs\.report"):
        back(migration, plan, kept)
    assert picture(migration.target) == full
    with migration.target.connect() as target:
        target.execute("drop schema theirs cascade")
    back(migration, plan, kept)
    assert picture(migration.target) == before
