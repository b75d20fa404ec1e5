"""MariaDB to MariaDB over the whole line: choices in the modal, approval, run, receipt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from psycopg import sql

from bot.sandbox.play import BOB, Play, texts
from bot.sandbox.servers import MariaDbServer, PostgresServer
from bot.ui import questions
from jobs.core.model import Question
from jobs.core.state import State, Status
from tests.servers.mysql_run import MysqlDatabase, all_tables, assert_same, databases
from tests.story.my_support import my_world, shop
from tests.story.support import World, broken_rules, modal_button, press
from tests.support.servers import FreshDatabase

pytestmark = pytest.mark.story


def rows_of(database: MysqlDatabase) -> int:
    return sum(
        database.rows(f"select count(*) from `{name.replace('`', '``')}`")[0][0] for name in all_tables(database)
    )


THEIRS = (
    "create table kept (id int primary key, f float, t varchar(40))",
    "insert into kept select seq, -1220223, concat('row ', seq) from seq_1_to_2000",
    "create view orders as select * from kept",
    "create event ring on schedule every 1 day starts '2020-01-01 00:00:00' do delete from kept",
)


def replaces(w: World, play: Play) -> None:
    """Step 2: the target holds something, which is to be replaced; up to step 3."""
    # Only what can be moved there is offered as a source.
    play._modal("Run check")
    offered = play.alice.suggest("source_service_select", "")
    assert {option["value"] for option in offered} == {"shop", "prod-maria"}
    play.source("shop")
    w.until(lambda state: state.status is Status.blocked, "the target is not empty")
    modal_button(play, "choose_overwrite")
    w.until(lambda state: state.options.overwrite and state.status is Status.ready, "checked for replacing")
    play.slack.wait_for(lambda _: "to acknowledge" in play.text() or None, 60, "the checks are over")
    play.alice.submit()
    play._modal("Migrate")
    said = play.text()
    assert "is replaced" in said
    assert "MariaDB 10.11" in said and "one place in the source's binary log" in said
    assert "Owners and grants" not in said


def answers(w: World, play: Play) -> None:
    """Step 3: what is not in the plan yet is not what runs."""
    _answer(w, play, "definer", "invoker")
    play.alice.fill("acknowledge", ["acknowledged"])
    play.alice.fill("confirm_target", "prod-maria")
    play.alice.submit()
    w.slack.wait_for(lambda _: "press Update plan" in play.text() or None, 20, "the refusal")
    _answer(w, play, "definer", "invoker")
    modal = play.alice.modal()
    assert modal is not None
    play.alice.click(modal, "update_plan")
    state = w.until(lambda s: s.status is Status.ready and bool(s.options.decisions), "the plan with the answer")
    assert state.plan is not None and dict(state.plan.options.decisions) == {"definer": "invoker"}
    w.slack.wait_for(lambda _: _shown(play, state.digest) or None, 30, "step 3 anew")
    play.alice.fill("acknowledge", ["acknowledged"])
    play.alice.fill("confirm_target", "prod-maria")
    play.alice.submit()


def arrived(w: World, play: Play, source: MysqlDatabase, target: MysqlDatabase) -> None:
    """Rows, definer, event and restore point, and what was told of them."""
    state = w.newest()
    assert state.receipt is not None and state.receipt.rows == rows_of(source) == rows_of(target)
    told = "\n".join(texts(message.blocks) for message in play.thread())
    point = state.restore_point
    assert "MariaDB 10.11" in told and "events" in told
    assert point is not None and point.path in told and Path(point.path).stat().st_size == point.bytes
    assert_same(source, target)
    ((security, definer),) = target.rows(
        "select security_type, definer from information_schema.views where table_schema = database()"
    )
    assert (security, definer) == ("INVOKER", "root@127.0.0.1")
    assert target.rows("select status from information_schema.events where event_schema = database()") == [
        ("DISABLED",)
    ]


def test_a_mariadb_migration_with_a_question(mariadb_server: MariaDbServer, tmp_path: Path) -> None:
    """It replaces what the target held, is brought up to date, and is rolled back."""
    with databases(mariadb_server) as (source, target):
        shop(source)
        target.run(*THEIRS)
        before = seen_of(target)
        url, env = target.server.url(target.name), {"FERRYBOT_RESTORE_POINTS": str(tmp_path)}
        with my_world(source, {"prod-maria": ("mariadb", url)}, env) as w:
            play = w.play()
            play.configure("prod-maria")
            replaces(w, play)
            answers(w, play)

            play.approve(BOB)
            play.ended()
            arrived(w, play, source, target)

            # Which tables, says the time of their last write; copying again is the approvers' to ask for.
            source.run("insert into customers (name) values ('new')")
            press(w, play, BOB, "refresh")
            w.until(lambda s: s.status is Status.done and s.run == 2, "up to date", 120)
            assert_same(source, target)

            press(w, play, BOB, "roll_back")
            assert "restored from its restore point" in str(w.slack.person(BOB).last_confirm)
            w.until(lambda s: s.status is Status.rolled_back, "rolled back", 120)
            play.card("Rolled back")
            assert seen_of(target) == before
            assert broken_rules(w) == []


def seen_of(database: MysqlDatabase) -> list[list[tuple[object, ...]]]:
    """What the target of the story held, exactly."""
    return [
        database.rows("select id, f + 0e0, t from kept order by id"),
        database.rows("select count(*) from orders"),
        database.rows(
            "select event_name, status, starts from information_schema.events where event_schema = database()"
        ),
        database.rows("select table_name from information_schema.tables where table_schema = database() order by 1"),
    ]


def answered(w: World, play: Play, ours: Sequence[Sequence[Question]], open_one: Question) -> State:
    """An answer on the first page is not lost on the way to the last."""
    first = next(question for question in ours[0] if len(question.choices) > 1)
    _answer(w, play, first.key, first.choices[1].value)
    for page in range(1, len(ours)):
        if open_one in ours[page - 1]:
            _answer(w, play, open_one.key, open_one.choices[0].value)
        _press(play, "questions_next")
        w.slack.wait_for(partial(_says, play, f"Page {page + 1} of"), 20, f"page {page + 1}")
    if open_one in ours[-1]:
        _answer(w, play, open_one.key, open_one.choices[0].value)
    _press(play, "update_plan")
    state = w.until(lambda s: s.status is Status.ready and bool(s.options.decisions), "the answers")
    assert dict(state.options.decisions) == {
        first.key: first.choices[1].value,
        open_one.key: open_one.choices[0].value,
    }
    return state


def test_a_typed_mariadb_into_postgresql_with_pages_of_questions(
    mariadb_server: MariaDbServer, pg18: PostgresServer, fresh_db: FreshDatabase
) -> None:
    """More questions than a page holds, one of them without a default."""
    numbers = ", ".join(f"n{number:02} tinyint(1)" for number in range(25))
    with databases(mariadb_server, 1) as (source,):
        source.run(
            "set sql_mode = ''",
            f"create table flags (id int primary key, {numbers}, zero_day date)",
            f"insert into flags values (1{', 2' * 25}, '2024-02-29'), (2{', 0' * 25}, '0000-00-00')",
        )
        target = fresh_db(pg18)
        env = {"SOURCE_RIGHT": mariadb_server.password}
        with my_world(source, {"pg": ("postgresql", target.url)}, env) as w:
            play = w.play()
            play.configure("pg")
            play.typed_source(
                engine="mariadb", host="127.0.0.1", port=str(mariadb_server.port), database=source.name,
                user="root", secret_ref="env:SOURCE_RIGHT", tls="prefer",
            )  # fmt: skip
            assert "nothing blocks" in play.checked()
            play.alice.submit()
            play._modal("Migrate")
            plan = w.newest().plan
            assert plan is not None and plan.source.dialect == "mariadb"
            ours = questions.pages(plan.questions)
            assert len(ours) > 2
            open_one = next(question for question in plan.questions if not question.default)

            # Nothing starts before it is answered.
            play.alice.fill("acknowledge", ["acknowledged"])
            play.alice.submit()
            w.slack.wait_for(lambda _: "Please answer first" in play.text() or None, 20, "the refusal")
            assert w.newest().run == 0

            state = answered(w, play, ours, open_one)
            w.slack.wait_for(lambda _: _shown(play, state.digest) or None, 30, "step 3 anew")
            if play._has("acknowledge"):
                play.alice.fill("acknowledge", ["acknowledged"])
            play.alice.submit()
            play.ended()
            with target.connect() as connection:
                # The first question asks for the schema, and its second choice was one of its own.
                asked = sql.SQL("select count(*) from {}").format(sql.Identifier(source.name, "flags"))
                assert connection.execute(asked).fetchall() == [(2,)]
            assert broken_rules(w) == []


def _says(play: Play, words: str, _: object) -> bool | None:
    return words in play.text() or None


def _press(play: Play, action: str) -> None:
    modal = play.alice.modal()
    assert modal is not None
    play.alice.click(modal, action)


def _answer(w: World, play: Play, key: str, value: str) -> None:
    plan = w.newest().plan
    assert plan is not None
    asked = next(question for question in plan.questions if question.key == key)
    text = next(choice.text for choice in asked.choices if choice.value == value)
    modal = play.alice.modal()
    assert modal is not None
    field = next(block for block in modal.blocks if block.get("block_id") == questions.block_id(asked))
    option = next(o for o in field["element"]["options"] if o["text"]["text"] == text)
    play.alice.fill(field["block_id"], option["value"])


def _shown(play: Play, digest: str) -> bool:
    """Step 3 shows the plan with this digest and offers to start it."""
    modal = play.alice.modal()
    return modal is not None and modal.submit_text == "Migrate" and digest[:12] in play.text()
