"""A live standby beside the servers of a run: what the checks say of it, a run that reads from it, and its lag."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from redis import Redis

from bot.sandbox.servers import PostgresServer
from bot.ui import throttle
from jobs.adapters.board_redis import RedisBoard
from jobs.core import care
from jobs.core import commands as c
from jobs.core.errors import Stopped, Transient
from jobs.core.model import CheckResult, LoadBounds, Severity
from jobs.core.progress import COPY
from jobs.core.throttle import Limit
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.gauge import PostgresGauge
from jobs.engines.postgres.lane import open_lane
from jobs.flow.care import Caretaker, sides
from jobs.flow.own_lanes import run_lanes
from tests.servers.pg_run import ENGINE, MIGRATION, Migration, Spy, assert_same, endpoint, steps
from tests.servers.test_throttle import followed, never
from tests.support.driver import drain
from tests.support.inspection import results
from tests.support.servers import Database, FreshDatabase, PostgresPool
from tests.support.standby import Standby
from tests.support.tales import BOB, TARGET, tell

pytestmark = pytest.mark.servers
PATIENCE = 60.0
CHOSEN, GENTLE = 2_000_000, 1_000_000
"""Bytes a second: as a person chose, and as the run slows itself down."""
FILLED = "create table a (t text); insert into a select repeat('x', 1000) from generate_series(1, 5000)"


@pytest.fixture(scope="module")
def standby(pg_server: PostgresPool) -> Iterator[Standby]:
    """Of PostgreSQL 15."""
    with Standby(pg_server.server(15)) as following:
        until(lambda: PostgresGauge(endpoint(Database(following, "postgres"))).standing().identity != "")
        yield following


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"


def ask(server: PostgresServer, query: str, database: str = "postgres") -> object:
    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def follow(standby: Standby) -> None:
    """Waits until everything that was committed before is replayed."""
    here = ask(standby.primary, "select pg_current_wal_lsn()")
    until(lambda: bool(ask(standby, f"select pg_last_wal_replay_lsn() >= '{here}'")))
    streaming = "select count(*) = 1 from pg_stat_replication where state = 'streaming' and replay_lsn is not null"
    until(lambda: bool(ask(standby.primary, streaming)))


def told(found: CheckResult) -> list[tuple[Severity, str]]:
    return [(f.severity, f.side) for f in found.findings]


def test_a_primary_and_its_standby_as_the_source(
    standby: Standby, fresh_db: FreshDatabase, pg15: PostgresServer, pg18: PostgresServer
) -> None:
    source, target = fresh_db(pg15), fresh_db(pg18)
    follow(standby)
    of_primary = results(endpoint(source), endpoint(target))
    assert told(of_primary["failover"]) == [(Severity.inform, "source")]
    assert "1 standby that could take its place (walreceiver)" in of_primary["failover"].findings[0].message
    assert [of_primary[name].severity for name in ("replication", "slots", "source_standby")] == [None] * 3
    read = endpoint(Database(standby, source.name))
    found = results(read, endpoint(target))
    assert "promoted" in found["failover"].findings[0].message and found["replication"].severity is None
    assert told(results(endpoint(target), read)["target_writable"]) == [(Severity.block, "target")]
    (warned,) = found["source_standby"].findings
    assert warned.severity is Severity.warn and "after 30 s" in warned.message
    with psycopg.connect(standby.dsn(), autocommit=True) as session:
        for statement in warned.remedy.split(";\n")[:3]:
            session.execute(statement.encode())
    try:
        until(lambda: ask(standby, "show max_standby_streaming_delay") == "-1")
        assert told(results(read, endpoint(target))["source_standby"]) == [(Severity.inform, "source")]
    finally:
        for name in ("hot_standby_feedback", "max_standby_streaming_delay"):
            ask_nothing(standby, f"alter system reset {name}")
        ask(standby, "select pg_reload_conf()")


def ask_nothing(server: PostgresServer, statement: str) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(statement.encode())


def test_a_replica_behind_and_one_that_nearly_is(
    standby: Standby, fresh_db: FreshDatabase, pg15: PostgresServer, pg18: PostgresServer
) -> None:
    here, there = fresh_db(pg15), fresh_db(pg18)
    follow(standby)
    ask(standby, "select pg_wal_replay_pause()")
    try:
        until(lambda: ask(standby, "select pg_get_wal_replay_pause_state()") == "paused")
        paused = results(endpoint(Database(standby, here.name)), endpoint(there))["replication"]
        assert told(paused) == [(Severity.warn, "source")] and "replay is paused" in paused.findings[0].message
        write(pg15, 3)
        assert results(endpoint(there), endpoint(here))["replication"].severity is None
        write(pg15, 2)
        behind = results(endpoint(there), endpoint(here))["replication"]
        assert told(behind) == [(Severity.warn, "target")] and behind.findings[0].object == "walreceiver"
        # The run only reads from its primary.
        assert told(results(endpoint(here), endpoint(there))["replication"]) == [(Severity.inform, "source")]
    finally:
        ask(standby, "select pg_wal_replay_resume()")
    follow(standby)


def write(server: PostgresServer, segments: int) -> None:
    """Log of so many segments; a switch without a change since the last one does nothing."""
    for _ in range(segments):
        ask(server, "select pg_switch_wal() from (select pg_logical_emit_message(false, 'x', 'x')) m")


def test_a_run_reads_from_a_standby(
    standby: Standby, fresh_db: FreshDatabase, pg15: PostgresServer, pg18: PostgresServer
) -> None:
    source = fresh_db(pg15)
    with source.connect() as connection:
        connection.execute(FILLED)
    follow(standby)
    migration = Migration(Database(standby, source.name), fresh_db(pg18))
    assert migration.run().reasons == []
    assert_same(source, migration.target)


def test_a_snapshot_that_the_standby_cancels_ends_the_try_and_the_next_one_is_exact(
    standby: Standby, fresh_db: FreshDatabase, pg15: PostgresServer, pg18: PostgresServer
) -> None:
    source = fresh_db(pg15)
    with source.connect() as connection:
        connection.execute(FILLED)
        connection.execute("create table b as select * from a")
        set_on(standby, "max_standby_streaming_delay", "0")
        try:
            follow(standby)
            migration = Migration(Database(standby, source.name), fresh_db(pg18))
            plan = migration.plan()
            with migration.conductor(plan) as conductor:
                conductor.prepare(Spy())
                with open_lane(migration.asked(), plan) as lane:
                    task = steps(lane, lambda task: task.kind == COPY)
                    lane.commit(task, lane.perform(task, Spy()))
                    connection.execute("delete from a where ctid in (select ctid from a limit 1000)")
                    connection.execute("vacuum (truncate off) a")
                    follow(standby)
                    with pytest.raises((Transient, Stopped)) as cancelled:
                        drain(lane, Spy())
            assert "conflict" in str(cancelled.value) or "snapshot" in str(cancelled.value)
            assert migration.run(plan=plan).reasons == []
            assert_same(source, migration.target)
        finally:
            set_on(standby, "max_standby_streaming_delay", "")


def set_on(server: PostgresServer, name: str, value: str) -> None:
    """A setting of the whole server; empty as it was."""
    ask_nothing(server, f"alter system set {name} = '{value}'" if value else f"alter system reset {name}")
    ask(server, "select pg_reload_conf()")
    wanted = value or "30s"
    until(lambda: ask(server, f"show {name}") == wanted)


class Paying(RedisBoard):
    """A board that remembers at which rates lanes paid."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.rates: list[int] = []

    def pay(self, migration: str, size: int, rate: int, most: float) -> float | None:
        self.rates.append(rate)
        return super().pay(migration, size, rate, most)


def test_the_lag_of_a_live_replica_slows_a_run_and_lets_it_go_again(
    standby: Standby,
    fresh_db: FreshDatabase,
    pg15: PostgresServer,
    pg16: PostgresServer,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(care, "SAMPLE_SECONDS", 0.1)
    monkeypatch.setattr(care, "CALM_SAMPLES", 2)
    monkeypatch.setattr(care, "GENTLE_BYTES", GENTLE)
    migration = Migration(fresh_db(pg16), fresh_db(pg15))
    with migration.source.connect() as source:
        source.execute(FILLED)
        source.execute("create table b as select * from a")
    asked, plan = migration.asked(), migration.plan()
    lag_behind(standby, asked.target.database)
    with followed(redis_url, Limit(bytes_per_second=CHOSEN)) as (desk, watch), conduct(asked, plan) as conductor:
        board = watch.board = Paying(Redis.from_url(redis_url))
        conductor.prepare(Spy())
        bounded = watch.state.model_copy(
            update={"target": TARGET.model_copy(update={"bounds": LoadBounds(replica_lag=1)})}
        )
        watched = sides(ENGINE, asked, bounded)
        lanes = threading.Thread(target=run_lanes, args=(lambda: open_lane(asked, plan), 2, watch, never))
        with Caretaker(watched, 1, 2, lambda event: desk.obey(MIGRATION, tell(event))):
            lanes.start()
            until(lambda: GENTLE in board.rates)
            slowed = desk.state(MIGRATION)
            assert slowed.strain.startswith("replica lag of shop-new: ") and slowed.strained.lanes == 1
            assert "Slowed down by itself (replica lag of shop-new: " in json.dumps(throttle.block(slowed))
            ask(standby, "select pg_wal_replay_resume()")
            until(lambda: desk.state(MIGRATION).strain == "")
            paid = len(board.rates)
            until(lambda: CHOSEN in board.rates[paid:])
            assert lanes.is_alive()
            until(lambda: watch.limit == Limit(bytes_per_second=CHOSEN))
            desk.obey(MIGRATION, c.Slow(by=BOB, limit=Limit()))
            lanes.join(PATIENCE)
        assert conductor.verdict().green
    assert_same(migration.source, migration.target)


def lag_behind(standby: Standby, database: str) -> None:
    """Stops the replay until the primary, which goes on writing, says that the standby is over a second behind."""
    follow(standby)
    ask(standby, "select pg_wal_replay_pause()")
    gauge = PostgresGauge(endpoint(Database(standby.primary, database)))

    def behind() -> bool:
        ask(standby.primary, "select txid_current()")  # commits
        return gauge.read().lag_seconds > 1.5

    until(behind)
    gauge.close()
