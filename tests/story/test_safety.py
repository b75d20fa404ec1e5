"""Held, overwritten, released and rolled back, by the buttons that people press."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bot.sandbox.compare import compare
from bot.sandbox.play import ALICE, MALLORY, Play
from bot.sandbox.servers import PostgresServer
from jobs.core import events as e
from jobs.core.state import Status
from tests.servers.pg_run import rows
from tests.story.support import World, broken_rules, hears, modal_button, press, world
from tests.support.servers import Database, FreshDatabase, ShopDatabase

pytestmark = pytest.mark.story

FULL = """
create schema before; create table before.kept (id int primary key, t text);
insert into before.kept select i, md5(i::text) from generate_series(1, 2000) i;
create view before.seen as select * from before.kept where id < 10;
"""


def begin(w: World, *, replace: bool, hold: bool, target: str = "full") -> Play:
    """The three steps, with the choices that each of them offers."""
    play = w.play()
    play.configure(target)
    play.source("shop")
    if replace:
        w.until(lambda state: state.status is Status.blocked, "the target is not empty")
        modal_button(play, "choose_overwrite")
        w.until(lambda state: state.options.overwrite and state.status is Status.ready, "checked for replacing")
    play.slack.wait_for(lambda _: True if "to acknowledge" in play.text() else None, 60, "the checks are over")
    play.alice.submit()
    play._modal("Migrate")
    if hold:
        chosen = ["hold_source", *(["overwrite"] if replace else [])]
        play.alice.fill("safety", chosen)
        modal_button(play, "update_plan")
        w.until(lambda state: state.options.hold_source and state.status is Status.ready, "checked with the hold")
        play.slack.wait_for(lambda _: True if play._has("safety") else None, 60, "the plan with the hold")
    assert ("is replaced" in play.text()) is replace
    play.alice.fill("acknowledge", ["acknowledged"])
    play.alice.submit()
    return play


def write(source: Database, done: threading.Event) -> None:
    with source.connect() as connection:
        connection.execute("insert into setting (name, value) values ('written meanwhile', '1')")
    done.set()


def released(w: World, play: Play, source: Database) -> None:
    """A writer waits until somebody who may lets it through, while the run goes on."""
    written = threading.Event()
    writer = threading.Thread(target=write, args=(source, written))
    writer.start()
    assert not written.wait(0.5)
    press(w, play, MALLORY, "release")
    hears(w, MALLORY, "may release")
    assert not written.is_set()
    press(w, play, ALICE, "release")
    assert written.wait(30), "the writer goes on although the run does, too"
    writer.join()


def test_released_and_rolled_back_by_their_buttons(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase, tmp_path: Path
) -> None:
    source, target = shop_db(pg16, 0.3), fresh_db(pg18)
    with target.connect() as connection:
        connection.execute(FULL)
    before = rows(target, "select * from before.kept order by 1")
    with world(source, {"full": target}, env={"FERRYBOT_RESTORE_POINTS": str(tmp_path)}) as w:
        play = begin(w, replace=True, hold=True)
        w.slowed()
        w.until(lambda state: state.held, "held")
        released(w, play, source)
        w.hurried()
        w.until(lambda state: state.status is Status.done, "the end", 120)
        story = [type(r.event) for r in w.desk.story(w.newest().id)[1]]
        assert story.index(e.HoldEnded) < story.index(e.Proven), "released in the middle"
        assert rows(target, "select count(*) from setting where name = 'written meanwhile'") == [(0,)]
        with source.connect() as connection:
            connection.execute("delete from setting where name = 'written meanwhile'")
        assert compare(source.dsn, target.dsn) == []
        point = w.newest().restore_point
        assert point is not None and Path(point.path).stat().st_size == point.bytes

        press(w, play, MALLORY, "roll_back")
        hears(w, MALLORY, "may roll back")
        assert w.newest().status is Status.done
        press(w, play, ALICE, "roll_back")
        assert "restored from its restore point" in str(w.slack.person(ALICE).last_confirm)
        w.until(lambda state: state.status is Status.rolled_back, "rolled back", 120)
        assert rows(target, "select * from before.kept order by 1") == before
        assert rows(target, "select count(*) from before.seen") == [(9,)]
        assert rows(target, "select count(*) from pg_namespace where nspname = 'ferrybot'") == [(0,)]
        assert rows(target, "select count(*) from pg_class where relname = 'setting'") == [(0,)]
        play.card("Rolled back")
        told = w.slack.wait_for(
            lambda _: text if "Rolled back." in (text := " ".join(m.text for m in play.thread())) else None,
            30,
            "told",
        )
        for words in ("The source is held", "asked to release", "takes writes again", point.path, "Receipt"):
            assert words in told, words
        assert broken_rules(w) == []


def writes(source: Database, number: int) -> threading.Event:
    """A writer at the source; the event says that it got through."""
    through = threading.Event()

    def write() -> None:
        with source.connect() as connection:
            connection.execute("update setting set value = value where name = %s", [f"none {number}"])
        through.set()

    threading.Thread(target=write, daemon=True).start()
    return through


def held_by_the_next_worker(w: World, migration: str) -> None:
    w.time_passes(migration)
    taken = len([r for r in w.desk.story(migration)[1] if isinstance(r.event, e.HoldTaken)])

    def again(_: object) -> bool:
        story = w.desk.story(migration)[1]
        return len([r for r in story if isinstance(r.event, e.HoldTaken)]) > taken

    w.until(again, "held by the next worker")


def test_every_way_out_lets_the_writers_of_the_source_through(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    """Paused, killed, cancelled, done: in each case who waited goes on, and the next run holds anew."""
    source = shop_db(pg16, 0.3)
    with world(source, {"full": fresh_db(pg18), "other": fresh_db(pg18)}) as w:
        play = begin(w, replace=False, hold=True)
        w.slowed()
        migration = w.newest().id
        w.until(lambda state: state.held, "held")
        through = writes(source, 1)
        assert not through.wait(0.3)
        press(w, play, ALICE, "pause")
        assert through.wait(30)
        w.until(lambda state: state.status is Status.paused, "paused")
        assert not w.newest().held

        press(w, play, ALICE, "resume")
        w.until(lambda state: state.held, "held anew")
        through = writes(source, 2)
        assert not through.wait(0.3)
        w.stage.restart("worker", kill=True)
        assert through.wait(30)

        held_by_the_next_worker(w, migration)
        through = writes(source, 3)
        press(w, play, ALICE, "cancel")
        assert through.wait(30)
        w.until(lambda state: state.status is Status.cancelled, "cancelled")

        play = begin(w, replace=False, hold=True, target="other")
        w.slowed()
        w.until(lambda state: state.held, "held")
        through = writes(source, 4)
        with source.connect() as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'ferrybot hold%'"
            )
        assert through.wait(30)
        w.until(lambda state: not state.held, "noticed")
        w.hurried()
        w.until(lambda state: state.status is Status.done, "the end", 120)
        told = [r.event for r in w.desk.story(w.newest().id)[1]]
        assert any(isinstance(x, e.Noted) and "held the source was lost" in x.text for x in told)
        assert [x.why for x in told if isinstance(x, e.HoldEnded)] == ["the connection was lost"]
        assert broken_rules(w) == []
