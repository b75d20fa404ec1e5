"""A production migration by the clock: wants its rehearsal, reminds, passes on, ends, is asked again, and is paused
by itself when its window closes. The clock's process knows the true time; what is to be later, the test says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.refs import Ref
from bot.sandbox.compare import compare
from bot.sandbox.play import ALICE, BOB, CAROL, CHANNEL, MALLORY, Play, texts
from bot.sandbox.servers import PostgresServer
from bot.sandbox.slack.messages import Message
from jobs.adapters.board_redis import RedisBoard
from jobs.core.state import State, Status
from jobs.core.throttle import Limit
from jobs.flow.sweep import sweep
from tests.story.support import World, begin, broken_rules, press, replies, service, world
from tests.story.test_gate import direct
from tests.support.servers import FreshDatabase, ShopDatabase

pytestmark = pytest.mark.story

RULES = {
    "approvals": 1,
    "approvers": ["S0DBA"],
    "rehearsal_days": 30,
    "remind_minutes": 10,
    "escalate_to": [MALLORY],
    "escalate_minutes": 30,
    "expires_hours": 2,
}
DECIDE = {"approve", "decline"}


def clock_comes_by(w: World, at: datetime) -> None:
    """As the clock's process rings it, at this moment."""
    sweep(w.desk, RedisBoard(w.redis), at)


def told(w: World, play: Play, *words: str) -> None:
    """The thread says each of these."""

    def found(_: object) -> bool | None:
        said = "\n".join(replies(play))
        return True if all(word in said for word in words) else None

    w.slack.wait_for(found, 30, f"the thread says {words}")


def shown(w: World, play: Play, words: str) -> None:
    """The card says so."""
    w.slack.wait_for(lambda _: words in texts(play.card().blocks) or None, 30, f"the card says {words!r}")


def home_of(w: World, person: str) -> str:
    """The words of this person's App Home as it stands."""
    home = w.slack.person(person).home()
    return home.plain if home is not None else ""


def buttons(message: Message) -> set[str]:
    return {element["action_id"] for _, element in message.elements()}


def test_from_the_rehearsal_to_the_second_window(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, staged, target = shop_db(pg16, 0.05), fresh_db(pg18), fresh_db(pg18)
    opens = (datetime.now(UTC) + timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)
    night = {"windows": [f"{opens:%H}:00-{opens:%H}:50"], "policy": RULES}
    production = service("production", "TARGET_2", free_disk="40 GB", **night)
    with world(source, {"staged": staged, "prod-shop": target}, extra={"prod-shop": production}) as w:
        play = w.play()
        migration = _refused_without_rehearsal(w, play)
        begin(w, "staged")
        rehearsed = w.until(lambda state: state.status is Status.done, "rehearsed", 120)
        assert rehearsed.id != migration and rehearsed.receipt is not None
        _asked_by_its_measure(w, play, migration)
        _reminded_passed_on_and_ended(w, play, migration)
        state = _asked_again(w, play, migration)
        assert state.opens == opens and state.pause_at_close
        _paused_at_the_windows_end(w, play, state, opens)
        assert compare(source.dsn, target.dsn) == []
        told(w, play, f"(`{rehearsed.id}`): ", ", now ", "disk at its fullest ")
        done = w.desk.state(migration)
        for receipt in (rehearsed.receipt, done.receipt):
            assert receipt is not None and receipt.peak is not None and receipt.target_bytes is not None
            assert receipt.peak.database >= receipt.target_bytes > 0 and receipt.peak.log
        assert broken_rules(w) == []


def _refused_without_rehearsal(w: World, play: Play) -> str:
    """*Migrate* answers in the same modal what is missing and what to do; the draft's id."""
    play.configure("prod-shop")
    play.source("shop")
    play.checked()
    play._modal("Continue")
    play.alice.submit()
    play._modal("Migrate")
    assert ":no_entry: This environment wants a rehearsal of at most 30 days ago" in play.text()
    _migrate(play)
    w.slack.wait_for(lambda _: play._has("plan_note") or None, 10, "the refusal")
    note = texts(next(block for block in _blocks(play) if block.get("block_id") == "plan_note"))
    assert "wants a rehearsal" in note and "then press Update plan here" in note
    state = w.newest()
    assert state.status is Status.ready and state.requests == 0
    play.alice.close(everything=True)
    return state.id


def _blocks(play: Play) -> list[dict[str, object]]:
    modal = play.alice.modal()
    assert modal is not None
    return modal.blocks


def _migrate(play: Play) -> None:
    """Step 3, with the pause at the window's end."""
    play.alice.fill("pause_at_close", ["pause_at_close"])
    if play._has("acknowledge"):
        play.alice.fill("acknowledge", ["acknowledged"])
    play.alice.submit()


def _asked_by_its_measure(w: World, play: Play, migration: str) -> None:
    """The remedy as it was said: the draft that was left, *Update plan*, and it goes."""
    play.alice.command("/migrate", "", CHANNEL)
    w.slack.wait_for(lambda _: play._has(f"unfinished_{migration}") or None, 20, "the offer to go on")
    modal = play.alice.modal()
    assert modal is not None
    play.alice.click(modal, "draft_continue", value=Ref(m=migration).pack())
    play._modal("Continue")
    play.alice.submit()
    play._modal("Migrate")
    modal = play.alice.modal()
    assert modal is not None
    play.alice.click(modal, "update_plan")
    w.until(lambda state: state.rehearsal is not None, "the rehearsal is found", migration=migration)
    w.slack.wait_for(lambda _: "Rehearsed into staged" in play.text() or None, 30, "the rehearsal in step 3")
    play._modal("Migrate")
    assert "on the target's disk at most " in play.text() and "MB, as rehearsed, / " in play.text()
    assert "about " in play.text() and "wants a rehearsal" not in play.text()
    _migrate(play)
    state = w.until(lambda state: state.status is Status.awaiting_approval, "requested", migration=migration)
    assert state.pause_at_close
    play.card("Waiting for approval")


def _reminded_passed_on_and_ended(w: World, play: Play, migration: str) -> None:
    asked_at = w.desk.state(migration).asked_at
    assert asked_at is not None
    w.slack.person(BOB).open_home()
    w.slack.wait_for(lambda _: "Waiting for you" in home_of(w, BOB) or None, 20, "App Home")
    first = direct(w, BOB, "asks for your approval")
    clock_comes_by(w, asked_at + timedelta(minutes=11))
    told(w, play, f"Still waiting: 1 approval is missing, from <@{BOB}>, <@{CAROL}>")
    reminder = direct(w, BOB, "Reminder:")
    assert reminder.ts != first.ts and buttons(reminder) >= DECIDE
    w.slack.wait_for(lambda _: not buttons(first) or None, 20, "the first message points to the reminder")
    clock_comes_by(w, asked_at + timedelta(minutes=31))
    told(w, play, f"<@{MALLORY}> may approve, too")
    assert buttons(direct(w, MALLORY, "asks for your approval")) >= DECIDE
    clock_comes_by(w, asked_at + timedelta(minutes=121))
    told(w, play, "Not decided within 2 hours: the request ended")
    shown(w, play, "Nobody decided within 2 hours")
    w.slack.wait_for(lambda _: "Waiting for you" not in home_of(w, BOB) or None, 20, "App Home follows by itself")
    for person in (BOB, CAROL, MALLORY):
        assert buttons(direct(w, person, "Not decided in time")) == set()


def _asked_again(w: World, play: Play, migration: str) -> State:
    """One press; the last message's buttons decide it."""
    press(w, play, ALICE, "ask_again")
    w.until(lambda state: state.requests == 2, "asked again", migration=migration)
    again = direct(w, BOB, "0 of 1")
    w.slack.person(BOB).click(again, "approve")
    return w.until(lambda state: state.status is Status.scheduled, "scheduled", migration=migration)


def _paused_at_the_windows_end(w: World, play: Play, state: State, opens: datetime) -> None:
    """The run takes longer than its window. From here on the time is only ours."""
    w.stage.processes["clock"].stop()
    clock_comes_by(w, opens)
    w.slow_down(state.id)
    w.until(lambda state: state.begun, "begun by itself", migration=state.id)
    clock_comes_by(w, opens + timedelta(minutes=49))
    assert w.desk.state(state.id).status is Status.migrating, "the window is still open"
    clock_comes_by(w, opens + timedelta(minutes=51))
    paused = w.until(lambda state: state.status is Status.scheduled, "paused by itself", migration=state.id)
    assert paused.opens == opens + timedelta(days=1) and paused.resuming and paused.run == 1
    shown(w, play, "Paused until its window opens")
    stamp = f"<!date^{int(paused.opens.timestamp())}^"
    told(w, play, "The maintenance window is over: the run pauses", f"It goes on {stamp}")
    shown(w, play, f"It goes on by itself {stamp}")
    clock_comes_by(w, opens + timedelta(hours=23))
    assert w.desk.state(state.id).status is Status.scheduled
    clock_comes_by(w, opens + timedelta(days=1))
    w.slow_down(state.id, Limit())
    done = w.until(lambda state: state.status is Status.done, "the end", 120, migration=state.id)
    assert done.run == 2 and done.receipt is not None and done.receipt.rehearsal is not None
    told(w, play, "The window is open: run 2 waits for a worker")
    play.ended()
