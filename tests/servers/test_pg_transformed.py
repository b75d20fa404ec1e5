"""What differs for a stated reason is said with the reason, and never hides what differs without one."""

from __future__ import annotations

import psycopg
import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.model import Options
from jobs.core.verdict import Difference, Verdict
from jobs.engines.postgres import transformed
from jobs.engines.postgres.conductor import conduct
from tests.servers.pg_run import Migration, Spy, rows, work
from tests.support.servers import FreshDatabase, PostgresPool

SOURCE = """
create table kept (id int primary key, gone int, x text not null);
create table gone (id int primary key, a int, b text); comment on column gone.a is 'words';
create index gone_a on gone (a);
alter table kept add constraint to_gone foreign key (gone) references gone;
create view over_gone as select * from gone; create view over_kept as select * from kept;
insert into kept values (1, null, 'x'), (2, null, 'x'); create index usable on kept (gone);
"""
# A role that every server has: with its owners kept it would own the table on the target.
OWNED = "alter table kept owner to pg_monitor"


def migration_of(fresh_db: FreshDatabase, source: PostgresServer, target: PostgresServer, text: str) -> Migration:
    made = Migration(fresh_db(source), fresh_db(target))
    with made.source.connect() as connection:
        connection.execute(text.encode())
    return made


def told(verdict: Verdict) -> dict[str, str]:
    return {f"{d.kind} {d.name}": d.why for d in verdict.transformed}


def test_what_was_left_out_and_what_needs_it(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer
) -> None:
    migration = migration_of(fresh_db, pg16, pg18, SOURCE)
    migration.options = Options(exclude=("public.gone",), keep_owners=False)
    with migration.source.connect() as connection:
        connection.execute(OWNED)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("create unique index concurrently broken on kept (x)")
    verdict = migration.run()
    assert verdict.reasons == []
    said = told(verdict)
    left = "left out by choice, or needs what was"
    assert {name for name, why in said.items() if why == left} == {
        "table public.gone",
        "view public.over_gone",
        "constraint public.kept.to_gone",
    }
    assert "invalid in the source" in said["index public.broken"]
    assert said["owner of every object"] == "owners were not to be kept"
    owners = "select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = 'public'::regnamespace"
    assert rows(migration.target, owners) == [(migration.target.server.superuser,)]
    assert "has a name" in said["constraint NOT NULL"] or "with a name" in said["constraint NOT NULL"]
    assert "every owner" in said["privilege MAINTAIN"]
    assert "16 and 18" in said["text views, rules and policies"]
    assert all(difference.why for difference in verdict.transformed)


def test_two_servers_of_one_version_change_nothing(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    verdict = migration_of(fresh_db, pg16, pg16, SOURCE).run()
    assert verdict.green and verdict.transformed == ()


def test_an_extension_of_another_version(pg_server: PostgresPool, fresh_db: FreshDatabase) -> None:
    source, target = pg_server.server(15), pg_server.server(15)
    migration = migration_of(fresh_db, source, target, "create extension citext version '1.5'")
    verdict = migration.run()
    assert verdict.green
    assert [str(d) for d in verdict.transformed] == ["extension citext: source: version 1.5; target: version 1.6"]


def test_a_missing_extension_is_no_version_of_it(pg_server: PostgresPool, fresh_db: FreshDatabase) -> None:
    migration = migration_of(fresh_db, pg_server.server(15), pg_server.server(15), "create extension citext")
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
        with migration.target.connect() as connection:
            connection.execute("drop extension citext")
        verdict = conductor.verdict()
    assert verdict.reasons == ["extension citext: missing on the target"] and verdict.transformed == ()


def test_what_no_rule_explains_stays_a_difference() -> None:
    found = Difference(kind="table", name="s.t", what="missing on the target")
    assert transformed.explain(found, "r p", None) == found
    version = Difference(kind="extension", name="x", what="source: 1; target: 2")
    assert transformed.explain(version, "version 1", "version 2").why
    assert not transformed.explain(version, None, "version 2").why
