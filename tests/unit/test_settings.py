"""The environment: modes, defaults, and errors that say everything and reveal nothing."""

import os
import traceback
from collections.abc import Mapping

import pytest

from bot.settings import Settings, load_settings
from jobs.settings import SettingsError, is_loopback, load_job_settings

CANARY = "canary-4711-canary-4711-canary-4711"
BASE = {
    "REDIS_URL": f"rediss://:{CANARY}@redis.example.com:6380/0",
    "SLACK_BOT_TOKEN": f"xoxb-{CANARY}",
    "FERRYBOT_SECRET_KEY": CANARY,
}
SOCKET = BASE | {"SLACK_APP_TOKEN": f"xapp-{CANARY}"}
HTTP = BASE | {"SLACK_SIGNING_SECRET": CANARY}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SLACK_", "FERRYBOT_")) or name in (
            "REDIS_URL",
            "LEDGER_URL",
            "PUBLIC_URL",
            "HOST",
            "PORT",
        ):
            monkeypatch.delenv(name)


def settings(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def problems(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        settings(monkeypatch, environment)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert CANARY not in told
    return caught.value.problems


def test_socket_mode_when_there_is_an_app_token(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(monkeypatch, SOCKET | HTTP)
    assert found.mode == "socket"
    assert found.slack_api_url == "https://slack.com/api/"
    assert (found.host, found.port, found.workers, found.log_format) == ("127.0.0.1", 3000, 2, "json")


def test_http_mode_with_a_signing_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, HTTP).mode == "http"


@pytest.mark.parametrize("secret", [None, ""])
def test_neither_mode_is_an_error(monkeypatch: pytest.MonkeyPatch, secret: str | None) -> None:
    found = problems(monkeypatch, BASE | ({} if secret is None else {"SLACK_SIGNING_SECRET": secret}))
    assert len(found) == 1
    assert "SLACK_APP_TOKEN" in found[0]
    assert "SLACK_SIGNING_SECRET" in found[0]


def test_blank_signing_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch, BASE | {"SLACK_SIGNING_SECRET": "  "})[0].startswith(
        "SLACK_SIGNING_SECRET: is blank"
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REDIS_URL", f"http://{CANARY}", "is not a redis://"),
        ("REDIS_URL", f"rediss://:{CANARY}@h/0?ssl_ca={CANARY}", "a parameter after the ?"),
        ("REDIS_URL", f"redis://:{CANARY}@h:{CANARY}/0", "holds a port"),
        ("REDIS_URL", f"rediss://:{CANARY}@h/0?ssl_ca_certs=/nowhere", "cannot be read here: ssl_ca_certs"),
        ("LEDGER_URL", f"mysql://u:{CANARY}@h/d", "is not a postgresql:// address"),
        ("LEDGER_URL", f"postgresql://u:{CANARY}@h:port/d", "the port is not a number"),
        ("LEDGER_URL", f"postgresql://u:{CANARY}@h", "it names no database"),
        ("FERRYBOT_HEALTH_PORT", "0", "greater than or equal to 1"),
        ("FERRYBOT_SECRET_KEY", CANARY[:20], "is shorter than 32"),
        ("FERRYBOT_WORKERS", "0", "greater than or equal to 1"),
        ("FERRYBOT_LOG_LEVEL", "LOUD", "it should be 'DEBUG'"),
        ("FERRYBOT_PG_BIN", "/nowhere", "names a folder that is not here"),
        ("FERRYBOT_MYSQL_BIN", "/nowhere", "names a folder that is not here"),
        ("FERRYBOT_RESTORE_POINTS", "here", "is not an absolute path"),
        ("SLACK_BOT_TOKEN", f"xoxp-{CANARY}", "does not begin with xoxb-"),
        ("SLACK_APP_TOKEN", CANARY, "does not begin with xapp-"),
        ("SLACK_API_URL", "http://slack.example.com/api", "plain HTTP"),
        ("PUBLIC_URL", f"https://u:{CANARY}@ferry.example.com", "may hold only"),
        ("PUBLIC_URL", "http://ferry.example.com", "plain HTTP"),
        ("PORT", CANARY, "valid integer"),
    ],
)
def test_each_mistake_is_named_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    found = problems(monkeypatch, SOCKET | {name: value})
    assert len(found) == 1
    assert found[0].startswith(f"{name}: ")
    assert said in found[0]
    assert "Set it" in found[0] or "Leave it" in found[0]


def test_everything_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = problems(monkeypatch, {"SLACK_APP_TOKEN": f"xapp-{CANARY}", "PORT": "none"})
    assert [line.split(":")[0] for line in found] == ["REDIS_URL", "SLACK_BOT_TOKEN", "PORT"]
    assert "is not set" in found[0]


def test_workers_need_no_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", BASE["REDIS_URL"])
    assert load_job_settings().secret_key is None


def test_no_value_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(monkeypatch, SOCKET | HTTP)
    for shown in (repr(found), str(found), str(found.model_dump()), found.model_dump_json()):
        assert CANARY not in shown


def test_addresses_are_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(
        monkeypatch,
        SOCKET | {"SLACK_API_URL": "http://127.0.0.1:9/api", "PUBLIC_URL": "https://f.example.com/x/"},
    )
    assert found.slack_api_url == "http://127.0.0.1:9/api/"
    assert found.public_url == "https://f.example.com/x"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.2", True), ("::1", True), ("LOCALHOST", True), ("localhost.evil.com", False), ("10.0.0.1", False)],
)
def test_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
