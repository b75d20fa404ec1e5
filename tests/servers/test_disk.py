"""The target's disk: measured by its own server while a run goes on, and really full (hard case 25)."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.errors import Permanent
from jobs.engines.mysql import inspect_disk as mysql_disk
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.inspect_disk import room
from tests.servers.pg_run import Migration, Spy, assert_same, endpoint, nothing_of_ours, rows, work
from tests.support.my_inspection import MyDatabase
from tests.support.servers import Database, FreshDatabase

MB = 1 << 20
SOURCE = """
create table big (id int primary key, filler text);
insert into big select i, (select string_agg(md5((16 * i + k)::text), '') from generate_series(1, 15) k)
from generate_series(1, 40000) i;
create table small (id int primary key); insert into small select generate_series(1, 100); analyze;
"""

Resize = Callable[[int], None]


@contextmanager
def disk_of(server: PostgresServer, name: str, size: int) -> Iterator[tuple[Database, Resize]]:
    """A database on a file system of its own, in memory; and what makes that larger."""
    if os.geteuid() != 0:
        pytest.skip("a small disk is mounted, which takes root")
    place = server.folder / f"disk-{name}"
    place.mkdir()
    owner = pwd.getpwnam("nobody")
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={size},uid={owner.pw_uid},mode=700", "ferrybot-test", str(place)]
    if subprocess.run(mounted, check=False, capture_output=True).returncode:
        place.rmdir()
        pytest.skip("this machine does not let root mount a small disk")

    def resize(bytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={bytes}", str(place)], check=True)

    try:
        with _database_on(server, name, place) as database:
            yield database, resize
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


@contextmanager
def _database_on(server: PostgresServer, name: str, place: Path) -> Iterator[Database]:
    own = sql.Identifier(name)
    with Database(server, "postgres").connect() as connection:
        connection.execute(sql.SQL("create tablespace {} location {}").format(own, sql.Literal(str(place))))
        connection.execute(sql.SQL("create database {} tablespace {} template template0").format(own, own))
        try:
            yield Database(server, name)
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(own))
            connection.execute(sql.SQL("drop tablespace {}").format(own))


def test_a_disk_that_is_full_stops_the_run_until_there_is_room(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer
) -> None:
    source = fresh_db(pg16)
    with source.connect() as connection:
        connection.execute(SOURCE)
    with disk_of(pg18, f"full_{source.name}", 17 * MB) as (target, resize):
        migration = Migration(source, target)
        plan, asked = migration.plan(), migration.asked()
        with conduct(asked, plan) as conductor:
            conductor.prepare(Spy())
            with pytest.raises(Permanent, match="No space left on device") as full:
                work(asked, plan)
        problem = full.value.problem()
        assert problem.resumable and "Free space on the server's disk" in problem.remedy
        assert rows(target, "select count(*) from big") == [(0,)], "no row of a copy that did not end"
        resize(400 * MB)
        assert migration.run(plan=plan, lanes=2).reasons == []
        assert_same(source, target)
        assert nothing_of_ours(target)


def test_a_disk_that_fills_under_an_index_leaves_the_rows(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer
) -> None:
    source = fresh_db(pg16)
    with source.connect() as connection:
        connection.execute(SOURCE + "create index on big (filler); create index on big (filler, id)")
    with disk_of(pg18, f"tight_{source.name}", 45 * MB) as (target, resize):
        migration = Migration(source, target)
        plan, asked = migration.plan(), migration.asked()
        with conduct(asked, plan) as conductor:
            conductor.prepare(Spy())
            with pytest.raises(Permanent, match=r"Building .*: could not .*No space left on device"):
                work(asked, plan)
        assert rows(target, "select count(*) from big") == [(40000,)]
        resize(400 * MB)
        with conduct(asked, plan) as conductor:
            conductor.prepare(Spy())
            work(asked, plan)
            assert conductor.verdict().reasons == []
            methods = {line["table"]: line["method"] for line in conductor.report()}
        assert methods["public.big"] == "proven equal", "what was copied is not copied again"
        assert_same(source, target)


def test_the_server_says_what_is_free_where_the_tables_are(fresh_db: FreshDatabase, pg18: PostgresServer) -> None:
    database = fresh_db(pg18)
    measuring = replace(endpoint(database), measure_disk=True)
    whole = room(measuring)
    assert whole.free is not None and abs(whole.free - shutil.disk_usage(pg18.folder).free) < 4 << 30
    off = room(endpoint(database))
    assert off.free is None and not off.ever and "not switched on" in off.unknown
    away = room(replace(measuring, port=1))
    assert away.free is None and away.ever and "Cannot connect" in away.unknown
    with disk_of(pg18, f"own_{database.name}", 50 * MB) as (small, _):
        found = room(replace(endpoint(small), measure_disk=True))
        assert found.free is not None and 10 * MB < found.free < 50 * MB


def test_mariadb_says_it_where_its_plugin_is(mariadb_server: MariaDbServer) -> None:
    found = mysql_disk.room(MyDatabase(mariadb_server, "mysql").endpoint())
    if found.free is None:
        assert found.ever and "the plugin DISKS does not answer" in found.unknown
    else:
        assert abs(found.free - shutil.disk_usage(mariadb_server.folder).free) < 4 << 30
