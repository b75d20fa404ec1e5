"""What people do with a verdict: accept what may differ, validate keys again, bring the copy up to date."""

from __future__ import annotations

import pytest

from bot.sandbox.compare import compare
from bot.sandbox.play import ALICE, BOB, MALLORY, Play, texts
from bot.sandbox.servers import PostgresServer
from jobs.core.state import Status
from tests.story.support import World, begin, broken_rules, hears, press, world
from tests.support.servers import FreshDatabase, ShopDatabase

pytestmark = pytest.mark.story

ORPHANS = """
create table parent (id int primary key); create table child (id int primary key, parent int references parent);
insert into parent values (1); insert into child values (1, 1);
set session_replication_role = replica; insert into child select i, i from generate_series(2, 89) i;
"""


def test_known_orphans_leave_a_key_that_is_validated_later(
    pg16: PostgresServer, pg18: PostgresServer, fresh_db: FreshDatabase
) -> None:
    source, target = fresh_db(pg16), fresh_db(pg18)
    with source.connect() as connection:
        connection.execute(ORPHANS.encode())
    with world(source, {"new": target}) as w:
        play = begin(w, "new")
        state = w.until(lambda state: state.status is Status.done, "done with a key NOT VALID", 120)
        assert state.receipt and [key.orphans for key in state.receipt.broken_keys] == [88]
        assert [waiver.reason for waiver in state.receipt.waived] == ["acknowledged before the run"]
        card = play.ended()
        assert "1 foreign key is NOT VALID: 88 orphans" in texts(card.blocks)
        with target.connect() as connection:
            connection.execute("delete from child where id > 1")
        press(w, play, MALLORY, "revalidate")
        hears(w, MALLORY, "may revalidate")
        press(w, play, ALICE, "revalidate")
        state = w.until(lambda state: state.status is Status.done and state.run == 2, "keys validated", 60)
        assert state.receipt and state.receipt.broken_keys == ()
        with target.connect() as connection:
            found = connection.execute("select convalidated from pg_constraint where contype = 'f'").fetchall()
        assert found == [(True,)]
        w.slack.wait_for(lambda _: "1 of 1 foreign key validated" in said(play) or None, 30, "the note")
        assert broken_rules(w) == []


def said(play: Play) -> str:
    return texts([m.blocks for m in play.thread()])


def test_an_approver_accepts_a_difference_with_a_reason(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, target = shop_db(pg16, 0.3), fresh_db(pg18)
    with world(source, {"prod-new": target}) as w:
        play = begin(w, "prod-new")
        play.approve(BOB)
        w.slowed()
        # A target that changes before the run has begun is drift; this one changes in its middle.
        w.until(lambda state: state.begun, "begun")
        press(w, play, ALICE, "pause")
        w.until(lambda state: state.status is Status.paused, "paused")
        with target.connect() as connection:
            connection.execute("create schema dba; create table dba.notes (t text)")
        press(w, play, ALICE, "resume")
        w.until(lambda state: state.run == 2, "resumed")
        w.hurried()
        state = w.until(lambda state: state.status is Status.failed, "red by a difference", 120)
        assert {"schema:dba", "table:dba.notes"} <= {difference.key for difference in state.differences}

        press(w, play, ALICE, "accept_differences")
        reason(w, ALICE, "mine")
        modal = w.slack.person(ALICE).modal()
        assert modal is not None and "somebody else must approve" in str(modal.errors)
        w.slack.person(ALICE).close()
        press(w, play, BOB, "accept_differences")
        reason(w, BOB, "the *DBA's* own notes")
        state = w.until(lambda state: state.status is Status.done, "accepted", 120)
        assert state.receipt and {waiver.by.id for waiver in state.receipt.waived} == {BOB}
        play.ended()
        w.slack.wait_for(lambda _: "Accepted by <@U0BOB>" in said(play) or None, 30, "the receipt")
        assert broken_rules(w) == []


def reason(w: World, person: str, words: str) -> None:
    who = w.slack.person(person)
    w.slack.wait_for(lambda _: who.modal(), 10, "the modal")
    who.fill("reason", words)
    who.submit()


def test_a_source_that_moved_on_is_copied_again(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, target = shop_db(pg16, 0.3), fresh_db(pg18)
    with source.connect() as connection:
        connection.execute("create table more (id int primary key); insert into more values (1)")
    with world(source, {"new": target}) as w:
        play = begin(w, "new")
        w.slowed()
        w.until(lambda state: state.phase == "copy", "the copy", 120)
        with source.connect() as connection:
            connection.execute("insert into more values (2), (3)")
            connection.execute("select pg_stat_force_next_flush()")
        w.hurried()
        state = w.until(lambda state: state.status is Status.done, "done", 120)
        assert state.receipt and [(t.table, t.rows) for t in state.receipt.written.tables] == [("public.more", 2)]
        card = play.ended()
        assert "2 rows were written in 1 table" in texts(card.blocks)
        press(w, play, MALLORY, "refresh")
        hears(w, MALLORY, "may refresh")
        press(w, play, ALICE, "refresh")
        state = w.until(lambda state: state.status is Status.done and state.run == 2, "up to date", 120)
        assert state.receipt and state.receipt.written.tables == ()
        assert compare(source.dsn, target.dsn) == []
        assert broken_rules(w) == []
