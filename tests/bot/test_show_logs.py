"""*Show logs*: every line and every table can be found, on pages that Slack takes, by those who may read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.calls import Calls, Pace
from bot.courier import Courier
from bot.ui import log_view, tables
from bot.ui.log_view import Look
from jobs.core import events as e
from jobs.core.model import Problem
from jobs.core.policy import Policy
from jobs.core.state import State
from jobs.core.verdict import RowDifference
from tests.bot.nasty import NASTY, grown
from tests.bot.office import Office, office
from tests.bot.sandbox_support import client_of
from tests.bot.takes import good_view
from tests.support.tales import CHANNEL, MIGRATION, Tale, plan, tell

Story = list[e.Recorded]


def line(table: str, **more: Any) -> str:
    figures = {
        "rows": 1200,
        "bytes": 34_000_000,
        "seconds": 2.5,
        "method": "copy binary",
        "lane": "lane-7",
        "parts": 1,
    }
    proof = {"source_rows": 1200, "target_rows": 1200, "source_sum": "ab" * 16, "target_sum": "ab" * 16}
    return json.dumps({"table": table, **figures, **proof, **more})


def shown(view: dict[str, Any]) -> str:
    texts = [b["text"]["text"] for b in view["blocks"] if b["type"] == "section"]
    return "\n".join(texts + [el["text"] for b in view["blocks"] if b["type"] == "context" for el in b["elements"]])


# --- tables ---------------------------------------------------------------------------------------------


def test_a_table_says_rows_bytes_seconds_lane_and_proof() -> None:
    tale = Tale().done()
    kept = "\n".join([line("public.orders"), line("public.people", target_sum="cd" * 16, target_rows=7, lane="")])
    said = shown(log_view.view(tale.state, tale.story, Look("tables"), kept))
    assert "`public.orders`  1,200 rows, 34.0 MB, 2.5 s; copy binary, lane lane-7; proven: same count" in said
    assert "`public.people`" in said and "*differs*: 1,200 rows in the source, 7 in the target" in said
    only = shown(log_view.view(tale.state, tale.story, Look("troubled"), kept))
    assert "public.people" in only and "public.orders" not in only


def test_what_is_not_known_of_a_table_is_not_claimed() -> None:
    tale = Tale().running()
    half = json.dumps({"table": "public.orders", "rows": 5, "bytes": 6, "seconds": 0.1, "method": "copy text"})
    said = shown(log_view.view(tale.state, tale.story, Look("tables"), f"{half}\nnot json\n[1]\n"))
    assert "`public.orders`  5 rows, 6 B, 0.1 s; copy text; not proven yet" in said
    assert "`public.people`  no figures yet" in said and "proven:" not in said
    again = shown(log_view.view(tale.state, tale.story, Look("tables"), line("public.orders", method="proven equal")))
    assert "copied by an earlier run and proven under the new snapshot" in again
    parts = shown(log_view.view(tale.state, tale.story, Look("tables"), line("public.orders", parts=4)))
    assert "in 4 parts" in parts and "lane-7" not in parts, "parts may have had several lanes"


def test_errors_stand_at_their_table() -> None:
    lost = Problem(what="The connection was lost.", meaning="", remedy="", object="public.orders")
    tale = Tale().running()
    tale.obey(tell(e.Troubled(run=1, problem=lost, attempt=1, retry_seconds=1)))
    rows = (RowDifference(table="public.people", missing=3),)
    tale.obey(tell(e.RunFailed(run=1, problem=lost.model_copy(update={"object": ""}), rows=rows)))
    said = shown(log_view.view(tale.state, tale.story, Look("troubled"), None))
    assert "*Error:* The connection was lost. (tried again)" in said and "rows differ: 3 missing" in said


def test_five_thousand_tables_are_all_found_on_pages_that_slack_takes() -> None:
    names = [f"table_{n:04}" for n in range(5000)]
    tale = Tale().checked(plan(names))
    kept = "\n".join(line(f"public.{name}") for name in names)
    for page in (0, 1, 61, 124):
        view = log_view.view(tale.state, tale.story, Look("tables", page=page), kept)
        good_view(view)
        assert f"5,000 tables, page {page + 1} of 125" in shown(view)
        assert all(f"`public.{name}`" in shown(view) for name in names[page * 40 : (page + 1) * 40])
    found = log_view.view(tale.state, tale.story, Look("tables", "TABLE_4321"), kept)
    assert "1 table with `TABLE_4321`, page 1 of 1" in shown(found) and "public.table_4321" in shown(found)
    several = shown(log_view.view(tale.state, tale.story, Look("tables", "table_43 public"), kept))
    assert "100 tables" in several and "page 1 of 3" in several


@pytest.mark.parametrize("kind", sorted(NASTY))
def test_nasty_names_errors_and_searches(kind: str) -> None:
    nasty = NASTY[kind]
    names = [f"{nasty}{n}" for n in range(200)]
    problem = Problem(what=grown(nasty, 3000), meaning="", remedy="", object=f"public.{names[0]}")
    tale = Tale().requested(plan(names), policy=Policy())
    kept = "\n".join(line(f"public.{name}", method=grown(nasty, 500), lane=grown(nasty, 500)) for name in names)
    failure = e.Recorded(version=99, at=tale.story[-1].at, event=e.RunFailed(run=1, problem=problem))
    for show in log_view.SHOWN:
        for words in ("", nasty, "public"):
            good_view(log_view.view(tale.state, [*tale.story, failure] * 5, Look.of(show, words, 0), kept))


# --- the story ------------------------------------------------------------------------------------------


def long_tale() -> Tale:
    tale = Tale().requested(policy=Policy())
    for number in range(3000):
        level: Any = "warning" if number % 100 == 0 else "info"
        tale.obey(tell(e.Noted(run=1, level=level, text=f"table_{number:04} has been copied")))
    return tale


def test_a_long_story_is_searched_as_a_whole_and_filtered() -> None:
    tale = long_tale()
    first = log_view.view(tale.state, tale.story)
    good_view(first)
    assert "table_2999" in shown(first) and "page 1 of 76" in shown(first)
    found = shown(log_view.view(tale.state, tale.story, Look("story", "Table_0123 COPIED")))
    assert "1 line with" in found and "table_0123 has been" in found
    warned = shown(log_view.view(tale.state, tale.story, Look("warnings")))
    assert "30 warnings and errors" in warned and "table_2900" in warned and "table_2999" not in warned
    nothing = shown(log_view.view(tale.state, tale.story, Look("story", "no such thing")))
    assert "0 lines" in nothing and "Nothing of this log holds all these words" in nothing


def test_what_the_thread_does_not_tell_is_found_too() -> None:
    tale = Tale().checked(plan())
    found = shown(log_view.view(tale.state, tale.story, Look("story", "validation_started")))
    assert "1 line with" in found
    assert "env:SHOP_URL" not in shown(log_view.view(tale.state, tale.story, Look("story", "drafted")))


def test_a_page_that_is_gone_and_a_view_that_is_not_ours_show_something() -> None:
    tale = Tale().requested(policy=Policy())
    assert Look.of("drop table", "x" * 999, -4) == Look("story", "x" * log_view.SEARCH, 0)
    good_view(log_view.view(tale.state, tale.story, Look(page=9999)))
    good_view(log_view.view(State(id=MIGRATION), [], Look("tables"), "garbage"))
    assert tables.details(State(id=MIGRATION), [], None) == []


# --- pressed by people ----------------------------------------------------------------------------------


@pytest.fixture
def bureau(redis_url: str, tmp_path: Path) -> Iterator[Office]:
    with office(redis_url, tmp_path) as made:
        yield made


def test_people_search_turn_pages_and_filter(bureau: Office) -> None:
    names = [f"table_{n:03}" for n in range(100)]
    tale = Tale().requested(plan(names))
    bureau.write(MIGRATION, [r.event for r in tale.story])
    bureau.deps.desk.ledger.attach(MIGRATION, "tables", "\n".join(line(f"public.{name}") for name in names))
    bureau.command("alice", "list")
    alice = bureau.person("alice")
    alice.click(bureau.answer("alice", "Latest migrations"), "show_logs")
    bureau.modal("alice", "requested the migration")
    alice.fill("log_show", "tables", "log_show_select")
    alice.click(bureau.modal("alice", "100 tables, page 1 of 3"), "logs_next")
    alice.click(bureau.modal("alice", "page 2 of 3"), "logs_next")
    assert "table_099" in bureau.modal("alice", "page 3 of 3").plain
    alice.fill("log_search", "table_05")
    found = bureau.modal("alice", "10 tables with")
    assert "table_050" in found.plain and found.value("log_search") == "table_05", "what was typed stays"
    alice.fill("log_search", "table_09", dispatch=False)
    assert alice.submit().acked
    bureau.modal("alice", "10 tables with `table_09`")
    alice.fill("log_show", "story", "log_show_select")
    bureau.modal("alice", "0 lines with")
    assert [str(p) for p in bureau.slack.problems] == []


def test_the_menu_of_a_message_opens_the_log_too(bureau: Office) -> None:
    bureau.write(MIGRATION, [r.event for r in Tale().failed().story])
    deps, client = bureau.deps, client_of(bureau.slack)
    Courier(deps.redis, deps.desk, deps.board, Calls(client, Pace(deps.redis, enabled=False))).deliver(MIGRATION)
    (card,) = bureau.slack.channel(CHANNEL).messages
    other = client_of(bureau.slack).chat_postMessage(channel=CHANNEL, text="something else")
    bob = bureau.person("bob")
    bob.message_shortcut("ferrybot_logs", CHANNEL, str(other["ts"]))
    bureau.answer("bob", "not about a migration")
    bob.message_shortcut("ferrybot_logs", CHANNEL, bureau.slack.channel(CHANNEL).replies(card.ts)[0].ts)
    bureau.modal("bob", "newest first")
    bob.fill("log_show", "warnings", "log_show_select")
    assert "connection to the target was lost" in bureau.modal("bob", "1 warning or error").plain


def test_who_may_not_read_a_migration_reads_no_log(bureau: Office) -> None:
    bureau.write(MIGRATION, [r.event for r in Tale().checked(plan()).story])
    bureau.command("alice", "list")
    listed = bureau.answer("alice", "Latest migrations")
    bureau.command("mallory", "list")
    assert "none yet" in bureau.answer("mallory", "Latest migrations").plain
    bureau.person("mallory").click(listed, "show_logs")
    assert "still being prepared" in bureau.answer("mallory", "still being prepared").plain
    assert bureau.person("mallory").modal() is None
