"""The courier on a real Redis and a strict Slack: each line once and in order, whatever dies or fails in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from redis import Redis
from slack_sdk.web import WebClient

from bot.calls import Calls, Pace
from bot.courier import Courier
from bot.modals import Modals, Open
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.server import SlackSandbox
from bot.sandbox.slack.views import View
from bot.screens import CONFLICT_SECONDS
from bot.ui import findings, logs
from jobs.adapters import keys
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.adapters.services_redis import RedisServices
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.evolve import evolve
from jobs.core.progress import RunProgress
from jobs.core.state import State, Status
from jobs.desk import Desk
from tests.bot.sandbox_support import client_of
from tests.support.tales import (
    ALICE,
    BOB,
    CAROL,
    CHANNEL,
    LOST,
    MIGRATION,
    RECEIPT,
    TARGET,
    WARNING,
    Tale,
    configure,
    draft,
    plan,
    result,
    tell,
)

HISTORY = "channels:history"


@dataclass
class Post:
    """A courier's whole world: Redis, the ledger, and Slack."""

    redis: Redis
    sandbox: SlackSandbox
    paced: bool = False
    desk: Desk = field(init=False)
    board: RedisBoard = field(init=False)
    modals: Modals = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(RedisLedger(self.redis), RqDoorbell(self.redis))
        self.board = RedisBoard(self.redis)
        self.modals = Modals(self.redis)
        self.sandbox.rates.enabled = self.paced

    def deliver(self) -> None:
        """A courier of its own, as every job has one."""
        calls = Calls(client_of(self.sandbox, timeout=5), Pace(self.redis, enabled=self.paced))
        Courier(self.redis, self.desk, self.board, calls).deliver(MIGRATION)

    def write(self, *events: e.Event) -> None:
        self.desk.ledger.append(MIGRATION, self.state.version, events)

    def write_tale(self, tale: Tale) -> None:
        self.write(*[r.event for r in tale.story[self.state.version :]])

    @property
    def state(self) -> State:
        return self.desk.state(MIGRATION)

    # --- what Slack shows ---

    @property
    def cards(self) -> list[Message]:
        return [m for m in self.sandbox.channel(CHANNEL).messages if m.subtype != "tombstone"]

    @property
    def card(self) -> Message:
        (card,) = self.cards
        return card

    def replies(self, card: Message | None = None) -> list[Message]:
        found = self.sandbox.channel(CHANNEL).replies((card or self.card).ts)
        return [m for m in found if not m.files]

    def thread(self, card: Message | None = None) -> str:
        return "\n".join(m.plain for m in self.replies(card))

    def files(self) -> list[Message]:
        """Slack shares a file some moments after it has said that it would."""
        return self.sandbox.wait_for(
            lambda s: [m for m in s.channel(CHANNEL).all_messages if m.files], 5, "shared file"
        )

    def told(self, who: str = ALICE.id) -> list[str]:
        return [m.text for m in self.sandbox.person(who).direct_messages()]

    def calls(self, method: str) -> int:
        return sum(call.method == method for call in self.sandbox.calls)

    def expected(self, after: int = 1) -> str:
        """What the thread must say of the events after version `after`: the drafting before is private."""
        state, lines = State(id=MIGRATION), []
        for recorded in self.desk.ledger.read(MIGRATION):
            state = evolve(state, recorded)
            if recorded.version > after:
                lines.append(logs.line(recorded.event, state))
        return "\n".join(line for line in lines if line)

    def no_problems(self, *allowed: str) -> None:
        """Nothing that a careful app would have avoided; `allowed` are refusals that the test itself arranged."""
        assert [str(p) for p in self.sandbox.problems if p.what not in allowed] == []


@pytest.fixture
def slack() -> Iterator[SlackSandbox]:
    with SlackSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def post(redis_url: str, slack: SlackSandbox) -> Iterator[Post]:
    with Redis.from_url(redis_url) as redis:
        yield Post(redis, slack)


STORY = Tale().done().story


# --- the whole story ------------------------------------------------------------------------------------


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


# --- killed between posting and remembering -------------------------------------------------------------

COURIER = "import sys; from bot.courier import deliver; deliver(sys.argv[1])"


def killed_at(post: Post, redis_url: str, number: int) -> None:
    """Runs a courier in a process of its own and kills it when Slack has applied its `number`th post."""
    environment = os.environ | {
        "REDIS_URL": redis_url,
        "SLACK_BOT_TOKEN": post.sandbox.bot_token,
        "SLACK_APP_TOKEN": post.sandbox.app_token,
        "SLACK_API_URL": post.sandbox.api_url,
    }
    post.sandbox.rates.enabled = False
    seen: list[Any] = []
    process = subprocess.Popen([sys.executable, "-c", COURIER, MIGRATION], env=environment)

    def strike(call: Any) -> None:
        seen.append(call)
        if len(seen) == number:
            process.send_signal(signal.SIGKILL)
            process.wait()

    post.sandbox.faults.before_answer("chat.postMessage", strike, times=number)
    assert process.wait(30) == -signal.SIGKILL
    assert len(seen) == number
    # What it held fades after 30 s; here the time has passed.
    assert post.redis.delete(keys.courier(MIGRATION)) == 1


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


# --- people do things to the card and the channel -------------------------------------------------------


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


# --- files ----------------------------------------------------------------------------------------------


def test_refused_files_are_told_once_and_end_nothing(post: Post) -> None:
    post.sandbox.scopes.discard("files:write")
    post.write_tale(Tale().failed())
    post.deliver()
    post.write(e.Resumed(by=ALICE, run=2), e.RunStarted(run=2))
    post.write(e.Proven(run=2, receipt=RECEIPT), e.Finished(run=2, receipt=RECEIPT))
    post.deliver()
    assert post.thread().count("could not be attached (missing_scope files:write)") == 1
    assert "Done and verified" in post.card.plain and list(post.desk.ledger.open()) == []
    assert post.calls("files.getUploadURLExternal") == 1, "not asked again"
    post.no_problems("files.getUploadURLExternal: missing_scope")


def test_each_run_that_ends_hangs_its_log_once(post: Post) -> None:
    post.write_tale(Tale().failed())
    post.deliver()
    post.deliver()
    post.write(e.Resumed(by=ALICE, run=2), e.RunStarted(run=2))
    post.write(e.Proven(run=2, receipt=RECEIPT), e.Finished(run=2, receipt=RECEIPT))
    post.deliver()
    found = post.sandbox.wait_for(
        lambda s: [m for m in s.channel(CHANNEL).all_messages if m.files][1:] and post.files(), 5, "two files"
    )
    assert [m.files[0].name for m in found] == [f"ferrybot-{MIGRATION}-run{n}.log" for n in (1, 2)]
    post.no_problems()


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
def test_a_file_is_never_attached_twice(post: Post, method: str) -> None:
    post.write_tale(Tale().done())
    post.sandbox.faults.apply_then_fail(method, how="500")
    for _ in range(3):
        post.deliver()
    assert len(post.files()) == 1
    assert list(post.desk.ledger.open()) == []
    post.no_problems()


def test_an_archived_channel_does_not_cost_the_log(post: Post) -> None:
    post.write_tale(Tale().done())
    post.sandbox.faults.refuse("files.completeUploadExternal", "is_archived", times=1)
    post.deliver()
    assert list(post.desk.ledger.open()) == [MIGRATION]
    post.deliver()
    assert len(post.files()) == 1 and "could not be attached" not in post.thread()
    post.no_problems()


# --- progress -------------------------------------------------------------------------------------------


def test_progress_coalesces_and_the_end_is_always_shown(post: Post) -> None:
    post.write_tale(Tale().running())
    post.deliver()
    before = post.calls("chat.update")
    began = time.monotonic()
    for done in range(60):
        post.board.publish(MIGRATION, RunProgress(tasks_done=done, tasks_total=100, at=time.time()))
        post.deliver()
    edits = post.calls("chat.update") - before
    assert 1 <= edits <= 1 + (time.monotonic() - began) / 3.0
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


# --- several at once ------------------------------------------------------------------------------------


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


# --- the modal ------------------------------------------------------------------------------------------


def opened(post: Post, step: str = "validation") -> View:
    """Alice has the modal of step 2 open, and the bot knows its hash."""
    definition = findings.view(post.state)
    view = post.sandbox.state.views.open(ALICE.id, definition, time.time())
    shown = Open(view_id=view.id, hash=view.hash, step=step, user=ALICE.id, version=post.state.version)
    post.modals.remember(MIGRATION, shown)
    return view


def checking(post: Post) -> View:
    for command in (draft(), configure()):
        post.desk.obey(MIGRATION, command)
    return opened(post)


def finish_checks(post: Post) -> None:
    post.desk.obey(MIGRATION, tell(e.ValidationStarted(attempt=1)))
    post.desk.obey(MIGRATION, tell(e.CheckFinished(attempt=1, result=result(WARNING))))
    post.desk.obey(MIGRATION, tell(e.Validated(attempt=1, plan=plan())))


def test_the_open_modal_follows_the_checks(post: Post) -> None:
    view = checking(post)
    post.desk.obey(MIGRATION, tell(e.ValidationStarted(attempt=1)))
    post.deliver()
    assert "Checking" in view.plain
    finish_checks(post)
    post.deliver()
    assert "nothing blocks" in view.plain and view.submit_text == "Continue"
    known = post.modals.open(MIGRATION)
    assert known is not None and (known.hash, known.version) == (view.hash, post.state.version)
    hashes = [call.args.get("hash") for call in post.sandbox.calls if call.method == "views.update"]
    assert all(hashes), "never without the hash while it is known"
    assert post.cards == [], "what the person sees in the modal is not told to the channel"
    post.no_problems()


def test_what_is_half_typed_survives_the_news(post: Post) -> None:
    view = checking(post)
    typed = {"host": "db-9.example.com", "port": "5433", "database": "shop", "user": "ferry", "tls": "require"}
    post.modals.keep_form(MIGRATION, findings.Form(kind=findings.TYPED, typed=typed))
    finish_checks(post)
    post.deliver()
    assert view.value("host") == "db-9.example.com"
    post.no_problems()


def test_a_gesture_that_was_faster_is_not_overwritten(post: Post) -> None:
    """Between our reading the hash and Slack's answer the person pressed a button, and its answer was remembered."""
    view = checking(post)
    finish_checks(post)
    post.sandbox.faults.refuse("views.update", "hash_conflict", times=1)

    def gesture(call: Any) -> None:
        view.redefine(findings.view(post.state) | {"private_metadata": "by the gesture"}, time.time())
        shown = Open(view_id=view.id, hash=view.hash, step="validation", user=ALICE.id, version=post.state.version)
        post.modals.remember(MIGRATION, shown)

    post.sandbox.faults.before_answer("views.update", gesture)
    post.deliver()
    assert view.private_metadata == "by the gesture"
    post.no_problems()


def test_a_lost_answer_does_not_freeze_the_modal(post: Post) -> None:
    view = checking(post)
    post.desk.obey(MIGRATION, tell(e.ValidationStarted(attempt=1)))
    post.sandbox.faults.apply_then_fail("views.update")
    post.deliver()
    finish_checks(post)
    post.deliver()  # the hash that we know is not the view's any more
    assert post.board.delivered(MIGRATION) < post.state.version, "the sweep will ring"
    before = post.calls("views.update")
    post.deliver()
    assert post.calls("views.update") == before, "a gesture has some seconds to say what it has shown"
    doubted = post.modals.open(MIGRATION)
    assert doubted is not None and doubted.conflict_at
    passed = doubted.model_copy(update={"conflict_at": doubted.conflict_at - CONFLICT_SECONDS})
    post.modals.remember(MIGRATION, passed)
    post.deliver()
    assert "nothing blocks" in view.plain
    assert post.board.delivered(MIGRATION) == post.state.version
    post.no_problems("views.update: hash_conflict")


def test_a_modal_drawn_over_after_all_was_told_is_tried_again(post: Post) -> None:
    view = checking(post)
    finish_checks(post)
    post.deliver()
    assert post.board.delivered(MIGRATION) == post.state.version
    stale = Open(view_id=view.id, hash="1.another", step="validation", user=ALICE.id, version=post.state.version - 1)
    post.modals.remember(MIGRATION, stale)
    post.deliver()
    assert post.board.delivered(MIGRATION) < post.state.version, "the sweep will ring"
    post.no_problems("views.update: hash_conflict")


@pytest.mark.parametrize("finished", [True, False])
def test_a_modal_that_is_gone_makes_the_thread_tell(post: Post, finished: bool) -> None:
    view = checking(post)
    post.sandbox.state.views.pop(view)
    post.desk.obey(MIGRATION, tell(e.ValidationStarted(attempt=1)))
    if finished:
        post.desk.obey(MIGRATION, tell(e.Validated(attempt=1, plan=plan())))
    post.deliver()
    assert post.state.public and post.modals.open(MIGRATION) is None
    post.deliver()
    assert post.thread() == post.expected()
    post.no_problems("views.update: not_found")


@pytest.mark.parametrize("fault", ["server_error", "ratelimit"])
def test_a_modal_that_cannot_be_reached_does_not_keep_the_thread_waiting(post: Post, fault: str) -> None:
    checking(post)
    post.desk.obey(MIGRATION, c.Detach(by=ALICE))
    finish_checks(post)
    misfortune = {"times": None} | ({"retry_after": 30} if fault == "ratelimit" else {})
    getattr(post.sandbox.faults, fault)("views.update", **misfortune)
    post.deliver()
    assert post.thread() == post.expected()
    assert post.board.delivered(MIGRATION) < post.state.version, "and the modal is not forgotten"
    post.sandbox.faults.clear()
    post.deliver()
    assert post.board.delivered(MIGRATION) == post.state.version
    post.no_problems()
