"""A target whose disk is nearly full: the run pauses itself, and a person resumes it when there is room."""

from __future__ import annotations

import pytest

from bot.sandbox.compare import compare
from bot.sandbox.play import ALICE, texts
from bot.sandbox.servers import PostgresServer
from jobs.core.state import Status
from jobs.flow.room import LEAST_FREE
from tests.servers.test_disk import disk_of
from tests.story.support import begin, broken_rules, make_role, press, replies, service, world
from tests.support.servers import ShopDatabase

pytestmark = pytest.mark.story


def test_a_run_pauses_itself_before_the_disk_is_full(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase
) -> None:
    source = shop_db(pg16)
    make_role(pg18, "shop_app")
    with disk_of(pg18, f"story_{source.name}", LEAST_FREE // 2) as (target, resize):
        tight = {"tight": service("staging", "TIGHT_URL", measure_disk=True)}
        with world(source, {}, extra=tight, env={"TIGHT_URL": target.url}) as w:
            play = begin(w, "tight")
            state = w.until(lambda state: state.status is Status.paused, "paused by itself", 60)
            assert "the target's disk has only" in state.pause_why
            w.slack.wait_for(lambda _: "The run paused itself" in texts(play.card().blocks) or None, 20, "the reason")
            w.slack.wait_for(
                lambda _: any("The run pauses itself" in line for line in replies(play)) or None, 20, "the line"
            )
            resize(4 * LEAST_FREE)
            press(w, play, ALICE, "resume")
            w.until(lambda state: state.status is Status.done, "the end", 120)
            assert "paused itself" not in texts(play.ended().blocks)
            assert compare(source.dsn, target.dsn) == []
            assert broken_rules(w) == []
