"""One COPY into another between real servers, by each technique: what arrives, and what is left after a failure."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from bot.sandbox.servers import PostgresServer
from jobs.engines.postgres import session
from jobs.engines.postgres.connect import Connection, connect
from jobs.engines.postgres.perform import relay, stream
from tests.servers.pg_run import endpoint, rows
from tests.support.servers import Database, FreshDatabase, PostgresPool

ROWS = "insert into t select i, repeat('x', 1000) from generate_series(1, 20000) i"


def silent(rows: int, moved: int) -> None:
    """No progress wanted."""


def never() -> None:
    """Nobody stops."""


@dataclass
class Pair:
    """A table `t` on both sides, and a lane's connections."""

    move: Callable[..., tuple[int, int]]
    ends: tuple[Database, Database]
    source: Connection
    target: Connection

    def on(self, side: int, statement: str) -> None:
        with self.ends[side].connect() as connection:
            connection.execute(statement)

    def copy(
        self,
        out: str = "copy t to stdout",
        into: str = "copy t from stdin",
        progress: Callable[[int, int], None] = silent,
        check: Callable[[], None] = never,
    ) -> tuple[int, int]:
        """Within transactions, as a lane does it."""
        self.source.execute("begin isolation level repeatable read read only")
        self.target.execute("begin")
        return self.move(self.source, out, self.target, into, progress, check)

    def proves_in_order(self) -> None:
        """Both connections are in their transactions, and say what a new one would."""
        for connection in (self.source, self.target):
            assert connection.info.transaction_status is TransactionStatus.INTRANS
            assert not os.get_blocking(connection.pgconn.socket)
            assert connection.execute("select 'still ' || %s", ["here"]).fetchone() == ("still here",)
            connection.execute("commit")

    def proves_nothing_left(self) -> None:
        """After a failure: connections closed or usable, no statement running, no row arrived."""
        for connection in (self.source, self.target):
            if not connection.closed:
                connection.execute("rollback")
        assert rows(self.ends[1], "select count(*) from t") == [(0,)]
        for end in self.ends:
            busy = "select 1 from pg_stat_activity where state = 'active' and query ~ '^copy' and datname = %s"
            deadline = time.monotonic() + 10
            while rows(end, busy, end.name):
                assert time.monotonic() < deadline, "a COPY goes on"
                time.sleep(0.05)


@pytest.fixture(params=["relay", "relay with TLS", "libpq"])
def pair(request: pytest.FixtureRequest, fresh_db: FreshDatabase, pg_server: PostgresPool) -> Iterator[Pair]:
    technique, _, encrypted = request.param.partition(" with ")
    servers = [pg_server.server(17, tls=True)] * 2 if encrypted else [pg_server.server(16), pg_server.server(18)]
    ends = fresh_db(servers[0]), fresh_db(servers[1])
    source, target = connect(endpoint(ends[0]), purpose="test"), connect(endpoint(ends[1]), purpose="test")
    session.tune(target, 1)
    for connection in (source, target):
        connection.execute("set search_path = public; create table t (id int, x text)")
        assert connection.pgconn.ssl_in_use == bool(encrypted)
    move = {"relay": relay.relay, "libpq": stream.through_libpq}[technique]
    assert relay.possible(source, target)
    with source, target:
        yield Pair(move, ends, source, target)
    source.close()
    target.close()


@pytest.mark.parametrize("form", ["text", "binary"])
def test_rows_arrive_and_both_connections_are_as_before(pair: Pair, form: str) -> None:
    pair.on(0, ROWS)
    seen = list[tuple[int, int]]()
    options = f"with (format {form})"
    result = pair.copy(f"copy t to stdout {options}", f"copy t from stdin {options}", lambda *now: seen.append(now))
    assert result[0] == 20000 and result[1] > 20_000_000
    pair.proves_in_order()
    assert rows(pair.ends[1], "select count(*), sum(id), min(length(x)) from t") == [(20000, 200010000, 1000)]
    assert 10 < len(seen) < 25 and seen == sorted(seen)
    pair.copy(f"copy t to stdout {options}", f"copy t from stdin {options}")
    pair.proves_in_order()


def test_no_row_and_rows_larger_than_any_buffer(pair: Pair) -> None:
    assert pair.copy()[0] == 0
    pair.proves_in_order()
    pair.on(0, "insert into t select i, repeat('y', 5000000) from generate_series(1, 3) i")
    assert pair.copy()[0] == 3
    pair.proves_in_order()
    assert rows(pair.ends[1], "select sum(length(x)) from t") == [(15_000_000,)]


def test_a_small_table_is_not_lingered_over(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """For more bytes that will not come: 300 such tables took four times as long."""
    monkeypatch.setattr(relay, "LINGER_SECONDS", 5.0)

    def asked() -> None:
        raise AssertionError("a second has gone by")

    assert pair.copy("copy (select 1, 'x' from pg_sleep(0.05)) to stdout", check=asked)[0] == 1
    pair.proves_in_order()


def test_a_slow_line_says_how_far_it_is(pair: Pair) -> None:
    """Long before a megabyte has come: figures of a run are live on any line."""
    pair.on(0, ROWS)
    said: list[tuple[int, int]] = []
    out = "copy (select id, x || pg_sleep(0.02)::text from t limit 50) to stdout"
    brought = pair.copy(out, progress=lambda count, moved: said.append((count, moved)))
    assert 0 < said[0][0] < said[1][0] <= brought[0] == 50 and 0 < said[0][1] < said[1][1]
    pair.proves_in_order()


def test_notices_and_changed_settings_of_the_source_reach_nobody(pair: Pair) -> None:
    pair.on(0, ROWS)
    pair.on(
        0,
        "create function loud(i int) returns int language plpgsql as $$begin raise notice 'row %', i;"
        " perform set_config('application_name', 'n' || i, false); return i; end$$",
    )
    assert pair.copy("copy (select loud(id), x from t limit 3000) to stdout")[0] == 3000
    pair.proves_in_order()
    assert rows(pair.ends[1], "select count(*), max(id) from t") == [(3000, 3000)]


LOUD = """create function loud() returns trigger language plpgsql as
$$begin raise notice 'row %', new.id; perform set_config('application_name', 'n' || new.id, false); return new; end$$;
create trigger loud before insert on t for each row execute function loud();
alter table t enable always trigger loud"""


def test_a_target_that_talks_is_no_failure_of_the_relay(pair: Pair) -> None:
    if pair.move is not relay.relay:
        pytest.skip("libpq's loop takes any word of the target for an error: lanes silence the rest")
    pair.on(0, ROWS)
    pair.on(1, LOUD)
    pair.target.execute("set client_min_messages = notice")
    assert pair.copy()[0] == 20000
    pair.proves_in_order()


@pytest.mark.parametrize(
    ("out", "kind", "state"),
    [
        ("copy (select 10 / (19000 - id), x from t order by id) to stdout", psycopg.errors.DivisionByZero, "22012"),
        ("copy missing to stdout", psycopg.errors.UndefinedTable, "42P01"),
        (
            "copy (select id, repeat(repeat(x, 1000), 1074) from t limit 1) to stdout",
            psycopg.errors.ProgramLimitExceeded,
            "54000",
        ),
    ],
    ids=["in the middle", "at once", "larger than a gigabyte"],
)
def test_the_sources_error_comes_as_it_is(pair: Pair, out: str, kind: type[psycopg.Error], state: str) -> None:
    pair.on(0, ROWS)
    with pytest.raises(kind) as caught:
        pair.copy(out)
    assert caught.value.diag.severity == "ERROR" and caught.value.sqlstate == state
    assert caught.value.diag.message_primary
    pair.proves_nothing_left()


@pytest.mark.parametrize(
    ("rule", "state", "where"),
    [
        ("alter table t add check (id <> 15000)", "23514", "COPY t, line 15000"),
        ("create unique index on t ((id % 15000))", "23505", "COPY t, line 15001"),
        ("alter table t add check (id > 1)", "23514", "COPY t, line 1"),
        ("alter table t add y int not null", "23502", "COPY t, line 1"),
        ("drop table t; create table t (id int)", "22P04", "COPY t, line 1"),
    ],
)
def test_the_targets_error_comes_as_it_is_and_early(pair: Pair, rule: str, state: str, where: str) -> None:
    # 4 GB: far more than any buffer between them holds, however late a busy target says its word.
    endless = "copy (select generate_series(1, 4000000) as id, repeat('z', 1000) as x) to stdout"
    pair.on(1, rule)
    reached = [0]
    with pytest.raises(psycopg.Error) as caught:
        pair.copy(endless, "copy t from stdin" if "drop" in rule else "copy t (id, x) from stdin",
                  lambda _, moved: reached.append(moved))  # fmt: skip
    assert caught.value.sqlstate == state and (caught.value.diag.context or "").startswith(where)
    assert reached[-1] < 2_000_000_000
    pair.proves_nothing_left()


def test_a_refused_copy_of_the_target_is_its_error(pair: Pair) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable, match="missing"):
        pair.copy(into="copy missing from stdin")
    pair.proves_nothing_left()


@pytest.mark.parametrize("side", [0, 1])
def test_a_killed_backend_is_heard(pair: Pair, side: int) -> None:
    pair.on(0, ROWS)
    victim = (pair.source, pair.target)[side].info.backend_pid

    def kill(_: int, moved: int) -> None:
        if moved < 2_500_000:
            rows(pair.ends[side], "select pg_terminate_backend(%s, 5000)", victim)

    with pytest.raises(psycopg.OperationalError):
        pair.copy(progress=kill)
    assert (pair.source, pair.target)[side].closed
    pair.proves_nothing_left()


class Stop(Exception):
    """A person asked."""


@pytest.mark.parametrize("waiting", ["a silent source", "a target that waits for a lock", "rows that trickle"])
def test_a_stop_is_heard_while_nothing_moves(pair: Pair, waiting: str) -> None:
    pair.on(0, ROWS)
    out, into = "copy t to stdout", "copy t from stdin"
    if waiting == "a silent source":
        out = "copy (select id, pg_sleep(30)::text from t) to stdout"
    if waiting == "rows that trickle":
        out = "copy (select id, x || pg_sleep(0.02)::text from t) to stdout"
    asked = threading.Event()
    threading.Timer(0.5, asked.set).start()

    def stop() -> None:
        if asked.is_set():
            raise Stop

    began = time.monotonic()
    with pair.ends[1].connect(autocommit=False) as blocker:
        if "lock" in waiting:
            blocker.execute("lock table t")
        with pytest.raises(Stop):
            pair.copy(out, into, check=stop)
    assert time.monotonic() - began < 5
    pair.proves_nothing_left()


@pytest.mark.parametrize("encrypted", ["source", "target"])
def test_only_one_side_encrypts(
    encrypted: str, fresh_db: FreshDatabase, pg16: PostgresServer, pg17_tls: PostgresServer
) -> None:
    ends = [fresh_db(pg16), fresh_db(pg17_tls)]
    if encrypted == "source":
        ends.reverse()
    with connect(endpoint(ends[0]), purpose="test") as source, connect(endpoint(ends[1]), purpose="test") as target:
        assert source.pgconn.ssl_in_use == (encrypted == "source") != target.pgconn.ssl_in_use
        for connection in (source, target):
            connection.execute("create table public.t (id int, x text)")
        source.execute(ROWS.replace("into t", "into public.t"))
        copied = relay.relay(source, "copy public.t to stdout", target, "copy public.t from stdin", silent, never)
        assert copied[0] == 20000
    assert rows(ends[1], "select count(*), sum(id), min(length(x)) from public.t") == [(20000, 200010000, 1000)]


UNREACHED = """
import psycopg, sys
from jobs.engines.postgres.connect import pin
from jobs.engines.postgres.perform import relay, stream
source, target = (psycopg.connect(dsn, autocommit=True) for dsn in sys.argv[1:])
for connection in (source, target):
    pin(connection)
    connection.execute("create table public.t (id int)")
source.execute("insert into public.t select generate_series(1, 1000)")
assert psycopg.pq.__impl__ == "python" and target.pgconn.ssl_in_use
assert relay.possible(source) and not relay.possible(target)
print(stream.copy_stream(source, "copy public.t to stdout", target, "copy public.t from stdin",
                         lambda *now: None, lambda: None)[0])
"""


def test_a_session_out_of_reach_goes_through_libpq(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg17_tls: PostgresServer
) -> None:
    """As psycopg without its C part, which tells no address and names no library."""
    ends = fresh_db(pg16), fresh_db(pg17_tls)
    environment = {**os.environ, **pg16.binaries.environment(), "PSYCOPG_IMPL": "python"}
    asked = subprocess.run(
        [sys.executable, "-c", UNREACHED, *(end.dsn for end in ends)],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if "libpq library not found" in asked.stderr:
        pytest.skip("no libpq but psycopg's own")
    assert asked.stdout == "1000\n", asked.stderr
    assert rows(ends[1], "select count(*), sum(id) from public.t") == [(1000, 500500)]


def test_a_busy_or_broken_transaction_is_not_taken(fresh_db: FreshDatabase, pg_server: PostgresPool) -> None:
    end = fresh_db(pg_server.server(16))
    with connect(endpoint(end), purpose="test") as one:
        assert relay.possible(one)
        one.pgconn.send_query(b"select pg_sleep(0.2)")
        assert not relay.possible(one)
        while one.pgconn.get_result():
            pass
        one.execute("begin")
        assert relay.possible(one)
        with pytest.raises(psycopg.Error):
            one.execute("select 1 / 0")
        assert not relay.possible(one)


@pytest.mark.parametrize(("default", "sorting"), [("16MB", "64MB"), ("200MB", "200MB")])
def test_a_sort_takes_what_it_needs_and_the_next_task_what_it_may(
    fresh_db: FreshDatabase, pg16: PostgresServer, default: str, sorting: str
) -> None:
    database = fresh_db(pg16)
    with database.connect() as owner:
        owner.execute(f"alter database {database.name} set maintenance_work_mem = '{default}'")
    with connect(endpoint(database), purpose="test") as lane:
        session.tune(lane, 1)
        (most,) = lane.execute("show maintenance_work_mem").fetchone() or ()
        lane.execute("begin")
        session.sort_small(lane)
        assert lane.execute("show maintenance_work_mem").fetchone() == (sorting,)
        lane.execute("commit")
        assert lane.execute("show maintenance_work_mem").fetchone() == (most,) and most in ("256MB", "512MB")
