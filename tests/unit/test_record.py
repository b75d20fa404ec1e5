"""What was stored before is read for ever; what a newer version stored is refused in words."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from bot.ui import card, logs
from jobs.core import record
from jobs.core.errors import Unreadable
from jobs.core.events import Noted, Recorded
from jobs.core.evolve import evolve, replay
from jobs.core.lifecycle import react
from jobs.core.record import FORM, pack, unpack, upcast
from jobs.core.state import State
from tests.support.stories import FILE, kinds
from tests.support.tales import MIGRATION, NOON

LINES = [json.loads(line) for line in FILE.read_text().splitlines()]
EVENTS = [line for line in LINES if isinstance(line["stored"], str)]
STORIES = [line for line in LINES if isinstance(line["stored"], list)]


def lost(before: Any, now: Any, at: str = "") -> list[str]:
    """Where a stored value is not there any more."""
    if isinstance(before, dict):
        return [x for key, value in before.items() for x in lost(value, now.get(key, "(gone)"), f"{at}.{key}")]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return [x for n, (a, b) in enumerate(zip(before, now, strict=True)) for x in lost(a, b, f"{at}[{n}]")]
    return [] if before == now else [f"{at}: {before!r} became {now!r}"]


def test_every_kind_of_event_is_kept_in_the_file() -> None:
    missing = kinds().keys() - {line["kind"] for line in EVENTS}
    assert not missing, "a new kind of event: run `python -m tests.support.stories`, which adds it to the file"


@pytest.mark.parametrize("line", EVENTS, ids=[line["kind"] for line in EVENTS])
def test_what_was_stored_is_read_and_nothing_of_it_is_lost(line: dict[str, Any]) -> None:
    stored = json.loads(line["stored"])
    now = json.loads(pack(unpack(line["stored"])))
    if stored["form"] == FORM:
        assert lost(stored["event"], now["event"]) == [], "a stored event is read otherwise: bump FORM, add an upcast"
    assert now["event"]["type"] == line["kind"]


@pytest.mark.parametrize("line", STORIES, ids=[line["kind"] for line in STORIES])
def test_a_migration_that_was_open_goes_on(line: dict[str, Any]) -> None:
    """Its state, its plan's digest (to which buttons and approvals are bound), its card, its lines and its jobs."""
    story = [
        Recorded(version=n, at=NOON + timedelta(seconds=n), event=unpack(text))
        for n, text in enumerate(line["stored"], 1)
    ]
    state = State(id=MIGRATION)
    for recorded in story:
        state = evolve(state, recorded)
        assert card.blocks(state, None) and isinstance(logs.line(recorded.event, state), str)
    assert state == replay(MIGRATION, story)
    comes_to = {"status": state.status.value, "run": state.run, "digest": state.digest}
    assert comes_to == line["comes_to"]
    react(state)


def test_stories_from_before_the_envelope() -> None:
    note = Noted(run=1, text="as it was")
    assert unpack(note.model_dump_json()) == note
    assert unpack(note.model_dump_json().encode()) == note


@pytest.mark.parametrize(
    "stored",
    [
        '{"form": 99, "event": {"type": "noted", "run": 1, "text": "x"}}',
        '{"form": 1, "event": {"type": "teleported", "run": 1}}',
        '{"form": 1, "event": {"type": "noted", "run": 1, "text": "x", "mood": "secret-canary"}}',
        '{"form": 1, "event": {"type": "noted", "run": 1, "text": "x", "level": "secret-canary"}}',
    ],
)
def test_a_newer_writer_is_named(stored: str) -> None:
    with pytest.raises(Unreadable, match="written by a newer Ferrybot") as caught:
        unpack(stored)
    assert "Upgrade" in caught.value.remedy
    assert "canary" not in caught.value.what, "errors never quote what is stored"


@pytest.mark.parametrize("stored", ["", "[]", "7", '{"form": "x"}', '{"form": 1, "event": {"type": "noted"}}'])
def test_what_nobody_can_have_written_is_no_newer_version(stored: str) -> None:
    with pytest.raises(Unreadable) as caught:
        unpack(stored)
    assert "newer" not in caught.value.what


def test_older_forms_are_made_new_step_by_step() -> None:
    steps = {
        1: lambda values: {**values, "text": values["txt"]},
        2: lambda values: {k: v for k, v in values.items() if k != "txt"},
    }
    old = {"type": "noted", "run": 1, "txt": "hello"}
    assert upcast(1, old, steps) == {"type": "noted", "run": 1, "text": "hello"}
    assert upcast(3, {"a": 1}, steps) == {"a": 1}


def test_each_older_form_has_its_step() -> None:
    assert sorted(record.UPCASTS) == list(range(1, FORM))
