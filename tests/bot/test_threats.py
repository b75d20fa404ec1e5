"""Every threat that this bot must stand, each with its test: here, or where this table points.

Forged requests: `test_only_slack_signs`; `test_sandbox_story.py::test_http_mode_proves_its_url_and_is_signed`.
Replayed requests: `test_only_slack_signs` (older than five minutes), `test_a_request_played_again_changes_nothing`.
No signing secret in HTTP mode: `test_without_a_secret_it_does_not_start`.
Tampered values and private_metadata: `test_a_tampered_button_reaches_nothing`,
    `test_a_tampered_sheet_reaches_nothing`, `test_a_digest_of_another_plan_starts_nothing`.
Somebody else's modal: `test_somebody_elses_form_stays_as_it_was`;
    `story/test_bad_input.py::test_somebody_elses_modal`.
A stolen one-time link: `test_a_link_of_one_person_does_not_serve_another`; `test_pages.py` (once; used and
    unknown links look the same); `unit/test_secrets.py::test_of_many_takers_one_wins`.
mrkdwn from table names and error texts: `test_ui_limits.py` (every view); `test_sandbox_page.py` (never HTML).
SSRF through a typed host: `unit/test_config.py::test_hosts`;
    `story/test_bad_input.py::test_an_unknown_host_and_a_forbidden_one`.
A name that is pointed elsewhere later: `test_a_name_that_moved_inside_is_not_connected_to`,
    `test_what_was_judged_is_what_is_connected_to`, `test_a_pinned_address_is_used_and_dns_is_not`.
Huge inputs: `test_ten_thousand_letters_after_the_command`; `test_ui_limits.py`; `test_pages.py` (bodies).
Secrets in error texts of drivers: `test_no_driver_tells_a_password`; `unit/test_logs.py`.
A forged click in Redis: `test_recall.py::test_a_note_that_nobody_of_ours_wrote_presses_nothing`.
Pickle in Redis: `test_a_pickle_in_a_queue_is_not_opened`; `contract/test_queue.py::test_no_pickle_anywhere`.
An approver removed between click and start: `test_who_was_removed_has_not_approved` and the two after it.
A user group that changed: `test_a_changed_group_takes_back_what_its_members_gave`.
A revoked token, a removed app: `test_a_removed_app_is_told_of_and_the_thread_goes_on_later`.
"""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import psycopg
import pymysql
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from slack_sdk.signature import SignatureVerifier
from starlette.testclient import TestClient

from bot import severed
from bot.app import Web
from bot.doctor_house import house
from bot.listeners.validation import password_given
from bot.refs import ref, sheet
from bot.sandbox.slack.server import SlackSandbox
from bot.sandbox.stage import MANIFEST
from bot.settings import Settings
from bot.ui import logs
from bot.ui.findings import TYPED, Form
from jobs.adapters import keys, resolve
from jobs.adapters.queue_rq import MIGRATIONS, RqDoorbell
from jobs.adapters.secrets import SecretStore, endpoint_of
from jobs.core.commands import Request
from jobs.core.errors import Permanent, Transient
from jobs.core.lifecycle import Ring
from jobs.core.model import Dialect, Endpoint, Person, TlsMode, TypedSource
from jobs.core.policy import Policy
from jobs.core.state import State, Status
from jobs.engines.mysql import connect as mysql
from jobs.engines.postgres import connect as postgres
from jobs.engines.postgres.tools import environment_of
from jobs.settings import SettingsError, load
from tests.bot.office import CONFIG, Office, office
from tests.bot.test_courier import Post
from tests.support.tales import ALICE, BOB, CAROL, CHANNEL, MIGRATION, Tale, plan

CANARY = "c4n&ry/p@ss%w\"o'rd"
TWO = Policy(approvals=2, approvers=("S0DBA",))


@pytest.fixture
def desk(redis_url: str, tmp_path: Path) -> Iterator[Office]:
    document: dict[str, Any] = {**CONFIG, "environments": {"production": {"approvals": 2, "approvers": ["S0DBA"]}}}
    with office(redis_url, tmp_path) as made:
        made.slack.load_manifest(yaml.safe_load(MANIFEST.read_text()))
        made.deps.config_file.path.write_text(yaml.safe_dump(document))
        yield made


# --- requests that are not Slack's ----------------------------------------------------------------------


@pytest.fixture
def web(redis_url: str, tmp_path: Path) -> Iterator[tuple[Web, TestClient]]:
    config = tmp_path / "ferrybot.yaml"
    config.write_text(json.dumps(CONFIG))
    with SlackSandbox() as sandbox:
        made = Web(
            Settings.model_validate(
                {
                    "SLACK_BOT_TOKEN": sandbox.bot_token,
                    "SLACK_SIGNING_SECRET": "s3cret",
                    "SLACK_API_URL": sandbox.api_url,
                    "REDIS_URL": redis_url,
                    "FERRYBOT_CONFIG": str(config),
                }
            )
        )
        yield made, TestClient(cast(Any, made.server.config.app))
        made.deps.redis.close()


def click(action: str, value: str, *, user: str = ALICE.id) -> str:
    payload = {
        "type": "block_actions",
        "user": {"id": user, "name": "x"},
        "team": {"id": "T0SANDBOX"},
        "channel": {"id": CHANNEL},
        "trigger_id": "1.2.3",
        "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "1.0"}],
    }
    return urlencode({"payload": json.dumps(payload)})


def headers(body: str, *, secret: str = "s3cret", at: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    signed = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    assert signed is not None
    kind = "application/x-www-form-urlencoded"
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signed, "Content-Type": kind}


def running(web: Web) -> None:
    events = [recorded.event for recorded in Tale().running().story]
    web.deps.desk.ledger.append(MIGRATION, 0, events)


def finish(web: Web) -> None:
    """Every listener that was begun has ended."""
    web._finish()


def test_only_slack_signs(web: tuple[Web, TestClient]) -> None:
    made, browser = web
    running(made)
    body = click("pause", json.dumps({"m": MIGRATION, "r": 1}))
    other = click("cancel", json.dumps({"m": MIGRATION, "r": 1}))
    for wrong in (
        {"Content-Type": "application/x-www-form-urlencoded"},
        headers(body, secret="another"),
        headers(other),
        headers(body, at=time.time() - 301),
        headers(body, at=time.time() + 301),
        headers(body) | {"X-Slack-Request-Timestamp": str(int(time.time()) - 1)},
    ):
        assert browser.post("/slack/events", content=body, headers=wrong).status_code == 401
    assert browser.post("/slack/events", content=body, headers=headers(body)).status_code == 200
    finish(made)
    story = made.deps.desk.story(MIGRATION)[1]
    assert [r.event.type for r in story].count("pause_asked") == 1


def test_a_request_played_again_changes_nothing(web: tuple[Web, TestClient]) -> None:
    """Within the five minutes a recorded request verifies; what it asks for was done and is not done again."""
    made, browser = web
    made.deps.desk.ledger.append(MIGRATION, 0, [r.event for r in Tale().requested().story])
    body = click("cancel", json.dumps({"m": MIGRATION}))
    signed = headers(body)
    for _ in range(3):
        assert browser.post("/slack/events", content=body, headers=signed).status_code == 200
    finish(made)
    story = made.deps.desk.story(MIGRATION)[1]
    assert [r.event.type for r in story].count("cancelled") == 1


def test_without_a_secret_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.delenv("SLACK_APP_TOKEN", raising=False)
    for blank in ("", "  "):
        monkeypatch.setenv("SLACK_SIGNING_SECRET", blank)
        with pytest.raises(SettingsError, match="SLACK"):
            load(Settings)


# --- values that are not ours ---------------------------------------------------------------------------

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
    blocks = [{"type": "actions", "elements": [_button("pause", value or "x")]}]
    sent = desk.deps.people.client.chat_postMessage(channel=CHANNEL, text="x", blocks=blocks)
    message = desk.slack.channel(CHANNEL).find(sent["ts"])
    assert message is not None
    desk.person(ALICE.id).click(message, "pause")
    desk.answer(ALICE.id, "not one of mine")
    assert desk.deps.desk.story(MIGRATION)[1] == before


def _button(action: str, value: str) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": action,
        "value": value,
        "text": {"type": "plain_text", "text": "Go"},
    }


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


# --- names that lead elsewhere --------------------------------------------------------------------------

TYPED_SOURCE = TypedSource(
    host="db.example.com", port=5432, database="d", user="u", allowed_hosts=("*.example.com", "10.1.0.0/16")
)


def leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 5432)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize("inside", ["169.254.169.254", "127.0.0.1", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_a_name_that_moved_inside_is_not_connected_to(monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    """It was harmless when the form was accepted; the worker asks DNS again and judges again, each address."""
    leads_to(monkeypatch, "203.0.113.7", inside)
    with pytest.raises(Permanent) as caught:
        endpoint_of(TYPED_SOURCE, SecretStore(Redis(port=1)))
    assert "db.example.com" in caught.value.what and caught.value.object == "host"


def test_a_name_that_is_gone_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch)
    with pytest.raises(Transient, match="unknown here"):
        resolve.pinned(TYPED_SOURCE)


def test_a_source_typed_before_lists_were_kept_goes_on() -> None:
    assert resolve.pinned(TYPED_SOURCE.model_copy(update={"allowed_hosts": None})) == ()


def test_what_was_judged_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name stays for TLS to verify; the addresses are those that were judged, in connections and in tools."""
    leads_to(monkeypatch, "203.0.113.7", "203.0.113.8")
    endpoint = endpoint_of(TYPED_SOURCE, SecretStore(Redis(port=1)))
    asked = postgres.connection_parameters(endpoint)
    assert (asked["hostaddr"], asked["host"]) == ("203.0.113.7,203.0.113.8", "db.example.com,db.example.com")
    environment = environment_of(endpoint)
    assert (environment["PGHOSTADDR"], environment["PGHOST"]) == (asked["hostaddr"], asked["host"])


def test_a_pinned_address_is_used_and_dns_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both drivers knock at the pinned address under a name that no name server knows."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(10)
        port = door.getsockname()[1]
        for connect, dialect in ((postgres.connect, Dialect.postgresql), (mysql.connect, Dialect.mysql)):
            address = Endpoint("x", dialect, "db.invalid", port, "d", "u", SecretStr(CANARY), TlsMode.prefer)
            endpoint = dataclasses.replace(address, addresses=("127.0.0.1",))
            knocked: list[bool] = []

            def answer(knocked: list[bool] = knocked) -> None:
                line, _ = door.accept()
                knocked.append(True)
                line.close()

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises((Transient, Permanent)) as caught:
                connect(endpoint, purpose="test")
            thread.join(10)
            assert knocked == [True] and CANARY not in str(caught.value)


# --- too much, and too loud -----------------------------------------------------------------------------


def test_ten_thousand_letters_after_the_command(desk: Office) -> None:
    """A refusal or an error at the field; never a defect, never an answer that Slack refuses."""
    desk.write(MIGRATION, [r.event for r in Tale().checked(plan()).story])
    for words in ("x" * 10_000, "<!channel> *_~`" * 700, "history " + "y:" * 5000, "logs " + "z" * 9000):
        desk.command("alice", words)
    desk.answer("alice", "help")
    assert [str(p) for p in desk.slack.problems] == []


@pytest.mark.parametrize("dialect", [Dialect.postgresql, Dialect.mysql])
def test_no_driver_tells_a_password(dialect: Dialect) -> None:
    endpoint = Endpoint("x", dialect, "h", 1, "d", "u", SecretStr(CANARY), TlsMode.prefer)
    said = f'connection to "postgresql://u:{CANARY}@h/d" failed: FATAL: no {CANARY} here'
    errors = (
        [postgres.explain_connect(endpoint, psycopg.OperationalError(said))]
        if dialect is Dialect.postgresql
        else [mysql.explain_connect(endpoint, pymysql.OperationalError(1045, said))]
    )
    for error in errors:
        assert CANARY not in f"{error} {error.what} {error.meaning} {error.remedy} {error.problem()!r}"
    assert CANARY not in repr(endpoint)


class Bomb:
    """What a pickle runs when it is opened."""

    def __reduce__(self) -> tuple[Any, tuple[Path, str]]:
        return (Path.write_text, (Path("/nonexistent/ferrybot-bomb"), "boom"))


def test_a_pickle_in_a_queue_is_not_opened(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who can write to Redis can ask for our own doors, no more: a pickled job is not understood, and not run."""
    opened: list[bool] = []
    monkeypatch.setattr(pickle, "loads", lambda *_: opened.append(True))
    monkeypatch.setattr(pickle, "load", lambda *_: opened.append(True))
    bomb = io.BytesIO()
    pickle.dump(Bomb(), bomb)
    with Redis.from_url(redis_url) as redis:
        bell = RqDoorbell(redis)
        ring = Ring(kind="migrate", migration=MIGRATION, token="r1")
        bell.ring(ring)
        redis.hset(f"rq:job:{ring.job_id}", "data", zlib.compress(bomb.getvalue()))
        queue = Queue(MIGRATIONS, connection=redis, serializer=JSONSerializer)
        worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
        worker.work(burst=True, logging_level="CRITICAL")
        assert queue.count == 0, "it was taken"
    assert opened == []


# --- who may no longer ----------------------------------------------------------------------------------


def asked(policy: Policy = TWO) -> Tale:
    tale = Tale().checked(plan(), policy=policy)
    tale.obey(Request(by=ALICE, digest=tale.state.digest, pinned=(BOB.id, CAROL.id), policy=policy))
    return tale


def press(desk: Office, person: str, action: str, *, digest: str = "") -> None:
    """A button as the card has it."""
    state = desk.deps.desk.state(MIGRATION)
    value = json.dumps({"m": MIGRATION, "d": digest or state.digest, "r": state.run})
    blocks = [{"type": "actions", "elements": [_button(action, value)]}]
    sent = desk.deps.people.client.chat_postMessage(channel=CHANNEL, text="card", blocks=blocks)
    message = desk.slack.channel(CHANNEL).find(sent["ts"])
    assert message is not None
    assert desk.person(person).click(message, action).acked


def until(desk: Office, predicate: Callable[[State], bool], what: str) -> State:
    """The state as soon as it is so, woken by each new event of the story."""
    deadline = time.monotonic() + 20
    while not predicate(state := desk.deps.desk.state(MIGRATION)):
        assert time.monotonic() < deadline, f"{what}: still {state.status}, {state.approvals}"
        desk.deps.redis.xread({keys.story(MIGRATION): f"{state.version}-0"}, block=300)
    return state


def by(*people: Person) -> Callable[[State], bool]:
    """Exactly these have approved."""
    return lambda state: [a.by.id for a in state.approvals] == [person.id for person in people]


def eventually(look: Callable[[], object], what: str) -> None:
    """For what wakes nobody: asked again and again."""
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def remove(desk: Office, person: str) -> None:
    desk.slack.workspace.groups["S0DBA"].users.remove(person)


def test_who_was_removed_has_not_approved(desk: Office) -> None:
    """Bob approves and leaves the group; with Carol's approval there is one, and nothing starts."""
    desk.write(MIGRATION, [r.event for r in asked().story])
    press(desk, BOB.id, "approve")
    until(desk, by(BOB), "Bob's approval")
    remove(desk, BOB.id)
    press(desk, CAROL.id, "approve")
    state = until(desk, by(CAROL), "Carol's approval alone")
    assert state.status is Status.awaiting_approval and state.run == 0
    (struck,) = [r.event for r in desk.deps.desk.story(MIGRATION)[1] if r.event.type == "revoked"]
    assert struck.lapsed and "may not approve any more" in logs.line(struck, state)


def test_nothing_starts_while_slack_cannot_say_who_approved(desk: Office) -> None:
    desk.write(MIGRATION, [r.event for r in asked().story])
    press(desk, BOB.id, "approve")
    until(desk, by(BOB), "Bob's approval")
    desk.slack.faults.refuse("usergroups.users.list", "fatal_error")
    press(desk, CAROL.id, "approve")
    desk.answer(CAROL.id, "could not be asked")
    assert desk.deps.desk.state(MIGRATION).status is Status.awaiting_approval


def test_a_changed_group_takes_back_what_its_members_gave(desk: Office) -> None:
    """Also after the last approval, while the run waits for a worker: it is called off, and the thread says why."""
    desk.write(MIGRATION, [r.event for r in asked().story])
    press(desk, BOB.id, "approve")
    until(desk, by(BOB), "Bob's approval")
    press(desk, CAROL.id, "approve")
    until(desk, lambda state: state.run == 1, "the run is queued")
    remove(desk, BOB.id)
    desk.slack.send_event({"type": "subteam_members_changed", "subteam_id": "S0DBA", "team_id": "T0SANDBOX"})
    state = until(desk, by(CAROL), "Bob's approval is struck")
    assert state.status is Status.awaiting_approval


def test_a_changed_group_is_asked_for_anew(desk: Office) -> None:
    assert BOB.id in (desk.deps.people.groups({"S0DBA"}) or {})["S0DBA"]
    remove(desk, BOB.id)
    assert BOB.id in (desk.deps.people.groups({"S0DBA"}) or {})["S0DBA"], "believed for a minute"
    desk.slack.send_event({"type": "subteam_updated", "subteam": {"id": "S0DBA"}})

    groups = desk.deps.people.groups
    eventually(lambda: BOB.id not in (groups({"S0DBA"}) or {})["S0DBA"], "the group as it is now")


# --- Slack is gone --------------------------------------------------------------------------------------


def test_a_removed_app_is_told_of_and_the_thread_goes_on_later(desk: Office, redis_url: str) -> None:
    """The story is told from where it stood, each line once, when the token works again."""
    with Redis.from_url(redis_url) as redis:
        post = Post(redis, desk.slack)
        whole = Tale().done()
        post.write(*[r.event for r in whole.story[:-2]])
        post.deliver()
        told = len(post.replies())
        desk.slack.uninstall()
        eventually(lambda: severed.severed(redis), "the farewell")
        post.write_tale(whole)
        post.deliver()
        assert post.state.status is Status.done, "the migration went on"
        said = [d for d in house(desk.deps.settings, redis) if d.name == "Slack"]
        assert [d.verdict for d in said] == ["bad"]
        assert severed.said(redis).startswith("away: ")
        desk.slack._tokens.revoked = False
        post.deliver()
        assert len(post.replies()) > told and post.thread() == post.expected()
        assert severed.said(redis) == "ok"
