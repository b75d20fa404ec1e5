"""The courier when it is killed or gets no answer from Slack: nothing doubled, nothing lost, or it says so."""

from __future__ import annotations

import time
from typing import Any

import pytest
from redis import Redis

from bot.sandbox.slack.server import SlackSandbox
from jobs.adapters import keys
from jobs.core import events as e
from tests.bot.post import HISTORY, STORY, Post, killed_at
from tests.support.tales import MIGRATION, Tale

# --- killed between posting and remembering -------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("history", [True, False])
def test_killed_between_posting_and_remembering(post: Post, redis_url: str, number: int, history: bool) -> None:
    if history:
        post.sandbox.scopes.add(HISTORY)
    post.write_tale(Tale().running())
    killed_at(post, redis_url, number)
    post.deliver()
    if history:
        assert post.thread() == post.expected(), "nothing doubled, nothing lost"
        assert "may repeat" not in post.card.plain
        post.no_problems()
        return
    refused = "conversations.history: missing_scope" if number == 1 else "conversations.replies: missing_scope"
    post.no_problems(refused)
    newest = post.cards[-1]
    if number == 1:
        assert len(post.cards) == 2 and "may repeat" in newest.plain
        assert post.thread(newest) == post.expected()
    else:
        first, second = post.replies()
        assert first.plain == post.expected()
        assert second.plain == f":repeat: _This may repeat an earlier message._\n{post.expected()}"


# --- applied, and no answer -----------------------------------------------------------------------------


def is_reply(arguments: dict[str, Any]) -> bool:
    return "thread_ts" in arguments


@pytest.mark.parametrize("how", ["500", "drop"])
@pytest.mark.parametrize("history", [True, False])
def test_a_post_that_was_made_and_not_answered(post: Post, how: Any, history: bool) -> None:
    if history:
        post.sandbox.scopes.add(HISTORY)
    post.write_tale(Tale().running())
    post.sandbox.faults.apply_then_fail("chat.postMessage", how=how, only=is_reply)
    post.deliver()
    assert len(post.replies()) == 1, "not made again behind our back"
    assert post.board.delivered(MIGRATION) == 0, "the sweep will ring"
    post.deliver()
    marked = [m for m in post.replies() if ":repeat:" in m.plain]
    assert (len(post.replies()), len(marked)) == ((1, 0) if history else (2, 1))
    assert post.replies()[0].plain == post.expected()
    post.write(e.Noted(run=1, text="the story goes on"))
    post.deliver()
    assert post.thread().endswith("the story goes on") and post.thread().count("the story goes on") == 1
    post.no_problems("conversations.replies: missing_scope")


def test_a_post_that_was_not_made_is_looked_for_and_made(post: Post) -> None:
    post.sandbox.scopes.add(HISTORY)
    post.write_tale(Tale().running())
    post.deliver()
    post.write(e.Noted(run=1, text="one more"))
    post.sandbox.faults.server_error("chat.postMessage")
    post.deliver()
    post.deliver()
    assert post.thread() == post.expected()
    asked = [call.args for call in post.sandbox.calls if call.method == "conversations.replies"]
    assert len(asked) == 1 and asked[0]["oldest"] == post.replies()[0].ts, (
        "only what came after the last line is read"
    )
    post.no_problems()


# --- Slack asks for patience ----------------------------------------------------------------------------


def test_a_short_rest_is_waited_out_and_leaves_no_doubt(post: Post) -> None:
    post.write_tale(Tale().running())
    post.sandbox.faults.ratelimit("chat.postMessage", times=2, retry_after=1)
    before = time.monotonic()
    post.deliver()
    assert time.monotonic() - before >= 2, "each Retry-After is kept"
    assert post.thread() == post.expected() and len(post.cards) == 1
    post.no_problems()


def test_a_long_rest_gives_way_to_others_and_leaves_no_doubt(post: Post) -> None:
    post.write_tale(Tale().running())
    post.sandbox.faults.ratelimit("chat.postMessage", retry_after=60)
    post.deliver()
    assert post.cards == [] and not post.redis.hexists(keys.thread(MIGRATION), "doubt:card")
    post.deliver()
    assert post.thread() == post.expected()
    assert "may repeat" not in post.card.plain
    post.no_problems()


def test_paced_couriers_never_meet_a_limit(redis_url: str, slack: SlackSandbox) -> None:
    with Redis.from_url(redis_url) as redis:
        post = Post(redis, slack, paced=True)
        for start in range(0, len(STORY), 2):
            post.write(*[r.event for r in STORY[start : start + 2]])
            post.deliver()
        post.deliver()
        assert post.thread() == post.expected()
        post.no_problems()


@pytest.mark.parametrize("history", [True, False])
def test_an_outage_then_recovery(post: Post, history: bool) -> None:
    if history:
        post.sandbox.scopes.add(HISTORY)
    post.write_tale(Tale().running())
    post.deliver()
    post.sandbox.faults.outage = True
    post.write(e.Noted(run=1, text="said in the dark"))
    for _ in range(3):
        post.deliver()
    post.sandbox.faults.outage = False
    post.write(e.Noted(run=1, text="said in the light"))
    post.deliver()
    said = post.thread()
    assert said.count("said in the dark") == said.count("said in the light") == 1
    assert said.index("dark") < said.index("light")
    assert (":repeat:" in said) is not history, "without the scope nobody can know, and it says so"
    post.no_problems("conversations.replies: missing_scope")
