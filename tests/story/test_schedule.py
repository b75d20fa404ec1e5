"""A run that waits for its window, is moved, begins by itself when the clock says so, and is slowed down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.sandbox.compare import compare
from bot.sandbox.play import ALICE, BOB, CHANNEL, MALLORY, Play, texts
from bot.sandbox.servers import PostgresServer
from jobs.adapters.board_redis import RedisBoard
from jobs.core import events as e
from jobs.core.state import Status
from jobs.core.throttle import Limit
from jobs.flow.sweep import sweep
from tests.story.support import World, broken_rules, hears, press, service, world
from tests.support.servers import FreshDatabase, ShopDatabase

pytestmark = pytest.mark.story


def ask(play: Play) -> None:
    """The three steps; the last one shows the windows."""
    play.configure("prod-shop")
    play.source("shop")
    play.checked()
    play._modal("Continue")
    play.alice.submit()
    play._modal("Migrate")
    assert "Windows of prod-shop" in play.text()
    assert play._has("pause_at_close"), "not chosen: the clock's own sweeps know the true time, and would pause"
    if play._has("acknowledge"):
        play.alice.fill("acknowledge", ["acknowledged"])
    play.alice.submit()


def move(w: World, play: Play, start_at: datetime | None) -> None:
    """*Change time…*, filled and saved."""
    press(w, play, ALICE, "change_time")
    play._modal("Save")
    play.alice.fill("start_at", int(start_at.timestamp()) if start_at else None)
    play.alice.submit()
    w.until(lambda state: state.start_at == start_at, "the new time")


def slow(w: World, play: Play) -> None:
    """*Slow down…*, while the run stands still."""
    press(w, play, ALICE, "slow_down")
    play._modal("Save")
    play.alice.fill("slow_lanes", "1")
    play.alice.fill("slow_rate", "50")
    play.alice.submit()
    w.until(lambda state: state.limit == Limit(lanes=1, bytes_per_second=50_000_000), "slowed down")
    w.slack.wait_for(
        lambda _: "by a person to 1 lane, 50.0 MB/s" in texts(play.card().blocks) or None, 30, "the card says so"
    )


def test_scheduled_moved_begun_by_the_clock_and_slowed_down(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, target = shop_db(pg16, 0.05), fresh_db(pg18)
    opens = (datetime.now(UTC) + timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)
    night = service(
        "production",
        "TARGET_1",
        free_disk="40 GB",
        windows=[f"{opens:%H}:00-{opens:%H}:50"],
        slow_down_at={"active_sessions": 10_000, "replica_lag_seconds": 10_000},
    )
    with world(source, {"prod-shop": target}, extra={"prod-shop": night}) as w:
        play = w.play()
        ask(play)
        play.approve(BOB)
        state = w.until(lambda state: state.status is Status.scheduled, "scheduled")
        assert state.opens == opens and state.run == 0
        play.alice.command("/migrate", "status", CHANNEL)
        hears(w, ALICE, "Going on in this channel")
        shown = play.alice.ephemerals(CHANNEL)[-1]
        assert f"starts <!date^{int(opens.timestamp())}^" in texts(shown.blocks)

        move(w, play, opens + timedelta(minutes=20))
        assert w.newest().opens == opens + timedelta(minutes=20)
        move(w, play, None)
        state = w.newest()
        assert state.opens == opens and len(state.approvals) == 1, "the time is no part of what was approved"
        press(w, play, MALLORY, "start_now")
        hears(w, MALLORY, "may start")
        press(w, play, BOB, "start_now")
        hears(w, BOB, "window is closed")

        with source.connect(autocommit=False) as locking:
            locking.execute("lock table setting in access exclusive mode")
            # The clock's own sweeps know the true time, at which nothing is to begin.
            sweep(w.desk, RedisBoard(w.redis), opens)
            w.until(lambda state: state.status is Status.migrating, "begun by itself")
            slow(w, play)
            locking.rollback()
        play.ended()
        _, story = w.desk.story(state.id)
        assert len([r for r in story if isinstance(r.event, e.RunQueued)]) == 1
        assert compare(source.dsn, target.dsn) == []
        receipt = w.newest().receipt
        assert receipt is not None and receipt.target_bytes
        assert broken_rules(w) == []
