"""MariaDB to MariaDB over the whole line: choices in the modal, approval, run, receipt."""

from __future__ import annotations

import pytest

from bot.sandbox.play import BOB, Play, texts
from bot.sandbox.servers import MariaDbServer
from bot.ui import questions
from jobs.core.state import Status
from tests.servers.mysql_run import MysqlDatabase, all_tables, assert_same, databases
from tests.story.my_support import my_world, shop
from tests.story.support import World, broken_rules

pytestmark = pytest.mark.story


def rows_of(database: MysqlDatabase) -> int:
    return sum(
        database.rows(f"select count(*) from `{name.replace('`', '``')}`")[0][0] for name in all_tables(database)
    )


def test_a_mariadb_migration_with_a_question(mariadb_server: MariaDbServer) -> None:
    with databases(mariadb_server) as (source, target):
        shop(source)
        url = target.server.url(target.name)
        with my_world(source, {"prod-maria": ("mariadb", url)}) as w:
            play = w.play()
            play.configure("prod-maria")
            # Only what can be moved there is offered as a source.
            play._modal("Run check")
            offered = play.alice.suggest("source_service_select", "")
            assert {option["value"] for option in offered} == {"shop", "prod-maria"}
            play.source("shop")
            assert "nothing blocks" in play.checked()

            play.alice.submit()
            play._modal("Migrate")
            said = play.text()
            assert "MariaDB 10.11" in said and "one place in the source's binary log" in said
            assert "Owners and grants" not in said
            _answer(w, play, "definer", "invoker")
            # What is not in the plan yet is not what runs.
            play.alice.fill("acknowledge", ["acknowledged"])
            play.alice.submit()
            w.slack.wait_for(lambda _: "press Update plan" in play.text() or None, 20, "the refusal")
            _answer(w, play, "definer", "invoker")
            modal = play.alice.modal()
            assert modal is not None
            play.alice.click(modal, "update_plan")
            state = w.until(
                lambda s: s.status is Status.ready and bool(s.options.decisions), "the plan with the answer"
            )
            assert state.plan is not None and dict(state.plan.options.decisions) == {"definer": "invoker"}
            w.slack.wait_for(lambda _: _shown(play, state.digest) or None, 30, "step 3 anew")
            play.alice.fill("acknowledge", ["acknowledged"])
            play.alice.submit()

            play.approve(BOB)
            play.ended()
            state = w.newest()
            assert state.receipt is not None and state.receipt.rows == rows_of(source) == rows_of(target)
            told = "\n".join(texts(message.blocks) for message in play.thread())
            assert "MariaDB 10.11" in told and "events" in told
            assert broken_rules(w) == []
        assert_same(source, target)
        ((security, definer),) = target.rows(
            "select security_type, definer from information_schema.views where table_schema = database()"
        )
        assert (security, definer) == ("INVOKER", "root@127.0.0.1")
        assert target.rows("select status from information_schema.events where event_schema = database()") == [
            ("DISABLED",)
        ]


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
