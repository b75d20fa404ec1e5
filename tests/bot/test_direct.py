"""Direct messages to whoever is asked: one each, up to date until it is decided, whatever dies in between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.outbox import Outbox
from bot.sandbox.slack.messages import Message
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.model import Person
from jobs.core.policy import Policy
from jobs.core.state import Status
from jobs.flow.sweep import sweep
from tests.bot.post import Post, killed_at
from tests.support.tales import ALICE, BOB, CAROL, MIGRATION, Tale, approve, plan, tell

LOOKING = {"im:write", "im:history"}
MALLORY = Person(id="U0MALLORY", name="mallory")
POLICY = Policy(
    approvals=2,
    approvers=("S0DBA",),
    remind_minutes=10,
    escalate_to=("U0MALLORY",),
    escalate_minutes=30,
    expires_hours=2,
    break_glass=("U0CAROL",),
)


def request(post: Post, *, told: bool = True) -> str:
    """A request that waits for Bob and Carol; the digest of its plan."""
    post.write_tale(Tale().checked(plan(), policy=POLICY))
    ask(post, told=told)
    return post.state.digest


def ask(post: Post, *, told: bool = True) -> None:
    pinned, later = (BOB.id, CAROL.id), (MALLORY.id,)
    command = c.Request(by=ALICE, digest=post.state.digest, pinned=pinned, later=later, policy=POLICY)
    post.desk.obey(MIGRATION, command)
    if told:
        post.deliver()


def obey(post: Post, *commands: c.Command) -> None:
    for command in commands:
        post.desk.obey(MIGRATION, command)
    post.deliver()


def sent(post: Post, person: Person) -> list[Message]:
    return post.sandbox.person(person.id).direct_messages()


def buttons(message: Message) -> list[str]:
    return [element["action_id"] for _, element in message.elements()]


DECIDE = ["approve", "decline", "delegate", "show_plan"]


def test_each_is_asked_once_and_told_how_it_ended(post: Post) -> None:
    digest = request(post)
    post.deliver()
    for person in (BOB, CAROL):
        (message,) = sent(post, person)
        assert "asked to approve" in message.text and buttons(message) == DECIDE
        assert digest[:12] in message.plain and "0 of 2" in message.plain
    assert sent(post, ALICE) == [] == sent(post, MALLORY)
    obey(post, approve(BOB, digest))
    assert buttons(sent(post, BOB)[0]) == ["revoke", "show_plan"] and "You approved" in sent(post, BOB)[0].plain
    assert buttons(sent(post, CAROL)[0]) == DECIDE and "1 of 2" in sent(post, CAROL)[0].plain
    obey(post, approve(CAROL, digest))
    assert buttons(sent(post, BOB)[0]) == ["revoke"], "the run waits for a worker"
    obey(post, tell(e.Begun(run=1, digest=digest)))
    for person in (BOB, CAROL):
        (message,) = sent(post, person)
        assert buttons(message) == [] and "Approved by <@U0BOB>, <@U0CAROL>" in message.text
    before = len(post.sandbox.calls)
    obey(post, tell(e.Noted(run=1, text="on it goes")))
    assert [call.method for call in post.sandbox.calls[before:]].count("chat.update") <= 1, "only the card lives on"
    post.no_problems()


def test_declined_and_asked_again(post: Post) -> None:
    digest = request(post)
    obey(post, c.Decline(by=CAROL, digest=digest, reason="not <today>"))
    (bob,) = sent(post, BOB)
    assert buttons(bob) == [] and "Declined by <@U0CAROL>: not &lt;today&gt;" in bob.text
    ask(post)
    assert [len(sent(post, p)) for p in (BOB, CAROL)] == [2, 2]
    assert buttons(sent(post, BOB)[0]) == [] and buttons(sent(post, BOB)[1]) == DECIDE
    post.no_problems()


def test_a_delegate_is_asked_and_may_not_lend_on(post: Post) -> None:
    digest = request(post)
    obey(post, c.Delegate(by=BOB, to=MALLORY, digest=digest))
    (message,) = sent(post, MALLORY)
    assert buttons(message) == ["approve", "decline", "show_plan"]
    obey(post, approve(MALLORY, digest))
    assert "Your voice has approved" in sent(post, BOB)[0].plain and buttons(sent(post, BOB)[0]) == ["show_plan"]
    assert "<@U0MALLORY> for <@U0BOB>" in post.card.plain
    post.no_problems()


def test_whoever_cannot_be_written_to_does_not_keep_the_others_waiting(post: Post) -> None:
    post.sandbox.workspace.users[BOB.id].deleted = True
    request(post)
    post.deliver()
    assert len(sent(post, CAROL)) == 1
    pass_time(post, 11)
    assert len(sent(post, CAROL)) == 2
    posted = [call for call in post.sandbox.calls if call.args.get("channel") == BOB.id]
    assert len(posted) == 1, "tried once"
    post.no_problems("chat.postMessage: channel_not_found")


@pytest.mark.parametrize("may_look", [True, False])
def test_killed_between_sending_and_remembering(post: Post, redis_url: str, may_look: bool) -> None:
    """The third post is the first direct message: card, thread, Bob, Carol."""
    if may_look:
        post.sandbox.scopes |= LOOKING
    request(post, told=False)
    killed_at(post, redis_url, 3)
    post.deliver()
    bob = sent(post, BOB)
    assert len(sent(post, CAROL)) == 1
    if may_look:
        assert len(bob) == 1
        post.no_problems()
    else:
        assert len(bob) == 2 and "may repeat" in bob[1].plain and "may repeat" not in bob[0].plain
        post.no_problems("conversations.open: missing_scope")
    digest = post.state.digest
    obey(post, approve(BOB, digest), approve(CAROL, digest), tell(e.Begun(run=1, digest=digest)))
    assert buttons(bob[-1]) == []


def test_a_doubt_about_somebody_who_is_not_asked_any_more(post: Post, redis_url: str) -> None:
    post.sandbox.scopes |= LOOKING
    digest = request(post, told=False)
    killed_at(post, redis_url, 3)
    obey(post, c.Decline(by=CAROL, digest=digest, reason="later"))
    (bob,) = sent(post, BOB)
    assert buttons(bob) == [] and "Declined" in bob.text
    assert [name for name in Outbox(post.redis, MIGRATION).values if name.startswith("doubt:")] == []
    post.no_problems()


@pytest.mark.parametrize("may_look", [True, False])
def test_killed_between_a_reminder_and_remembering_it(post: Post, redis_url: str, may_look: bool) -> None:
    """The second post is the first reminder: thread, Bob, Carol."""
    if may_look:
        post.sandbox.scopes |= LOOKING
    request(post)
    clock_comes_by(post, 11)
    killed_at(post, redis_url, 2)
    post.deliver()
    post.deliver()
    bob, carol = sent(post, BOB), sent(post, CAROL)
    assert [buttons(message) for message in carol] == [[], DECIDE]
    assert buttons(bob[0]) == [] and buttons(bob[-1]) == DECIDE and "Reminder" in bob[-1].text
    if may_look:
        assert len(bob) == 2 and "may repeat" not in bob[-1].plain
        post.no_problems()
    else:
        assert len(bob) == 3 and "may repeat" in bob[-1].plain
        post.no_problems("conversations.open: missing_scope")


@pytest.mark.parametrize("how", ["ratelimited", "500"])
def test_slack_asks_for_patience(post: Post, how: str) -> None:
    post.sandbox.scopes |= LOOKING
    request(post, told=False)

    def to_bob(arguments: dict[str, Any]) -> bool:
        return bool(arguments.get("channel") == BOB.id)

    if how == "500":
        post.sandbox.faults.apply_then_fail("chat.postMessage", how="500", only=to_bob)
    else:
        post.sandbox.faults.ratelimit("chat.postMessage", retry_after=1, only=to_bob)
    post.deliver()
    post.deliver()
    assert [len(sent(post, p)) for p in (BOB, CAROL)] == [1, 1]
    assert post.thread() == post.expected()
    post.no_problems()


# --- the clock, moved -----------------------------------------------------------------------------------


def clock_comes_by(post: Post, minutes: int) -> None:
    asked_at = post.state.asked_at
    assert asked_at is not None
    for _ in range(2):
        sweep(post.desk, post.board, asked_at + timedelta(minutes=minutes))


def pass_time(post: Post, minutes: int) -> None:
    clock_comes_by(post, minutes)
    for _ in range(2):
        post.deliver()


def test_reminded_escalated_expired_and_asked_again(post: Post) -> None:
    digest = request(post)
    obey(post, approve(BOB, digest))
    pass_time(post, 11)
    assert post.thread().count("Still waiting: 1 approval is missing, from <@U0CAROL>.") == 1
    assert sent(post, MALLORY) == [] and len(sent(post, BOB)) == 1, "who has answered is left in peace"
    first, reminder = sent(post, CAROL)
    assert buttons(first) == [] and "newer message below" in first.text
    assert buttons(reminder) == DECIDE and reminder.text.startswith("Reminder: you are asked")
    obey(post, c.Revoke(by=BOB, digest=digest))
    assert len(sent(post, BOB)) == 1, "no reminder for what was answered when it came"
    obey(post, approve(BOB, digest))
    pass_time(post, 31)
    assert post.thread().count("<@U0MALLORY> may approve, too") == 1
    (mallory,) = sent(post, MALLORY)
    assert buttons(mallory) == DECIDE and "Reminder" not in mallory.text, "asked just now"
    assert [buttons(message) for message in sent(post, CAROL)] == [[], [], DECIDE]
    pass_time(post, 121)
    assert post.state.status is Status.ready and post.thread().count("the request ended") == 1
    assert "ask_again" in buttons(post.card) and "Nobody decided within 2 hours" in post.card.plain
    for person in (BOB, CAROL, MALLORY):
        message = sent(post, person)[-1]
        assert buttons(message) == [] and "Not decided in time" in message.text
    assert MIGRATION in post.desk.ledger.open(), "nothing is lost"
    ask(post)
    assert "0 of 2" in post.card.plain and buttons(sent(post, BOB)[1]) == DECIDE
    post.no_problems()


def test_broken_glass_is_told_to_the_whole_channel(post: Post) -> None:
    digest = request(post)
    obey(post, c.BreakGlass(by=CAROL, digest=digest, reason="the old server dies tonight"))
    card, loud = post.cards
    assert loud.broadcast and loud.thread_ts == card.ts
    assert "Glass broken" in loud.text and "<@U0CAROL>" in loud.text and "dies tonight" in loud.text
    assert "without 2 approvals" in loud.text
    assert "Started without approvals" in card.plain
    assert post.thread(card) == post.expected()
    assert "Started without approvals by <@U0CAROL>" in sent(post, BOB)[0].text
    post.no_problems()


def test_drift_is_shown_in_thread_card_and_messages(post: Post) -> None:
    digest = request(post)
    obey(post, approve(BOB, digest), approve(CAROL, digest))
    later = plan(("orders", "people", "late"))
    obey(post, tell(e.Drifted(run=1, changes=("table public.late was added",), plan=later)))
    for text in (post.thread(), post.card.plain, sent(post, BOB)[0].plain):
        assert "The plan changed before the run began" in text and "public.late was added" in text
    assert buttons(sent(post, BOB)[0]) == []
    post.no_problems()
