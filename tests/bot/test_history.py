"""`/migrate history`: found by words and filters, on pages, exported without formulas, and never for strangers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.slack.messages import StoredFile
from bot.ui import export, history
from bot.ui.history import Ask
from jobs.core.model import Environment, Person
from jobs.core.state import Status
from jobs.core.summary import Summary, summary_of
from tests.bot.nasty import NASTY, grown
from tests.bot.office import Office, office
from tests.bot.takes import good_view
from tests.support.tales import Tale, service

DONE = summary_of(Tale().done().state)


def some(count: int, **more: Any) -> list[Summary]:
    return [DONE.model_copy(update={"id": f"m{n:010}", **more}) for n in range(count)]


# --- what is asked for ----------------------------------------------------------------------------------


def test_the_text_is_read_as_filters_and_words() -> None:
    ask = Ask.of(
        "shop by:@alice Status:awaiting-approval env:PRODUCTION since:2026-01-31 until:2026-02-01 service:new"
    )
    wanted = ask.wanted
    assert (wanted.words, wanted.person, wanted.service) == (("shop",), "@alice", "new")
    assert (wanted.status, wanted.environment) == (Status.awaiting_approval, Environment.production)
    assert (wanted.since, wanted.until) == (datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC))
    assert ask.wrong == ()


def test_what_cannot_be_understood_is_said() -> None:
    ask = Ask.of("status:fine since:yesterday by: colour:red")
    assert ask.wrong == ("status:fine", "since:yesterday", "by:") and ask.wanted.words == ("colour:red",)
    assert "Not understood" in json.dumps(history.view("C0MIGRATIONS", ask, [], more=False))


@given(st.text(), st.text(max_size=20), st.integers(-5, 10**6))
def test_no_text_breaks_it(text: str, choice: str, page: int) -> None:
    good_view(history.view("C0MIGRATIONS", Ask.of(text, choice, choice, min(page, 10_000)), [], more=True))


@pytest.mark.parametrize("kind", sorted(NASTY))
def test_nasty_names_and_problems(kind: str) -> None:
    nasty = NASTY[kind]
    long = grown(nasty, 3000)
    rows = some(
        25, target=service(grown(nasty, 70)), problem=long, tables=None, requester=Person(id="U0X", name=long)
    )
    good_view(history.view("C0MIGRATIONS", Ask.of(long, page=3), rows, more=True, complete=False, note="note"))
    good_view(history.looking("", long))


# --- the files ------------------------------------------------------------------------------------------


@given(st.text(max_size=40))
def test_no_cell_is_a_formula(text: str) -> None:
    shown = export.harmless(text)
    assert isinstance(shown, str) and not shown.lstrip().startswith(("=", "+", "-", "@"))
    assert shown in (text, f"'{text}")


def test_both_files_say_the_same() -> None:
    evil = Person(id="U0EVIL", name='=HYPERLINK("http://evil.example.com";"x")')
    rows = [*some(3), *some(1, requester=evil, problem="-1+1\nand =2", tables=None)]
    text = export.as_csv(rows)
    assert text.startswith(export.BOM)
    read = list(csv.DictReader(io.StringIO(text.removeprefix(export.BOM))))
    objects = [json.loads(line) for line in export.json_lines(rows).splitlines()]
    assert len(read) == len(objects) == 4 and set(read[0]) == set(objects[0])
    assert (read[0]["rows"], objects[0]["rows"]) == ("30", 30)
    assert read[3]["requested by name"] == f"'{evil.name}" and objects[3]["requested by name"] == evil.name
    assert read[3]["problem"].startswith("'-1") and read[3]["tables"] == "" and objects[3]["tables"] is None
    assert "env:" not in text


# --- pressed by people ----------------------------------------------------------------------------------


@pytest.fixture
def bureau(redis_url: str, tmp_path: Path) -> Iterator[Office]:
    with office(redis_url, tmp_path) as made:
        yield made


def shared(bureau: Office, name: str, ending: str) -> StoredFile:
    """The file that only this person got."""

    def found(_: Any) -> StoredFile | None:
        files = [file for m in bureau.person(name).direct_messages() for file in m.files]
        return next((file for file in files if file.name.endswith(ending)), None)

    return bureau.slack.wait_for(found, 20, f"a file {ending}")


def test_people_look_through_the_past_and_take_it_with_them(bureau: Office) -> None:
    done, failed = ([r.event for r in tale.story] for tale in (Tale().done(), Tale().failed()))
    for number in range(45):
        bureau.write(f"m{number:010}", failed if number % 15 == 0 else done)
    bureau.write("m9999999999", [r.event for r in Tale().checked().story])
    bureau.command("bob", "history")
    bob = bureau.person("bob")
    first = bureau.modal("bob", "m0000000044")
    assert "m9999999999" not in first.plain, "what alice still prepares is hers"
    assert "2 tables, 30 rows in 12 s" in first.plain
    bob.click(first, "history_next")
    bob.click(bureau.modal("bob", "m0000000010"), "history_next")
    assert "history_next" not in [el["action_id"] for _, el in bureau.modal("bob", "m0000000003").elements()]
    bob.fill("history_menus", "failed", "history_status_select")
    assert bureau.modal("bob", "m0000000015").plain.count("is failed") == 3
    bob.fill("history_search", "by:alice until:2020-01-01")
    bureau.modal("bob", "No migration that you may see here fits.")
    bob.fill("history_search", "shop-new m000000003", dispatch=False)
    assert bob.submit().acked
    bob.click(bureau.modal("bob", "m0000000030"), "history_csv")
    bureau.modal("bob", "Sent to you as a direct message: 1 migration.")
    assert shared(bureau, "bob", ".csv").text.count("\n") == 2
    bob.fill("history_search", "")
    bob.click(bureau.modal("bob", "m0000000015"), "history_jsonl")
    lines = shared(bureau, "bob", ".jsonl").text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["m0000000030", "m0000000015", "m0000000000"]
    bob.click(bureau.modal("bob", "m0000000015"), "show_logs")
    assert "The connection to the target was lost" in bureau.modal("bob", "newest first").plain
    bob.close()
    bureau.modal("bob", "m0000000030")
    assert [str(p) for p in bureau.slack.problems] == []


def test_a_search_in_the_command_and_an_export_that_is_refused(bureau: Office) -> None:
    bureau.write("m0000000001", [r.event for r in Tale().done().story])
    bureau.slack.scopes.discard("files:write")
    bureau.command("bob", "history shop by:alice")
    view = bureau.modal("bob", "m0000000001")
    assert view.value("history_search") == "shop by:alice"
    bureau.person("bob").click(view, "history_csv")
    assert "missing_scope" in bureau.answer("bob", "could not be sent").plain
