"""The whole bot with its ledger in PostgreSQL, whose server goes away in the middle of a run."""

from __future__ import annotations

import pytest

from bot.sandbox.compare import compare
from bot.sandbox.play import ALICE, BOB
from bot.sandbox.servers import PostgresServer
from jobs.core.state import Status
from tests.story.support import broken_rules, hears, world
from tests.story.test_kill import thread_is_whole, until
from tests.support.servers import FreshDatabase, ShopDatabase

pytestmark = [pytest.mark.story, pytest.mark.kill]


def test_the_ledgers_server_goes_away_and_comes_back(
    pg15: PostgresServer,
    pg16: PostgresServer,
    pg18: PostgresServer,
    shop_db: ShopDatabase,
    fresh_db: FreshDatabase,
) -> None:
    """Nothing is told, lost or done twice meanwhile; the copy goes on; every gesture gets an honest answer."""
    source, target, ledger = shop_db(pg16, 0.3), fresh_db(pg18), fresh_db(pg15)
    with world(source, {"prod-shop": target}, env={"LEDGER_URL": ledger.url}) as w:
        play = w.play()
        play.configure("prod-shop")
        play.source("shop")
        play.checked()
        play.request()
        card = play.card("approval")

        pg15.stop("immediate")
        w.slack.person(BOB).click(card, "approve")
        hears(w, BOB, "nothing was done")
        pg15.start()
        migration = w.newest().id
        assert w.newest().status is Status.awaiting_approval
        play.approve(BOB)

        w.until(lambda state: state.phase == "schema", "the run at work")
        pg15.stop("immediate")
        w.slack.person(ALICE).click(play.card(), "pause")
        hears(w, ALICE, "nothing was done")
        pg15.start()
        w.stage.restart("worker", kill=True)
        w.time_passes(migration)
        until(w, 120, "the end", migration, Status.done)
        assert compare(source.dsn, target.dsn) == []
        thread_is_whole(w, migration)
        assert broken_rules(w) == []
        assert not w.redis.keys("ferrybot:story:*"), "no story is kept in Redis"
        assert [r.version for r in w.desk.story(migration)[1]] == list(range(1, w.desk.state(migration).version + 1))
    with ledger.connect() as own:
        row = own.execute("select count(*), max(version) from ferrybot_ledger.story").fetchone()
        assert row is not None and row[0] == row[1]
