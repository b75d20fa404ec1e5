"""What pg_dump does not carry: settings of the database, rows in tables of extensions, roles."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.model import Options, blockers
from jobs.engines.postgres.conductor import conduct
from tests.servers.pg_everything import prefix
from tests.servers.pg_run import ENGINE, Migration, Spy, assert_same, nothing_of_ours, rows, work
from tests.support.inspection import judge
from tests.support.servers import Database, FreshDatabase, PostgresPool

HELD = """select coalesce(r.rolname, ''), s.setconfig
from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
where s.setdatabase = (select oid from pg_database where datname = current_database()) order by 1"""
SETTINGS = """
create role {p}_app; alter database {db} set work_mem = '7MB';
alter database {db} set search_path = "$user", public, "odd, ""one"" ";
alter database {db} set app.token = 'it''s; secret'; alter database {db} set "DateStyle" = 'German';
alter database {db} set default_transaction_read_only = off;
alter role {p}_app in database {db} set statement_timeout = '3s';
alter role {p}_app in database {db} set search_path = '';
create table t (id int primary key); insert into t values (1)
"""


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    return Migration(fresh_db(pg16), fresh_db(pg18))


def run_in(database: Database, script: str, p: str = "") -> None:
    with database.connect(prepare_threshold=None) as connection:
        connection.execute(script.replace("{p}", p).replace("{db}", database.name).encode())


def undo(migration: Migration) -> str:
    with conduct(migration.asked(), migration.plan()) as conductor:
        return conductor.undo(Spy())


# settings


def test_settings_arrive_exactly_and_an_undo_takes_them_back(migration: Migration) -> None:
    p = prefix()
    run_in(migration.source, SETTINGS, p)
    run_in(migration.target, "create role {p}_app; alter database {db} set work_mem = '3MB'", p)
    before = rows(migration.target, HELD)
    left_out = migration.plan().left_out
    assert not any("stay behind" in line and "ALTER DATABASE" in line for line in left_out)
    assert "that belong to the source's server stay behind: default_transaction_read_only" in " ".join(left_out)
    verdict = migration.run(finish=False)
    assert verdict.reasons == [] and ("database setting", 6) in verdict.objects

    def held(database: Database) -> dict[tuple[str, str], str]:
        found = [(role, entry) for role, entries in rows(database, HELD) for entry in entries]
        values = {(role, entry.partition("=")[0]): entry.partition("=")[2] for role, entry in found}
        return {key: value for key, value in values.items() if key[1] != "default_transaction_read_only"}

    assert held(migration.source) == held(migration.target)
    undo(migration)
    assert rows(migration.target, HELD) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alter database {db} set work_mem = '8MB'", "database setting work_mem: source: 7MB; target: 8MB"),
        ("alter database {db} reset work_mem", "database setting work_mem: missing on the target"),
        ("alter database {db} set app.token = 'x'", "database setting app.token: source: a value of hash"),
        ("alter database {db} set enable_sort = off", ""),
    ],
)
def test_the_verdict_sees_a_setting_that_differs(migration: Migration, change: str, said: str) -> None:
    p = prefix()
    run_in(migration.source, SETTINGS, p)
    run_in(migration.target, "create role {p}_app", p)
    migration.run(finish=False)
    run_in(migration.target, change)
    with conduct(migration.asked(), migration.plan()) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), migration.plan())
        reasons = conductor.verdict().reasons
    assert [reason.startswith(said) for reason in reasons] == ([True] if said else [])
    assert "secret" not in str(reasons)


def test_a_user_who_does_not_own_the_database_is_told_before_and_the_verdict_says_it_after(
    migration: Migration,
) -> None:
    p = prefix()
    run_in(migration.source, "create table t (i int); alter database {db} set work_mem = '7MB'")
    run_in(
        migration.target,
        "create role {p}_weak login password 'w'; grant create on database {db} to {p}_weak;"
        "alter schema public owner to {p}_weak",
        p,
    )
    migration.user = (f"{p}_weak", "w")
    migration.options = Options(keep_owners=False, keep_grants=False)
    found = judge(ENGINE.inspect(migration.asked()))
    assert [f.severity.value for f in found["settings"].findings] == ["warn"]
    assert migration.run().reasons == ["database setting work_mem: missing on the target"]


# rows in tables of extensions: plpgsql, which is everywhere, is given some

CONFIGURED = """
create table conf (id int primary key, v text, built_in boolean default false); create table keyless (v text);
create sequence counted; insert into conf values (1, 'built in', true); insert into keyless values ('own');
alter extension plpgsql add table conf; alter extension plpgsql add table keyless;
alter extension plpgsql add sequence counted;
update pg_extension set extconfig = array['conf'::regclass, 'keyless'::regclass, 'counted'::regclass]::oid[],
    extcondition = array['where not built_in', '', ''] where extname = 'plpgsql'
"""
ADDED = """insert into conf values (2, 'of people', false), (3, E'odd\\t\\\\.\\n', false);
update conf set v = 'x' where id = 1;
insert into keyless values ('own'), ('twice'), ('twice'), (null); select setval('counted', 42)"""


@pytest.fixture
def configured(migration: Migration) -> Iterator[Migration]:
    for database in (migration.source, migration.target):
        run_in(database, CONFIGURED)
    run_in(migration.source, ADDED)
    yield migration


def test_rows_that_people_added_to_tables_of_extensions_arrive(configured: Migration) -> None:
    assert not any("extension" in line for line in configured.plan().left_out)
    verdict = configured.run()
    assert verdict.reasons == [] and ("extension's table", 2) in verdict.objects
    query = "select id, v from conf where not built_in order by 1"
    assert rows(configured.source, query) == rows(configured.target, query)
    query = "select v, count(*) from keyless group by 1 order by 1"
    assert rows(configured.source, query) == rows(configured.target, query) == [("own", 2), ("twice", 2), (None, 1)]
    assert rows(configured.target, "select v from conf where id = 1") == [("built in",)]
    assert rows(configured.target, "select last_value, is_called from counted") == [(42, True)]


CONTENTS = (
    "select (select last_value from counted), array(select c::text from conf c order by 1),"
    " array(select k::text from keyless k order by 1)"
)


@pytest.mark.parametrize("finished", [False, True])
def test_rows_in_tables_of_extensions_that_were_there_go_again(configured: Migration, finished: bool) -> None:
    """No others: neither those that were there nor what somebody wrote since."""
    run_in(configured.target, "insert into keyless values ('twice'), ('theirs'); select setval('counted', 7)")
    before, plan = rows(configured.target, CONTENTS), configured.plan()
    with conduct(configured.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(configured.asked(), plan)
        kept = conductor.keepsake()
    run_in(configured.source, "insert into conf values (4, 'late', false)")
    with conduct(configured.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(configured.asked(), plan)
        kept = conductor.keepsake()
        assert rows(configured.target, CONTENTS) != before
        if finished:
            conductor.finish()
        run_in(configured.target, "insert into keyless values ('since')")
        if finished:
            conductor.roll_back(kept, Spy())
            conductor.roll_back(kept, Spy())
        else:
            conductor.undo(Spy())
    run_in(configured.target, "delete from keyless where v = 'since'")
    assert rows(configured.target, CONTENTS) == before


def test_a_resumed_run_adds_no_row_twice_and_sees_the_one_that_went(configured: Migration) -> None:
    plan, asked = configured.plan(), configured.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
    run_in(configured.source, "insert into conf values (4, 'late', false)")
    assert configured.run(plan=plan, finish=False).reasons == []
    assert rows(configured.target, "select count(*) from keyless") == [(5,)]
    run_in(configured.source, "delete from conf where id = 4")
    assert configured.run(plan=plan).reasons == ["extension's row public.conf: 1 rows are unexpected on the target"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "insert into conf values (2, 'other', false)",
            "extension's row public.conf: 1 rows of the source are missing",
        ),
        ("alter extension plpgsql drop table conf; drop table conf", "rows that were added to public.conf"),
        ("alter table conf drop column v", "rows that were added to public.conf of extension plpgsql: column"),
    ],
)
def test_rows_that_cannot_be_added_are_named(configured: Migration, change: str, said: str) -> None:
    run_in(configured.target, change)
    reasons = configured.run().reasons
    assert any(said in reason for reason in reasons), reasons


def test_an_extension_of_ones_own_is_created_and_filled(
    pg_server: PostgresPool, fresh_db: FreshDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("share") / "extension"
    folder.mkdir()
    # The server may run as another user, who must reach the folder.
    for path in (folder, *folder.parents):
        if path == Path(tempfile.gettempdir()).resolve() or path.stat().st_uid != os.getuid():
            break
        path.chmod(0o755)
    (folder / "ferryconf.control").write_text("default_version = '1.0'\nrelocatable = false\nschema = public\n")
    (folder / "ferryconf--1.0.sql").write_text(
        "create table conf (id int primary key, v text, built_in boolean);"
        "insert into conf values (1, 'built in', true);"
        "select pg_extension_config_dump('conf', 'where not built_in');"
        "comment on table conf is 'of the author'; comment on column conf.v is 'of the author';"
        "create function twice(int) returns int language sql as 'select 2 * $1';"
        "create operator <+> (leftarg = int, rightarg = int, function = int4pl)"
    )
    server = pg_server.server(18, extension_control_path=f"$system:{folder.parent}")
    migration = Migration(fresh_db(server), fresh_db(server))
    run_in(migration.source, "create extension ferryconf; insert into conf values (2, 'ours', false);" + COMMENTS)
    plan = migration.plan()
    verdict = migration.run(plan=plan, finish=False)
    assert verdict.reasons == [] and ("extension's comment", 5) in verdict.objects
    assert rows(migration.target, "select id, v from conf order by 1") == [(1, "built in"), (2, "ours")]
    assert rows(migration.target, SAID) == rows(migration.source, SAID)
    told = [(d.name, d.why) for d in verdict.transformed if d.kind == "extension's comment"]
    assert told == [("extension plpgsql", "the target had the extension before this run")]
    run_in(
        migration.target, "comment on column conf.v is 'changed again'; comment on operator <+> (int, int) is null"
    )
    with conduct(migration.asked(), plan) as conductor:
        assert conductor.prepare(Spy())
        work(migration.asked(), plan)
        run_in(migration.target, "comment on column conf.v is 'changed again'")
        reasons = conductor.verdict().reasons
    assert reasons == ["extension's comment table column public.conf.v: another one on the target"]


COMMENTS = """
comment on extension ferryconf is 'it''s ours'; comment on table conf is null; comment on column conf.v is 'ours';
comment on function twice(int) is 'doubles'; comment on operator <+> (int, int) is 'adds';
comment on extension plpgsql is 'spoken here'
"""
SAID = """select i.type, i.identity, d.description
from pg_description d cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
where d.objoid >= 16384 order by 1, 2"""


# roles

ROLES = """
create role {p}_group nologin noinherit; create role {p}_app login password 'x' connection limit 7 createdb superuser;
grant {p}_group to {p}_app with admin option; create role {p}_setter; create role {p}_unused;
create schema s authorization {p}_app; create table s.t (id int primary key); alter table s.t owner to {p}_app;
grant select on s.t to {p}_group; alter role {p}_setter in database {db} set work_mem = '9MB';
alter default privileges for role {p}_app grant select on tables to {p}_group; insert into s.t values (1)
"""
SHAPE = """select rolname, rolcanlogin, rolinherit, rolcreatedb, rolsuper, rolconnlimit
from pg_roles where rolname ~ %s order by 1"""


def roles_of(database: Database, p: str) -> list[tuple[Any, ...]]:
    return rows(database, SHAPE, f"^{p}_")


def test_missing_roles_are_made_and_an_undo_drops_those_that_own_nothing(migration: Migration) -> None:
    p = prefix()
    run_in(migration.source, ROLES, p)
    assert "to create missing roles" in "".join(f.remedy for f in blockers(list(results(migration).values())))
    migration.options = Options(create_roles=True)
    assert blockers(list(results(migration).values())) == []
    plan = migration.plan()
    assert plan.roles == (f"{p}_app", f"{p}_group", f"{p}_setter")
    assert f"Role {p}_app is made without SUPERUSER." in plan.left_out
    assert any(f"{p}_app, {p}_group, {p}_setter" in step.title for step in plan.steps)
    assert migration.run(finish=False, plan=plan).reasons == []
    assert_same(migration.source, migration.target)
    assert roles_of(migration.target, p) == [
        (f"{p}_app", True, True, True, False, 7),
        (f"{p}_group", False, False, False, False, -1),
        (f"{p}_setter", False, True, False, False, -1),
    ]
    assert rows(migration.target, "select pg_has_role(%s, %s, 'member')", f"{p}_app", f"{p}_group") == [(True,)]
    run_in(migration.target, "create table mine (); alter table mine owner to {p}_setter", p)
    undo_with(migration, plan)
    assert [name for name, *_ in roles_of(migration.target, p)] == [f"{p}_setter"]


def undo_with(migration: Migration, plan: Any) -> None:
    with conduct(migration.asked(), plan) as conductor:
        conductor.undo(Spy())
    assert nothing_of_ours(migration.target)


def results(migration: Migration) -> Any:
    return judge(ENGINE.inspect(migration.asked()))


@pytest.mark.parametrize(("old", "new"), [(14, 15), (16, 18)])
def test_a_user_with_createrole_makes_them_and_one_without_is_refused(
    old: int, new: int, pg_server: PostgresPool, fresh_db: FreshDatabase
) -> None:
    p = prefix()
    migration = Migration(
        fresh_db(pg_server.server(old)), fresh_db(pg_server.server(new)), Options(create_roles=True)
    )
    run_in(migration.source, ROLES.replace("superuser", ""), p)
    run_in(migration.target, "create role {p}w login password 'w'; alter database {db} owner to {p}w", p)
    migration.user = (f"{p}w", "w")
    found = blockers(list(results(migration).values()))
    assert {f.check for f in found} == {"owners"}
    assert f'ALTER ROLE "{p}w" CREATEROLE;' in found[0].remedy
    run_in(migration.target, "alter role {p}w createrole", p)
    assert blockers(list(results(migration).values())) == []
    plan = migration.plan()
    reasons = migration.run(plan=plan, finish=False).reasons
    assert reasons == []
    assert rows(migration.target, "select tableowner from pg_tables where schemaname = 's'") == [(f"{p}_app",)]
    undo_with(migration, plan)
    assert roles_of(migration.target, p) == []


def test_schema_public_of_an_old_source_stays_whose_it_is(
    pg_server: PostgresPool, fresh_db: FreshDatabase, pg18: PostgresServer
) -> None:
    p = prefix()
    migration = Migration(fresh_db(pg_server.server(14)), fresh_db(pg18))
    run_in(migration.source, "create table t (id int primary key); insert into t values (1)")
    run_in(migration.target, "create role {p}w login password 'w'; alter database {db} owner to {p}w", p)
    migration.user = (f"{p}w", "w")
    migration.options = Options(keep_grants=False)
    found = {f.check for f in blockers(list(results(migration).values()))}
    assert found <= {"owners", "owner_rights"}
    run_in(migration.source, "create role {p}w; alter table t owner to {p}w", p)
    assert blockers(list(results(migration).values())) == []
    plan = migration.plan()
    assert "Schema public stays whose it is" in " ".join(plan.left_out)
    assert migration.run(plan=plan).reasons == []
    assert_same(migration.source, migration.target)
