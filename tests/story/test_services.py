"""From the list of services to a run and back to its logs; the source is another server in the midst of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.refs import Named
from bot.sandbox.compare import compare
from bot.sandbox.play import ALICE, CHANNEL, Play, texts
from bot.sandbox.servers import PostgresServer
from bot.sandbox.slack.views import View
from jobs.adapters.board_redis import RedisBoard
from jobs.core.services import key_of
from jobs.core.state import Status
from jobs.core.throttle import Limit
from tests.story.support import World, broken_rules, press, replies, service, world
from tests.support.servers import FreshDatabase, ShopDatabase, create_database, drop_database
from tests.support.tcp_proxy import Proxy

pytestmark = pytest.mark.story

MANY = {f"db-{number:02}": service("staging", "SHOP_URL") for number in range(22)}
NEVER = 1 << 62
"""Bytes after which the proxy cuts by itself."""


@contextmanager
def impostor(server: PostgresServer, name: str) -> Iterator[None]:
    """Another server that has a database of this name, too: what a failover may leave at an address."""
    create_database(server, name)
    try:
        yield
    finally:
        drop_database(server, name)


def modal(w: World, words: str) -> View:
    """What Alice has in front of her, once it says so."""
    alice = w.slack.person(ALICE)

    def found(_: object) -> View | None:
        shown = alice.modal()
        return shown if shown is not None and words in shown.plain else None

    return w.slack.wait_for(found, 30, f"a modal that says {words!r}")


def home(w: World, words: str) -> View:
    """Alice's App Home, once it says so: she has opened it and does no more."""

    def found(_: object) -> View | None:
        shown = w.slack.person(ALICE).home()
        return shown if shown is not None and words in shown.plain else None

    return w.slack.wait_for(found, 30, f"an App Home that says {words!r}")


def test_from_the_services_to_a_run_that_a_failover_pauses(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, target = shop_db(pg16, 0.05), fresh_db(pg18)
    with Proxy(pg16.port, NEVER) as front, impostor(pg18, source.name):
        url = source.url.replace(f":{pg16.port}/", f":{front.port}/")
        with world(source, {"moved": target}, source_url=url, extra=MANY) as w:
            play = w.play()
            _found_on_pages(w)
            _refreshed(w)
            _begun_from_its_page(w, play)
            _paused_by_a_failover(w, play, front, pg18.port)
            front.target = pg16.port
            front.cut()
            press(w, play, ALICE, "resume")
            w.slow_down(w.until(lambda state: state.status is Status.migrating, "resumed").id, Limit())
            w.until(lambda state: state.status is Status.done, "the end", 120)
            assert "paused itself" not in texts(play.ended().blocks)
            assert compare(source.dsn, target.dsn) == []
            _back_to_its_logs(w)
            assert broken_rules(w) == []


def _found_on_pages(w: World) -> None:
    alice = w.slack.person(ALICE)
    alice.open_home()
    alice.click(home(w, "Services* (24)"), "services_open")
    alice.click(modal(w, "24 services, page 1 of 2"), "services_next")
    assert "*moved*" in modal(w, "24 services, page 2 of 2").plain
    alice.fill("services_search", "postgres moved")
    alice.click(modal(w, "1 service, page 1 of 1"), "service_open")
    modal(w, "Last migrations")


def _refreshed(w: World) -> None:
    """What a worker finds stands on the page by itself."""
    alice = w.slack.person(ALICE)
    w.redis.delete("ferrybot:facts")
    alice.click(modal(w, "Last migrations"), "service_refresh")
    page = modal(w, "As the server said it")
    assert "PostgreSQL 18" in page.plain and "primary" in page.plain and "None that you may see" in page.plain


def _begun_from_its_page(w: World, play: Play) -> None:
    """*Migrate database*: its target is chosen; the run takes its time."""
    play.alice.click(modal(w, "Last migrations"), "service_migrate")
    assert modal(w, "Step 1 of 3").value("target")["value"] == "moved"
    play.alice.fill("channel", CHANNEL)
    play.alice.fill("disk_confirm", ["confirmed"])
    play.alice.submit()
    play.source("shop")
    play.checked()
    play.request()
    w.slow_down(w.until(lambda state: state.status is Status.migrating, "requested").id)


def _paused_by_a_failover(w: World, play: Play, front: Proxy, other: int) -> None:
    """In the midst of the copy all connections to the source break, and another server answers at its address."""
    migration, board = w.newest().id, RedisBoard(w.redis)

    def copying(_: object) -> bool:
        now = board.progress(migration)
        return now is not None and now.bytes_done > 0

    w.until(copying, "rows on their way")
    front.target = other
    front.cut()
    paused = w.until(lambda state: state.status is Status.paused, "paused by itself")
    assert "another server answers as the source shop" in paused.pause_why
    w.slack.wait_for(lambda _: "The run paused itself: another" in texts(play.card().blocks) or None, 30, "the card")
    w.slack.wait_for(
        lambda _: any("The run pauses itself: another" in line for line in replies(play)) or None, 30, "the thread"
    )


def _back_to_its_logs(w: World) -> None:
    """App Home has followed; the service's page knows its run, and *Show migration logs* leads to it."""
    alice, state = w.slack.person(ALICE), w.newest()
    home(w, f"{state.title}: Done and verified")
    alice.command("/migrate", "services moved", CHANNEL)
    alice.click(modal(w, "1 service, page 1 of 1"), "service_open")
    page = modal(w, f"{state.id}")
    assert "is done" in page.plain
    alice.click(page, "service_logs", value=Named(s=key_of("moved")).pack())
    past = modal(w, "Past migrations")
    assert past.value("history_search") == "service:moved" and state.id in past.plain
    alice.click(past, "show_logs")
    assert "another server answers" in modal(w, "newest first").plain
