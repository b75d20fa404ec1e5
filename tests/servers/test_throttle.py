"""Slowed down on real servers: the rate is an upper bound of what moves, and gauges see what they should."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from redis import Redis

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.care import Care
from jobs.core.model import LoadBounds
from jobs.core.progress import COPY, RunProgress
from jobs.core.state import Status
from jobs.core.throttle import Limit
from jobs.desk import Desk
from jobs.engines.mysql.conductor import conduct as my_conduct
from jobs.engines.mysql.gauge import MysqlGauge
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.gauge import PostgresGauge
from jobs.engines.postgres.lane import open_lane
from jobs.flow.care import Caretaker, sides
from jobs.flow.lane import run_lane
from jobs.flow.own_lanes import run_lanes
from jobs.flow.pace import PIECE_BYTES
from jobs.flow.peak import PeakWatch
from jobs.flow.watch import REPORT_SECONDS, StoryWatch
from tests.servers.mypg_run import Move, fresh_source
from tests.servers.mysql_run import Migration as MyMigration
from tests.servers.mysql_run import databases
from tests.servers.mysql_run import endpoint as my_endpoint
from tests.servers.pg_run import ENGINE, MIGRATION, Migration, Spy, assert_same, endpoint, rows
from tests.support.servers import Database, FreshDatabase
from tests.support.tales import BOB, SOURCE, Tale, tell

pytestmark = pytest.mark.servers
RATE = 4_000_000
PIECE = 1 << 20
"""What a stream moves between two looks at the rate, and may be ahead by."""
BYTES = 5_000_000


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    made = Migration(fresh_db(pg16), fresh_db(pg18))
    with made.source.connect() as source:
        source.execute("create table a (t text); create table b (t text)")
        for table in ("a", "b"):
            source.execute(f"insert into {table} select repeat('x', 1000) from generate_series(1, {BYTES // 1000})")
    return made


@contextmanager
def followed(redis_url: str, limit: Limit) -> Iterator[tuple[Desk, StoryWatch]]:
    """The watch of a story that runs under `limit`."""
    with Redis.from_url(redis_url) as redis:
        desk = Desk(RedisLedger(redis), RqDoorbell(redis))
        desk.ledger.append(MIGRATION, 0, [r.event for r in Tale().running().story])
        desk.obey(MIGRATION, c.Slow(by=BOB, limit=limit))
        state = desk.state(MIGRATION)
        yield desk, StoryWatch(desk.ledger, RedisBoard(redis), state, "one", threading.Event(), lambda *_: None)


def never(*_: object) -> None:
    raise AssertionError("nothing fails here")


def test_two_lanes_together_keep_the_rate(migration: Migration, redis_url: str) -> None:
    asked, plan = migration.asked(), migration.plan()
    with followed(redis_url, Limit(bytes_per_second=RATE)) as (_, watch), conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        began = time.monotonic()
        run_lanes(lambda: open_lane(asked, plan), 2, watch, never)
        seconds = time.monotonic() - began
        assert conductor.verdict().green
    assert_same(migration.source, migration.target)
    # Slow servers only make it longer. Each lane may be ahead by one piece when the last table ends.
    assert seconds >= (2 * BYTES - 2 * PIECE) / RATE


def test_a_change_is_heard_inside_a_stream_and_a_stop_ends_its_waits(migration: Migration, redis_url: str) -> None:
    asked, plan = migration.asked(), migration.plan()
    with followed(redis_url, Limit(bytes_per_second=1_000_000)) as (desk, watch), conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        first = threading.Event()
        report = watch.report

        def reported(task: str, title: str, rows: int, bytes: int) -> None:
            if bytes:
                first.set()
            report(task, title, rows, bytes)

        watch.report = reported  # type: ignore[method-assign]  # only to know when the stream is under way
        errors: list[BaseException] = []

        def work() -> None:
            try:
                run_lane(lambda: open_lane(asked, plan), watch, never)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert first.wait(60)
        desk.obey(MIGRATION, c.Slow(by=BOB, limit=Limit()))
        thread.join(60)
        assert not thread.is_alive() and errors == []
        assert watch.state.limit == Limit()


class Slow(RedisBoard):
    """A board on which everybody waits long."""

    def pay(self, migration: str, size: int, rate: int, most: float) -> float | None:
        return REPORT_SECONDS


def test_a_lane_that_rests_has_said_how_far_it_is(redis_url: str) -> None:
    """However soon after its last word: nobody hears of it before the rest is over."""
    with followed(redis_url, Limit(bytes_per_second=RATE)) as (_, watch), Redis.from_url(redis_url) as redis:
        board = watch.board = Slow(redis)
        board.publish(MIGRATION, RunProgress())
        seen: list[int] = []

        def wait(seconds: float) -> None:
            now = board.progress(MIGRATION)
            assert now is not None
            seen.append(now.now[0].bytes)

        watch.wait = wait  # type: ignore[method-assign]  # a rest that takes no time
        for moved in (PIECE, 2 * PIECE, 3 * PIECE):
            watch.report("copy t", "t", 1, moved)
        assert seen == [PIECE, 2 * PIECE, 3 * PIECE]


def test_lanes_beyond_the_limit_rest_and_help_again_when_it_is_lifted(migration: Migration, redis_url: str) -> None:
    asked, plan = migration.asked(), migration.plan()
    with followed(redis_url, Limit(lanes=1)) as (desk, watch), conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        second = watch.beside("two", 1)
        assert second.resting and not watch.resting
        stopped: list[BaseException] = []

        def help_out() -> None:
            try:
                run_lane(lambda: open_lane(asked, plan), second, never)
            except BaseException as error:
                stopped.append(error)

        thread = threading.Thread(target=help_out)
        thread.start()
        with open_lane(asked, plan) as lane:
            while not lane.finished():
                task = lane.claim()
                assert task is not None, "nobody else takes a task"
                if task.kind == COPY:
                    lane.rollback(task)
                    break
                lane.commit(task, lane.perform(task, Spy()))
        assert rows(migration.target, "select count(*) from ferrybot.task where kind = 'copy' and done_at is null")[
            0
        ][0]
        desk.obey(MIGRATION, c.Slow(by=BOB, limit=Limit()))
        thread.join(120)
        assert not thread.is_alive() and stopped == []
        assert conductor.verdict().green


# --- every engine says what it moves ------------------------------------------------------------------------


class Counting(RedisBoard):
    """A board that lets everybody through and adds up what they pay for."""

    paid = 0

    def pay(self, migration: str, size: int, rate: int, most: float) -> float | None:
        self.paid += size
        return 0.0


PAID = 2_000_000
FILLED = f"""
create table a (id int primary key, t text);
create table b (id int primary key, t text);
insert into a select seq, repeat('x', 1000) from seq_1_to_{PAID // 2000};
insert into b select seq, repeat('y', 1000) from seq_1_to_{PAID // 2000};
"""


def all_was_paid(redis_url: str, lanes: Callable[[StoryWatch], None]) -> None:
    with followed(redis_url, Limit(bytes_per_second=1_000_000)) as (_, watch):
        board = watch.board = Counting(Redis.from_url(redis_url))
        lanes(watch)
    # What a lane still owes at the end is less than a piece; keys and separators travel, too.
    assert PAID - 2 * PIECE_BYTES <= board.paid <= PAID * 1.1


def test_what_mariadb_moves_is_paid_for_once(mariadb_server: MariaDbServer, redis_url: str) -> None:
    with databases(mariadb_server) as (source, target):
        source.run(*filter(str.strip, FILLED.split(";")))
        migration = MyMigration(source, target)
        plan = migration.plan()
        with my_conduct(migration.asked(), plan) as conductor:
            conductor.prepare(Spy())
            all_was_paid(redis_url, lambda watch: run_lanes(conductor.lane, conductor.own_lanes, watch, never))
            assert conductor.verdict().green


def test_what_moves_to_postgresql_is_paid_for_once(
    mariadb_server: MariaDbServer, fresh_db: FreshDatabase, pg18: PostgresServer, redis_url: str
) -> None:
    with fresh_source(mariadb_server, FILLED) as source, Move(source, fresh_db(pg18)).conductor() as conductor:
        conductor.prepare(Spy())
        all_was_paid(redis_url, lambda watch: run_lanes(conductor.lane, conductor.own_lanes, watch, never))
        assert conductor.verdict().green


# --- gauges -----------------------------------------------------------------------------------------------


@contextmanager
def busy(database: Database, count: int, name: str) -> Iterator[None]:
    """Sessions of somebody else, at work for as long as the block."""
    sessions = [database.connect(application_name=name) for _ in range(count)]
    threads = [threading.Thread(target=_sleep, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    with database.connect() as looking:
        while looking.execute(
            "select count(*) from pg_stat_activity where application_name = %s and state = 'active'", [name]
        ).fetchone() != (count,):
            pass
    try:
        yield
    finally:
        for session in sessions:
            session.cancel()
        for thread in threads:
            thread.join()
        for session in sessions:
            session.close()


def _sleep(session: psycopg.Connection[tuple[object, ...]]) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        session.execute("select pg_sleep(600)")


def test_active_sessions_of_others_are_counted_and_our_own_are_not(
    fresh_db: FreshDatabase, pg18: PostgresServer
) -> None:
    database = fresh_db(pg18)
    gauge = PostgresGauge(endpoint(database))
    try:
        before = gauge.read()
        assert before.lag_seconds == 0 and before.hidden == ""
        with busy(database, 3, "somebody"), busy(database, 2, "ferrybot lane m1"):
            assert gauge.read().sessions == before.sessions + 3
        assert gauge.size() > 1_000_000
    finally:
        gauge.close()


def test_what_a_weak_user_cannot_see_is_said(fresh_db: FreshDatabase, pg18: PostgresServer) -> None:
    database = fresh_db(pg18)
    with database.connect() as connection:
        connection.execute(sql.SQL("create role weak_gauge login password 'x'"))
    gauge = PostgresGauge(endpoint(database, "weak_gauge", "x"))
    try:
        with busy(database, 1, "somebody"):
            assert gauge.read().hidden == "pg_read_all_stats"
    finally:
        gauge.close()


def test_a_gauge_connects_again_after_its_session_was_ended(fresh_db: FreshDatabase, pg18: PostgresServer) -> None:
    database = fresh_db(pg18)
    gauge = PostgresGauge(endpoint(database))
    gauge.read()
    with database.connect() as connection:
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ferrybot gauge'"
        connection.execute(ended + " and datname = current_database()")
    with pytest.raises(Exception, match="Reading the load"):
        gauge.read()
    assert gauge.read().sessions >= 0
    gauge.close()


def test_mariadb_tells_what_it_has_to_do(mariadb_server: MariaDbServer) -> None:
    with databases(mariadb_server, 1) as (database,):
        database.run("create table t (id int primary key, b blob)", "insert into t values (1, repeat('x', 60000))")
        gauge = MysqlGauge(my_endpoint(database))
        load = gauge.read()
        assert load.sessions >= 0 and load.lag_seconds == 0 and load.hidden == ""
        assert gauge.size() > 10_000
        gauge.close()
        gauge.close()


SORT = (
    "begin; set local work_mem = '64kB'; declare c cursor for select i from generate_series(1, 200000) i order by -i"
)


def test_the_disk_at_its_fullest_is_kept_over_the_tries_of_a_run(
    fresh_db: FreshDatabase, pg18: PostgresServer, redis_url: str
) -> None:
    database = fresh_db(pg18)
    asked = Migration(database, database).asked()
    gauge = PostgresGauge(endpoint(database))
    before = gauge.disk()
    assert before.database == gauge.size() and before.log and before.unseen == ()
    with Redis.from_url(redis_url) as redis, database.connect() as connection:
        board = RedisBoard(redis)
        with PeakWatch(board, ENGINE, asked, MIGRATION) as watch:
            connection.execute(SORT + "; fetch 1 from c")
            while not (watch.peak and (watch.peak.temporary or 0) > (before.temporary or 0) + 1_000_000):
                time.sleep(0.01)
            connection.execute("rollback")
        fullest = board.fullest(MIGRATION)
        assert fullest is not None and fullest == watch.peak and gauge.disk().total < fullest.total
        with PeakWatch(board, ENGINE, asked, MIGRATION) as again:
            pass
        assert again.peak == fullest, "a later try begins with what an earlier one saw"
        board.clear(MIGRATION)
        assert board.fullest(MIGRATION) is None
    gauge.close()


def test_of_the_disk_a_weak_user_sees_the_database(
    fresh_db: FreshDatabase, pg15: PostgresServer, mariadb_server: MariaDbServer
) -> None:
    database = fresh_db(pg15)
    with database.connect() as connection:
        connection.execute("create role weak_disk login password 'x'; create role seeing_disk login password 'x'")
        connection.execute("grant pg_monitor to seeing_disk")
    for name, seen in (("weak_disk", False), ("seeing_disk", True)):
        gauge = PostgresGauge(endpoint(database, name, "x"))
        disk = gauge.disk()
        assert disk.database > 1_000_000 and (disk.temporary is not None) is (bool(disk.log)) is seen
        gauge.close()
    with databases(mariadb_server, 1) as (mine,):
        mine.run("create table t (id int primary key, b blob)", "insert into t values (1, repeat('x', 60000))")
        mine.run("create user weak_disk@'%' identified by 'x'", f"grant select on `{mine.name}`.* to weak_disk@'%'")
        try:
            root = my_endpoint(mine)
            weak = dataclasses.replace(root, user="weak_disk", password=SecretStr("x"))
            for place, seen in ((root, True), (weak, False)):
                own = MysqlGauge(place)
                disk = own.disk()
                assert disk.database > 10_000 and bool(disk.log) is seen and disk.temporary is None
                own.close()
        finally:
            mine.run("drop user weak_disk@'%'")


def test_a_busy_source_slows_the_run_and_only_bounded_services_are_asked(migration: Migration) -> None:
    state = Tale().running().state
    assert sides(ENGINE, migration.asked(), state) == []
    bounded = SOURCE.model_copy(update={"bounds": LoadBounds(active_sessions=2)})
    watched = sides(ENGINE, migration.asked(), state.model_copy(update={"source": bounded}))
    told: list[e.Report] = []
    caretaker = Caretaker(watched, 1, 2, told.append)
    with busy(migration.source, 3, "somebody"):
        caretaker.look(Care(2))
    watched[0].gauge.close()
    (strained,) = told
    assert isinstance(strained, e.Strained) and strained.limit == Limit(lanes=1)
    assert strained.reason.startswith("active sessions on shop-old: ")


def test_the_story_keeps_who_slowed_it_down(redis_url: str) -> None:
    with followed(redis_url, Limit(lanes=1)) as (desk, _):
        desk.obey(MIGRATION, tell(e.Strained(run=1, reason="busy", limit=Limit(lanes=1))))
        state = desk.state(MIGRATION)
        assert state.status is Status.migrating and state.strain == "busy"
