"""Approvals as people give, lend and take them back: card, direct message and App Home, one outcome."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.compare import compare
from bot.sandbox.play import ALICE, BOB, CAROL, MALLORY, Play, texts
from bot.sandbox.servers import PostgresServer
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.records import SubmitResult
from jobs.core.state import Status
from tests.story.support import World, begin, broken_rules, world
from tests.support.servers import FreshDatabase, ShopDatabase

pytestmark = pytest.mark.story

DECIDED = {"approvals": 2, "approvers": ["S0DBA"], "break_glass": [CAROL]}


def direct(w: World, person: str, words: str) -> Message:
    """This person's newest direct message, once it says so."""

    def found(_: object) -> Message | None:
        messages = w.slack.person(person).direct_messages()
        return messages[-1] if messages and words in messages[-1].plain else None

    return w.slack.wait_for(found, 30, f"a direct message to {person} that says {words!r}")


def name(w: World, by: str, to: str) -> None:
    person = w.slack.person(by)
    person.click(direct(w, by, "0 of 2"), "delegate")
    w.slack.wait_for(lambda _: person.modal(), 20, "the form")
    person.fill("person", to)
    person.submit()


def decided_by_two(w: World) -> None:
    """The target has rules of its own; the file is read again when it changes."""
    services: Any = w.stage.document["services"]
    services["prod-shop"]["policy"] = DECIDED
    w.stage.write_config()


def test_two_voices_one_lent_one_taken_back_and_a_plan_that_changed(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, target = shop_db(pg16), fresh_db(pg18)
    with world(source, {"prod-shop": target}) as w:
        decided_by_two(w)
        play = begin(w, "prod-shop")
        _lend_and_take_back(w)
        with source.connect() as connection:
            connection.execute("create table added_meanwhile (id int primary key)")
        _approve_at_home(w)
        play.card("Ready to start")
        changed = w.newest()
        assert changed.status is Status.ready and changed.run == 1 and not changed.begun
        assert any("added_meanwhile" in line for line in changed.drift)
        assert "added_meanwhile" in texts(play.card().blocks)
        direct(w, BOB, "added_meanwhile")
        with target.connect() as connection:
            assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)
        _again(w, play)
        assert compare(source.dsn, target.dsn) == []
        assert broken_rules(w) == []


def _lend_and_take_back(w: World) -> None:
    """Carol lends her voice to Mallory; Bob approves in his messages, and thinks again."""
    mallory, bob = w.slack.person(MALLORY), w.slack.person(BOB)
    name(w, CAROL, MALLORY)
    lent = direct(w, MALLORY, "for your approval")
    bob.click(direct(w, BOB, "0 of 2"), "approve")
    bob.click(direct(w, BOB, "You approved"), "revoke")
    direct(w, BOB, "0 of 2")
    mallory.click(lent, "approve")
    w.until(lambda state: len(state.approvals) == 1, "one voice")
    w.slack.person(CAROL).click(direct(w, CAROL, "Your voice has approved"), "show_plan")
    w.slack.wait_for(lambda _: w.slack.person(CAROL).modal(), 20, "the plan")
    assert w.newest().run == 0


def _approve_at_home(w: World) -> None:
    bob = w.slack.person(BOB)
    bob.open_home()

    def waits(_: object) -> object | None:
        home = bob.home()
        return home if home and "Waiting for you" in texts(home.blocks) else None

    w.slack.wait_for(waits, 20, "what waits stands in App Home")
    home = bob.home()
    assert home is not None
    bob.click(home, "approve")
    w.slack.wait_for(lambda s: True if not waits(s) else None, 20, "and goes when it is decided")


def _again(w: World, play: Play) -> None:
    """The requester looks at the plan of now; both approve on the card this time."""
    play.press(ALICE, "open_migration")
    play.request()
    card = play.card("approval")
    for person in (BOB, CAROL):
        w.slack.person(person).click(card, "approve")
    play.ended()
    state = w.newest()
    assert state.receipt is not None
    assert {a.by.id for a in state.receipt.approvals} == {BOB, CAROL}


def smash(w: World, who: str, card: Message, reason: str) -> SubmitResult:
    hand = w.slack.person(who)
    hand.click(card, "break_glass")
    w.slack.wait_for(lambda _: hand.modal(), 20, "the form")
    hand.fill("reason", reason)
    return hand.submit()


def test_the_glass_is_broken_and_nobody_can_overlook_it(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, target = shop_db(pg16), fresh_db(pg18)
    with world(source, {"prod-shop": target}) as w:
        decided_by_two(w)
        play = begin(w, "prod-shop")
        card = play.card("approval")
        refused = smash(w, BOB, card, "I am in a hurry too")
        assert "may start this migration without approvals" in refused.errors["reason"]
        assert smash(w, CAROL, card, "the old server dies tonight").ok
        w.until(lambda state: state.status is Status.done, "the end", 120)
        play.ended()
        shown = "\n".join(m.plain for m in w.slack.channel("C0MIGRATIONS").messages)
        assert "Glass broken" in shown and "dies tonight" in shown, "in the channel itself"
        told = w.slack.wait_for(
            lambda _: next((m.plain for m in play.thread() if "Receipt" in m.plain), None), 20, "the receipt"
        )
        assert "Started without the approvals" in told and f"<@{CAROL}>" in told
        assert "GLASS BROKEN" in w.stage.output()
        play.alice.command("/migrate", "plan", "C0MIGRATIONS")
        assert w.newest().digest in hears_blocks(w, w.newest().digest)
        assert broken_rules(w) == []


def hears_blocks(w: World, words: str) -> str:
    def found(_: object) -> str | None:
        said = [texts(m.blocks) for m in w.slack.person(ALICE).ephemerals("C0MIGRATIONS")]
        return next((text for text in reversed(said) if words in text), None)

    return w.slack.wait_for(found, 20, f"Alice is shown {words!r}")
