"""People do things to the card and the channel, and the courier goes on with the story."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.web import WebClient

from jobs.adapters import keys
from jobs.adapters.services_redis import RedisServices
from jobs.core import events as e
from tests.bot.post import STORY, Post
from tests.bot.sandbox_support import client_of
from tests.support.tales import ALICE, BOB, CAROL, CHANNEL, LOST, MIGRATION, RECEIPT, TARGET, Tale


@pytest.mark.parametrize("with_replies", [True, False])
def test_a_deleted_card_is_posted_anew_and_the_story_goes_on_under_it(post: Post, with_replies: bool) -> None:
    post.write_tale(Tale().running())
    post.deliver()
    old = post.card
    told_before = post.thread()
    client: WebClient = client_of(post.sandbox)
    if not with_replies:
        for message in post.replies():
            client.chat_delete(channel=CHANNEL, ts=message.ts)
    client.chat_delete(channel=CHANNEL, ts=old.ts)
    post.write(*[r.event for r in STORY[post.state.version :]])
    post.deliver()
    assert post.card.ts != old.ts and "Done and verified" in post.card.plain
    assert post.expected() == f"{told_before}\n{post.thread()}", "what was told is not told again"
    (shared,) = post.files()
    assert shared.thread_ts == post.card.ts, "the log hangs under the new card"
    allowed = ("cannot_reply_to_message", "cant_update_message") if with_replies else ("thread_not_found",)
    post.no_problems(*(f"chat.postMessage: {x}" for x in allowed), "chat.update: cant_update_message")


def test_a_card_deleted_before_its_last_update_does_not_cost_the_log(post: Post) -> None:
    post.write_tale(Tale().running())
    post.deliver()
    post.write(e.Proven(run=1, receipt=RECEIPT), e.Finished(run=1, receipt=RECEIPT))
    post.sandbox.faults.refuse("chat.update", "message_not_found", times=1)
    post.deliver()
    _, new = post.cards
    (shared,) = post.files()
    assert shared.thread_ts == new.ts and "Done and verified" in new.plain
    post.no_problems()


def test_a_closed_edit_window_makes_a_new_card(post: Post) -> None:
    post.write_tale(Tale().running())
    post.deliver()
    post.sandbox.state.edit_window = 60
    post.sandbox.faults.clock_offset = 120
    post.write(e.Proven(run=1, receipt=RECEIPT), e.Finished(run=1, receipt=RECEIPT))
    post.deliver()
    old, new = post.cards
    assert "Done and verified" in new.plain and "Done" not in old.plain
    post.files()
    post.no_problems("chat.update: edit_window_closed")


def shut_by_archiving(post: Post) -> Callable[[], None]:
    post.sandbox.workspace.archive(CHANNEL)
    return lambda: post.sandbox.workspace.unarchive(CHANNEL)


def shut_by_kicking(post: Post) -> Callable[[], None]:
    post.sandbox.workspace.kick(CHANNEL)
    return lambda: post.sandbox.workspace.invite(CHANNEL)


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(("shut", "code"), [(shut_by_archiving, "is_archived"), (shut_by_kicking, "not_in_channel")])
def test_a_shut_channel_is_told_once_and_the_story_continues_later(
    post: Post, shut: Callable[[Post], Callable[[], None]], code: str, early: bool
) -> None:
    post.write_tale(Tale().requested())
    if not early:
        post.deliver()
    mend = shut(post)
    post.write_tale(Tale().running())
    for _ in range(3):
        post.deliver()
    (said,) = post.told()
    assert code in said and f"<#{CHANNEL}>" in said and "not affected" in said
    mend()
    post.deliver()
    assert post.thread() == post.expected()
    shut(post)
    post.write(e.RunFailed(run=1, problem=LOST))
    post.deliver()
    assert len(post.told()) == 2, "shut a second time is told a second time"
    post.no_problems(f"chat.postMessage: {code}", f"chat.update: {code}")


def test_owners_hear_once_that_the_channel_is_shut(post: Post) -> None:
    owned = TARGET.model_copy(update={"owners": (BOB.id, "S0DBA", ALICE.id, "S0GONE")})
    people = (ALICE, BOB, CAROL)
    post.write_tale(Tale().requested())
    RedisServices(post.redis).publish([owned])
    mend = shut_by_kicking(post)
    post.sandbox.faults.ratelimit("chat.postMessage", only=lambda call: call.get("channel") == CAROL.id)
    for _ in range(3):
        post.deliver()
    told = [post.told(person.id) for person in people]
    assert [len(one) for one in told] == [1, 1, 1]
    assert ["as an owner of shop-new" in one[0] for one in told] == [False, True, True]
    # As if the courier had been killed after Slack's answer to the last message, and before it remembered it.
    kept: Any = {"stuck_told": f"{ALICE.id} {BOB.id}", "stuck_all": "", "doubt:stuck": CAROL.id}
    post.redis.hset(keys.thread(MIGRATION), mapping=kept)
    post.deliver()
    assert post.told(CAROL.id)[1:] == [f"{told[2][0]} (This may repeat an earlier message.)"]
    asked = post.calls("usergroups.users.list")
    post.deliver()
    assert post.calls("usergroups.users.list") == asked, "not asked again when all are told"
    mend()
    post.deliver()
    assert post.thread() == post.expected()
    before = [len(post.told(person.id)) for person in people]
    shut_by_kicking(post)
    post.write(e.Declined(by=BOB, digest="", reason="no"))
    post.deliver()
    assert [len(post.told(person.id)) for person in people] == [n + 1 for n in before], "told a second time"
    refused = [f"{call}: not_in_channel" for call in ("chat.postMessage", "chat.update")]
    post.no_problems(*refused, "usergroups.users.list: no_such_subteam", "chat.postMessage: ratelimited")
