"""What a run keeps of its tables: also when it fails, and who copied each; *Show logs* reads it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import psycopg
from redis import Redis

from bot.sandbox.servers import PostgresServer
from bot.ui.tables import Detail, details
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.model import Options, Scope
from jobs.core.policy import Policy
from jobs.core.state import State, Status
from jobs.desk import Desk
from jobs.flow import drift
from jobs.flow.migrate import migrate
from jobs.ports.engine import Asked, Engine
from tests.servers.pg_run import ENGINE, MIGRATION, Migration
from tests.support.servers import FreshDatabase
from tests.support.tales import ALICE, configure, draft, tell

TABLES = "create table a (id int, filler text); create table b (n int);"
ROWS = "insert into a select i, repeat(md5(i::text), 4) from generate_series(1, 15000) i; insert into b values (5)"


@dataclass
class Plain:
    """The databases of the test, without secrets to resolve."""

    move: Migration

    def engine(self, state: State) -> Engine:
        return ENGINE

    def asked(self, state: State) -> Asked:
        return self.move.asked()


def test_a_run_that_fails_keeps_what_it_did_and_the_next_one_all(
    pg16: PostgresServer, fresh_db: FreshDatabase, redis_url: str
) -> None:
    source, target = fresh_db(pg16), fresh_db(pg16)
    with source.connect() as connection:
        connection.execute(f"{TABLES} {ROWS}")
        connection.execute("analyze")
    with target.connect() as connection:
        connection.execute(f"{TABLES} alter table b add constraint too_small check (n < 3)")
    move = Migration(source, target, options=Options(scope=Scope.data_only, parallelism=1))
    with Redis.from_url(redis_url) as redis:
        desk, board = Desk(RedisLedger(redis), RqDoorbell(redis)), RedisBoard(redis)
        plan = drift.validated(move.engine, move.asked(), lambda _: None)
        assert plan is not None
        desk.obey(MIGRATION, draft(Policy()))
        desk.obey(MIGRATION, configure(options=move.options))
        for event in (e.ValidationStarted(attempt=1), e.Validated(attempt=1, plan=plan)):
            desk.obey(MIGRATION, tell(event))
        desk.obey(MIGRATION, c.Request(by=ALICE, digest=plan.digest))

        def run() -> tuple[Status, dict[str, Detail]]:
            migrate(MIGRATION, desk, Plain(move), board, threading.Event())
            state, story = desk.story(MIGRATION)
            found = details(state, story, desk.ledger.attachment(MIGRATION, "tables"))
            return state.status, {detail.name: detail for detail in found}

        status, found = run()
        assert status is Status.failed
        a, b = found["public.a"], found["public.b"]
        assert (a.rows, a.lane, a.equal) == (15000, "conductor", None) and a.bytes and not a.troubled
        assert b.rows is None and "too_small" in str(b.errors), desk.state(MIGRATION).problem
        assert board.samples(MIGRATION) is not None

        with psycopg.connect(target.dsn, autocommit=True) as connection:
            connection.execute("alter table b drop constraint too_small")
        desk.obey(MIGRATION, c.Resume(by=ALICE))
        status, found = run()
        assert status is Status.done, desk.state(MIGRATION).reasons
        assert [(d.rows, d.lane, d.equal) for d in found.values()] == [
            (15000, "conductor", True),
            (1, "conductor", True),
        ]
