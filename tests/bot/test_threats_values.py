"""Values that are not ours, and other people's forms and links: nothing is reached."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from redis import Redis

from bot.listeners.validation import password_given
from bot.refs import ref, sheet
from bot.ui.findings import TYPED, Form
from jobs.adapters.secrets import SecretStore
from jobs.core.errors import Permanent
from tests.bot.office import Office
from tests.bot.sandbox_support import button
from tests.bot.threatened import CANARY, asked, press
from tests.support.tales import ALICE, BOB, CHANNEL, MIGRATION, Tale, plan

TAMPERED = [
    "",
    "m0000000001",
    '{"m": "../m0000000001"}',
    '{"m": "m0000000001", "admin": true}',
    '{"m": "m0000000001\\n"}',
    '{"m": "m0000000001", "r": -1}',
    '{"m": "m0000000001", "d": "short"}',
    "[" * 2000,
    json.dumps({"m": "m" + "0" * 10_000}),
]


def test_a_value_that_is_not_ours_is_none() -> None:
    assert [value for value in TAMPERED if ref(value) is not None] == []


@pytest.mark.parametrize("value", TAMPERED[:3])
def test_a_tampered_button_reaches_nothing(desk: Office, value: str) -> None:
    desk.write(MIGRATION, [r.event for r in Tale().running().story])
    before = desk.deps.desk.story(MIGRATION)[1]
    blocks = [{"type": "actions", "elements": [button("pause", value=value or "x")]}]
    sent = desk.deps.people.client.chat_postMessage(channel=CHANNEL, text="x", blocks=blocks)
    message = desk.slack.channel(CHANNEL).find(sent["ts"])
    assert message is not None
    desk.person(ALICE.id).click(message, "pause")
    desk.answer(ALICE.id, "not one of mine")
    assert desk.deps.desk.story(MIGRATION)[1] == before


@given(st.text(max_size=300))
def test_a_tampered_sheet_reaches_nothing(text: str) -> None:
    """Whatever stands there: one of ours, or nothing; never an exception and never an id that is no id."""
    for made in (sheet(text), ref(text)):
        assert made is None or made.m == "" or (len(made.m) == 11 and made.m.isalnum())


def test_a_digest_of_another_plan_starts_nothing(desk: Office) -> None:
    desk.write(MIGRATION, [r.event for r in asked().story])
    press(desk, BOB.id, "approve", digest="0" * 64)
    desk.answer(BOB.id, "plan changed since")
    assert desk.deps.desk.state(MIGRATION).approvals == ()


def test_somebody_elses_form_stays_as_it_was(desk: Office) -> None:
    """Mallory's window carries Alice's migration: neither what Alice typed nor her plan is touched or shown."""
    desk.write(MIGRATION, [r.event for r in Tale().checked(plan()).story])
    kept = Form(kind=TYPED, typed={"host": "alices.example.com"})
    desk.deps.modals.keep_form(MIGRATION, kept)
    desk.command("mallory", "")
    view = desk.modal("mallory", "Step 1")
    view.definition["private_metadata"] = json.dumps({"m": MIGRATION, "step": "validation"})
    view.definition["callback_id"] = "ferrybot_validation"
    for block in view.definition["blocks"]:
        block.pop("optional", None)
    desk.person("mallory").fill("target", "shop-new")
    desk.person("mallory").fill("disk_confirm", ["confirmed"])
    view.definition["callback_id"] = "ferrybot_validation"
    view.definition["private_metadata"] = json.dumps({"m": MIGRATION, "step": "validation"})
    answer = desk.person("mallory").submit()
    assert "being prepared by" in str(answer.body)
    assert desk.deps.modals.form(MIGRATION) == kept
    assert desk.deps.desk.state(MIGRATION).version == len(Tale().checked(plan()).story)


def test_a_link_of_one_person_does_not_serve_another(desk: Office, redis_url: str) -> None:
    """Whoever else got a link for Alice's migration hands in a password that nobody uses and nobody keeps."""
    desk.write(MIGRATION, [r.event for r in Tale().checked(plan()).story])
    desk.deps.modals.keep_form(MIGRATION, Form(kind=TYPED, typed={"host": "127.0.0.1", "database": "d", "user": "u"}))
    with Redis.from_url(redis_url) as redis:
        secrets = SecretStore(redis, SecretStr("k" * 48))
        reference = secrets.deposit(SecretStr(CANARY), 60)
        before = desk.deps.desk.state(MIGRATION).version
        password_given(desk.deps, MIGRATION, "U0MALLORY", reference)
        assert desk.deps.desk.state(MIGRATION).version == before
        with pytest.raises(Permanent, match="no longer kept"):
            secrets.resolve(reference)
