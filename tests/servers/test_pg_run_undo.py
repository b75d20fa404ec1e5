"""Undo: the target is as it was found, and what is not ours stays."""

from __future__ import annotations

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Permanent
from jobs.core.model import Options, Scope
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.lane import open_lane
from tests.servers.pg_run import Migration, Spy, nothing_of_ours, rows, steps, work
from tests.support.servers import Database, FreshDatabase, ShopDatabase

EVERYTHING = """
select 'relation', oid::regclass::text from pg_class where oid >= 16384
union all select 'routine', oid::regprocedure::text from pg_proc where oid >= 16384
union all select 'type', oid::regtype::text from pg_type where oid >= 16384
union all select 'schema', nspname from pg_namespace where oid >= 16384
union all select 'extension', extname from pg_extension
union all select 'cast', castsource::regtype::text from pg_cast where oid >= 16384
union all select 'collation', collname from pg_collation where oid >= 16384
union all select 'text search', cfgname from pg_ts_config where oid >= 16384
union all select 'publication', pubname from pg_publication
union all select 'event trigger', evtname from pg_event_trigger
union all select 'large object', oid::text from pg_largeobject_metadata
union all select 'default acl', oid::text from pg_default_acl
order by 1, 2
"""


@pytest.fixture
def shop(shop_db: ShopDatabase, fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    source, target = shop_db(pg16), fresh_db(pg18)
    with source.connect() as connection:
        connection.execute("create publication everything for all tables; select lo_from_bytea(0, 'x')")
    with target.connect() as connection:
        if not rows(target, "select 1 from pg_roles where rolname = 'shop_app'"):
            connection.execute("create role shop_app nologin")
    return Migration(source, target)


def undone(migration: Migration) -> str:
    with conduct(migration.asked(), migration.plan()) as conductor:
        return conductor.undo(Spy())


def seen(database: Database) -> list[tuple[object, ...]]:
    return rows(database, EVERYTHING)


@pytest.mark.parametrize("kind", ["schema", "copy", "index", "foreign keys", "post", "verify"])
def test_undo_after_any_phase(shop: Migration, kind: str) -> None:
    before = seen(shop.target)
    with conduct(shop.asked(), shop.plan()) as conductor:
        conductor.prepare(Spy())
        with open_lane(shop.asked(), shop.plan()) as lane:
            steps(lane, lambda task: task.kind == kind)
    assert undone(shop).endswith("the target is as it was found.")
    assert seen(shop.target) == before
    assert "Nothing" in undone(shop)


def test_a_finished_run_can_be_undone_and_repeated(shop: Migration) -> None:
    before = seen(shop.target)
    assert shop.run(finish=False).reasons == []
    undone(shop)
    assert seen(shop.target) == before
    assert shop.run().reasons == []
    assert nothing_of_ours(shop.target)


def test_what_others_made_stays_and_is_named(shop: Migration) -> None:
    with conduct(shop.asked(), shop.plan()) as conductor:
        conductor.prepare(Spy())
        work(shop.asked(), shop.plan())
        with shop.target.connect() as target:
            target.execute("create table public.mine (x int); create view public.theirs as select name from setting")
        with pytest.raises(Permanent, match="theirs"):
            conductor.undo(Spy())
        with shop.target.connect() as target:
            target.execute("drop view public.theirs")
        conductor.undo(Spy())
    assert [row for row in seen(shop.target) if "mine" in str(row[1])]
    assert nothing_of_ours(shop.target)


def test_data_only_is_emptied_again(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    migration = Migration(fresh_db(pg16), fresh_db(pg16), Options(scope=Scope.data_only))
    for database in (migration.source, migration.target):
        with database.connect() as connection:
            connection.execute("create table a (id int primary key); create table b (a int references a)")
    with migration.source.connect() as connection:
        connection.execute("insert into a values (1), (2); insert into b values (1)")
    assert migration.run(finish=False).green
    assert rows(migration.target, "select count(*) from a") == [(2,)]
    assert "emptied" in undone(migration)
    assert (
        rows(migration.target, "select count(*) from a") == rows(migration.target, "select count(*) from b") == [(0,)]
    )
