"""Requests that Slack did not sign, or signed long ago."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from slack_sdk.signature import SignatureVerifier
from starlette.testclient import TestClient

from bot.app import Web
from bot.sandbox.slack.server import SlackSandbox
from bot.settings import Settings
from jobs.settings import SettingsError, load
from tests.bot.office import CONFIG
from tests.support.tales import ALICE, CHANNEL, MIGRATION, Tale


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
        headers(body, at=time.time() + 330),  # it comes nearer while the test runs
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
