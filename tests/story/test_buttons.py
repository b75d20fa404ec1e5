"""The buttons of a running migration, pressed as people press them."""

from __future__ import annotations

import pytest

from bot.sandbox.compare import compare
from bot.sandbox.play import ALICE, MALLORY
from bot.sandbox.servers import PostgresServer
from jobs.core.state import Status
from tests.story.support import begin, broken_rules, hears, press, world
from tests.support.servers import FreshDatabase, ShopDatabase

pytestmark = pytest.mark.story


def test_pause_resume_and_cancel(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, moved, dropped = shop_db(pg16, 0.3), fresh_db(pg18), fresh_db(pg18)
    with world(source, {"moved": moved, "dropped": dropped}) as w:
        play = begin(w, "moved")
        w.slowed()
        w.until(lambda state: state.phase == "copy", "in its middle")
        press(w, play, ALICE, "pause")
        w.until(lambda state: state.status is Status.paused, "paused")
        press(w, play, MALLORY, "resume")
        hears(w, MALLORY, "may resume")
        assert w.newest().status is Status.paused
        press(w, play, ALICE, "resume")
        w.until(lambda state: state.run == 2, "resumed")
        w.hurried()
        w.until(lambda state: state.status is Status.done, "the end", 120)
        assert w.newest().run == 2
        assert compare(source.dsn, moved.dsn) == []

        play = begin(w, "dropped")
        w.slowed()
        w.until(lambda state: state.phase == "copy", "in its middle")
        press(w, play, ALICE, "cancel")
        w.until(lambda state: state.status is Status.cancelled, "cancelled", 120)
        with dropped.connect() as connection:
            left = connection.execute(
                "select count(*) from pg_class where relnamespace not in "
                "(select oid from pg_namespace where nspname ~ '^(pg_|information_schema)')"
            ).fetchone()
        assert left == (0,) and "were removed" in w.newest().undone, "there was something to undo"
        assert broken_rules(w) == []
