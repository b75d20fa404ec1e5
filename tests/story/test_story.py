"""The whole line: from `/migrate` to a verified thread, on real servers, in both of Slack's modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal
from urllib.request import urlopen

import pytest

from bot.sandbox.compare import compare
from bot.sandbox.play import ALICE, BOB, CHANNEL, MALLORY, Play, texts
from bot.sandbox.servers import PostgresServer
from bot.sandbox.slack.people import Person
from jobs.adapters.rehearsals_redis import RedisRehearsals
from tests.story.support import CANARY, World, broken_rules, hears, reader, world
from tests.support.servers import FreshDatabase, ShopDatabase

pytestmark = pytest.mark.story


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_a_migration_from_the_command_to_the_receipt(
    mode: Literal["socket", "http"],
    pg16: PostgresServer,
    pg18: PostgresServer,
    shop_db: ShopDatabase,
    fresh_db: FreshDatabase,
) -> None:
    source, target = shop_db(pg16, 0.05), fresh_db(pg18)
    secret = reader(source, "canary", CANARY)
    with world(source, {"prod-shop": target}, mode=mode, log_level="DEBUG", source_url=secret) as w:
        play = w.play()
        play.configure("prod-shop")
        play.source("shop")
        assert "nothing blocks" in play.checked()
        play.request()
        card = play.card("approval")

        # Somebody who is no approver is refused, and only they read it.
        w.slack.person(MALLORY).click(card, "approve")
        hears(w, MALLORY, "may approve")
        # Nor may the requester.
        play.alice.click(card, "approve")
        hears(w, ALICE, "somebody else must approve")
        assert w.newest().run == 0

        play.approve(BOB)
        play.ended()
        _receipt(w, play.thread())
        _log_file(w)
        assert compare(source.dsn, target.dsn) == []
        assert broken_rules(w) == []
        _no_secret(w, mode)
        _counted(w)


def _counted(w: World) -> None:
    """Prometheus hears of exactly the rows that the receipt names, though each job was a process of its own."""
    receipt = w.newest().receipt
    assert receipt is not None
    wanted = [
        f'ferrybot_rows_total{{task="copy"}} {float(receipt.rows)}',
        'ferrybot_job_seconds_count{kind="migrate",outcome="done"} 1.0',
        'ferrybot_events_total{type="finished"} 1.0',
    ]

    def told(_: object) -> bool | None:
        with urlopen(f"{w.stage.web_url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return all(line in text for line in wanted) or None

    w.slack.wait_for(told, 30, f"metrics that say {wanted}")


def _receipt(w: World, thread: Sequence[object]) -> None:
    told = "\n".join(texts(getattr(m, "blocks", [])) for m in thread)
    state = w.newest()
    assert state.receipt is not None
    assert "Receipt" in told
    assert state.receipt.checksum[:32] in told
    assert "<@U0BOB>" in told
    assert state.receipt.objects > 0


def _log_file(w: World) -> None:
    """The full log hangs in the thread and names every table."""
    file = w.slack.wait_for(
        lambda s: next((f for m in s.channel(CHANNEL).all_messages for f in m.files), None), 30, "the log file"
    )
    content = (file.content or b"").decode()
    state = w.newest()
    assert state.plan is not None
    assert all(t.name in content for t in state.plan.tables if t.rows_moved and t.name.isidentifier())


def _no_secret(w: World, mode: str) -> None:
    """Promise 4: not in Redis, in a log, in the thread, in job arguments, in what Slack was sent."""
    needles = [CANARY, w.stage.secret_key]
    heap = [w.stage.output(), str(w.slack.calls), w.slack.transcript(CHANNEL)]
    for key in w.redis.scan_iter("*"):
        heap.append(repr(key) + repr(w.redis.dump(key)))
        kind = w.redis.type(key)
        if kind == b"string":
            heap.append(repr(w.redis.get(key)))
        elif kind == b"hash":
            heap.append(repr(w.redis.hgetall(key)))
        elif kind == b"stream":
            heap.append(repr(w.redis.xrange(key)))
    assert len(w.stage.output()) > 5_000, "DEBUG must have been on, or this test looks at nothing"
    text = "\n".join(heap)
    for needle in needles:
        assert needle not in text
    assert w.slack.bot_token not in w.stage.output()
    assert mode == "socket" or w.slack.signing_secret not in w.stage.output()


def begun_elsewhere(w: World, play: Play, alice: Person) -> None:
    """App Home and the shortcut begin one too; there the channel must be chosen."""
    alice.open_home()
    home = w.slack.wait_for(lambda _: alice.home(), 10, "App Home")
    assert "shop → new" in texts(home.blocks)
    beginnings: list[Callable[[], object]] = [
        lambda: alice.click(home, "home_migrate"),
        lambda: alice.shortcut("ferrybot_migrate"),
    ]
    for begin in beginnings:
        begin()
        play._modal("Get started")
        alice.fill("channel", CHANNEL)
        alice.fill("target", "new")
        w.slack.wait_for(lambda _: "PostgreSQL migration goes" in play.text() or None, 10, "the guide")
        alice.fill("disk_confirm", ["confirmed"])
        alice.submit()
        play._modal("Run check")
        assert w.newest().channel == CHANNEL
        alice.close()


def test_staging_needs_nobody_and_the_words_after_the_command(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, target = shop_db(pg16), fresh_db(pg18)
    with world(source, {"new": target}) as w:
        alice = w.slack.person("U0ALICE")

        def answer(words: str) -> str:
            before = len(alice.ephemerals(CHANNEL))
            alice.command("/migrate", words, CHANNEL)
            w.slack.wait_for(lambda _: len(alice.ephemerals(CHANNEL)) > before or None, 10, f"answer to {words}")
            message = alice.ephemerals(CHANNEL)[-1]
            return message.text + texts(message.blocks)

        assert "Three steps" in answer("help")
        assert "none yet" in answer("list")
        assert "none yet" in answer("status")
        assert "Nothing was migrated" in answer("logs")
        assert "don't know" in answer("sing *loud* <!channel>")

        play = w.play()
        play.configure("new")
        play.source("shop")
        play.checked()
        play.request()
        play.ended()
        assert compare(source.dsn, target.dsn) == []
        assert RedisRehearsals(w.redis).latest("service shop") == [w.newest().id], (
            "a move into staging is a rehearsal"
        )
        assert "shop → new" in answer("list")
        assert "Receipt" in answer("logs")
        assert "none yet" in answer("status"), "an ended migration is not going on"

        begun_elsewhere(w, play, alice)
        alice.message_shortcut("ferrybot_logs", CHANNEL, play.card().ts)
        w.slack.wait_for(lambda _: "newest first" in play.text() or None, 10, "the log of the card's migration")
        assert broken_rules(w) == []
