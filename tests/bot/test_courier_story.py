"""The courier on a real Redis and a strict Slack: the whole story once and in order, and its progress."""

from __future__ import annotations

import time

import pytest

from jobs.core import events as e
from jobs.core.progress import RunProgress
from tests.bot.post import STORY, Post
from tests.support.tales import ALICE, MIGRATION, RECEIPT, Tale, plan


@pytest.mark.parametrize("step", [1, 3, len(STORY)])
def test_the_whole_story_once_and_in_order(post: Post, step: int) -> None:
    """The same thread whether the courier comes after each event or once at the end."""
    for start in range(0, len(STORY), step):
        post.write(*[r.event for r in STORY[start : start + step]])
        post.deliver()
        post.deliver()
    assert post.thread() == post.expected()
    assert "Done and verified" in post.card.plain
    (shared,) = post.files()
    assert shared.thread_ts == post.card.ts
    log = shared.files[0].text
    assert all(f"{r.version:>5}  " in log for r in STORY) and "SHOP_URL" not in log
    assert list(post.desk.ledger.open()) == [], "told to the end, so the book is closed"
    post.no_problems()


def test_nothing_is_posted_before_the_story_is_public(post: Post) -> None:
    post.write_tale(Tale().checked(plan()))
    post.deliver()
    assert post.cards == []
    assert post.board.delivered(MIGRATION) == post.state.version
    post.no_problems()


def test_a_second_delivery_of_the_same_state_calls_nobody(post: Post) -> None:
    post.write_tale(Tale().requested())
    post.deliver()
    before = len(post.sandbox.calls)
    post.deliver()
    assert len(post.sandbox.calls) == before
    post.no_problems()


def test_three_thousand_waiting_lines_stay_within_slacks_sizes(post: Post) -> None:
    post.write_tale(Tale().running())
    post.deliver()
    notes = [e.Noted(run=1, text=f"public.table_{n}: {'x' * (n % 90)} & <{n}> rows") for n in range(3000)]
    post.write(*notes)
    post.deliver()
    assert post.thread() == post.expected()
    sizes = [len(call.args["text"]) for call in post.sandbox.calls if call.method == "chat.postMessage"]
    assert max(sizes) <= 3500 and len(sizes) < 80
    post.no_problems()


def test_one_line_longer_than_a_message_does_not_stop_the_story(post: Post) -> None:
    post.write_tale(Tale().running())
    post.write(e.Noted(run=1, text="<&>" * 20_000), e.Noted(run=1, text="and then"))
    post.deliver()
    assert "and then" in post.thread()
    post.no_problems()


# --- progress -------------------------------------------------------------------------------------------


def test_progress_coalesces_and_the_end_is_always_shown(post: Post) -> None:
    post.write_tale(Tale().running())
    post.deliver()
    before = post.calls("chat.update")
    began = time.time()
    for done in range(60):
        post.board.publish(MIGRATION, RunProgress(tasks_done=done, tasks_total=100, at=time.time()))
        post.deliver()
    edits = post.calls("chat.update") - before
    assert 1 <= edits <= 2 + (time.time() - began)
    post.write(e.Proven(run=1, receipt=RECEIPT), e.Finished(run=1, receipt=RECEIPT))
    post.deliver()
    assert "Done and verified" in post.card.plain
    post.no_problems()


def test_progress_that_meets_a_limit_is_dropped_but_news_are_not(post: Post) -> None:
    post.write_tale(Tale().running())
    post.deliver()
    post.board.publish(MIGRATION, RunProgress(tasks_done=5, tasks_total=10, at=time.time()))
    post.sandbox.faults.ratelimit("chat.update", retry_after=60)
    post.deliver()
    assert post.board.delivered(MIGRATION) == post.state.version, "a figure that was not shown is no debt"
    post.write(e.PauseAsked(by=ALICE), e.Paused(run=1))
    post.sandbox.faults.ratelimit("chat.update", retry_after=60)
    post.deliver()
    assert post.board.delivered(MIGRATION) < post.state.version, "a state that was not shown is"
    post.deliver()
    assert "*Paused*" in post.card.plain
    post.no_problems()
