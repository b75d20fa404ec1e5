"""Couriers at once: one has its turn, the others leave a note, and nothing is doubled."""

from __future__ import annotations

import threading
from typing import Any

from bot.calls import Calls, Pace
from bot.courier import Courier
from jobs.adapters import keys
from jobs.core import events as e
from jobs.core.state import Status
from tests.bot.post import STORY, Post
from tests.bot.sandbox_support import client_of
from tests.support.tales import MIGRATION, Tale


def test_a_killed_courier_keeps_others_away_until_its_turn_has_faded(post: Post, redis_url: str) -> None:
    post.write_tale(Tale().requested())
    post.redis.set(keys.courier(MIGRATION), "somebody", ex=30)
    post.deliver()
    assert post.cards == []
    post.redis.delete(keys.courier(MIGRATION))
    post.deliver()
    assert post.thread() == post.expected()


def test_a_courier_that_lost_its_turn_does_not_post(post: Post) -> None:
    """It was away for longer than its turn lasts: another courier is at work by then."""
    post.write_tale(Tale().running())

    def overtake(call: Any) -> None:
        post.redis.set(keys.courier(MIGRATION), "another", ex=30)

    post.sandbox.faults.before_answer("chat.postMessage", overtake)
    post.deliver()
    assert len(post.cards) == 1 and post.replies() == [], "the card was under way; the lines were not"
    assert post.redis.get(keys.courier(MIGRATION)) == b"another", "nor does it end the other's turn"
    post.redis.delete(keys.courier(MIGRATION))
    post.deliver()
    assert post.thread() == post.expected()
    post.no_problems()


def test_a_second_courier_leaves_a_note_and_the_first_looks_again(post: Post) -> None:
    post.write_tale(Tale().requested())

    def meanwhile(call: Any) -> None:
        post.write_tale(Tale().running())
        post.deliver()  # comes and goes while the first is in the middle of a post

    post.sandbox.faults.before_answer("chat.postMessage", meanwhile)
    post.deliver()
    assert post.state.status is Status.migrating
    assert post.thread() == post.expected() and len(post.cards) == 1
    post.no_problems()


def test_a_courier_that_is_asked_to_end_leaves_the_rest_to_the_next(post: Post) -> None:
    """It finishes the message that it has begun, and is gone long before the platform loses its patience."""
    post.write_tale(Tale().running())
    post.write(*[e.Noted(run=1, text=f"{n}: {'long ' * 400}") for n in range(12)])
    stop = threading.Event()
    post.sandbox.faults.before_answer(
        "chat.postMessage", lambda call: stop.set() if "thread_ts" in call.args else None, times=None
    )
    calls = Calls(client_of(post.sandbox, timeout=5), Pace(post.redis, enabled=False))
    Courier(post.redis, post.desk, post.board, calls, stop).deliver(MIGRATION)
    assert len(post.replies()) == 1, "the one in hand"
    assert post.board.delivered(MIGRATION) < post.state.version, "so the sweep rings for the rest"
    post.deliver()
    assert post.thread() == post.expected()


def test_many_couriers_at_once_double_nothing(post: Post) -> None:
    gate = threading.Barrier(5)

    def courier() -> None:
        gate.wait()
        for _ in range(4):
            post.deliver()

    def story() -> None:
        gate.wait()
        for recorded in STORY:
            post.write(recorded.event)

    threads = [threading.Thread(target=courier) for _ in range(4)] + [threading.Thread(target=story)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    post.deliver()
    assert post.thread() == post.expected() and len(post.cards) == 1
    assert len(post.files()) == 1
    post.no_problems()
