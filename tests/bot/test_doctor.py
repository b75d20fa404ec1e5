"""The doctor against a Slack, a Redis and a PostgreSQL: healthy, and ill in each way it must notice."""

import io
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from bot import doctor
from bot.config import load_config
from bot.doctor import Diagnosis, examine, show
from bot.outbox import Outbox
from bot.sandbox.servers import PostgresServer
from bot.sandbox.slack.server import SlackSandbox
from bot.settings import Settings
from bot.strangers import Register, strangers
from jobs.adapters.ledger_redis import RedisLedger
from tests.support.servers import FreshDatabase
from tests.support.tales import MIGRATION, Tale

ROOT = Path(__file__).parents[2]
CANARY = "Tr0ub4dor-Tr0ub4dor-Tr0ub4dor-Tr0ub4dor"


@pytest.fixture
def slack() -> Iterator[SlackSandbox]:
    with SlackSandbox() as sandbox:
        sandbox.load_manifest(yaml.safe_load((ROOT / "manifest.yaml").read_text()))
        yield sandbox


def config(tmp_path: Path, services: Mapping[str, str], *groups: str) -> Path:
    """A ferrybot.yaml with these services (name to secret reference), approved by these groups."""
    path = tmp_path / "ferrybot.yaml"
    entries = {
        name: {"engine": "postgresql", "environment": "staging", "secret": reference}
        for name, reference in services.items()
    }
    path.write_text(json.dumps({"services": entries, "environments": {"staging": {"approvers": list(groups)}}}))
    return path


def settings(slack: SlackSandbox, redis_url: str, path: Path, **changes: str | None) -> Settings:
    values = {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_API_URL": slack.api_url,
        "REDIS_URL": redis_url,
        "FERRYBOT_CONFIG": str(path),
        "FERRYBOT_SECRET_KEY": CANARY,
        "PUBLIC_URL": "https://ferry.example.com",
        **changes,
    }
    return Settings.model_validate({name: value for name, value in values.items() if value is not None})


def by_name(diagnoses: Any) -> dict[str, Diagnosis]:
    return {d.name: d for d in diagnoses}


def test_everything_in_order(
    slack: SlackSandbox,
    redis_url: str,
    fresh_db: FreshDatabase,
    pg16: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORDERS_URL", fresh_db(pg16).url)
    group = next(g for g in slack.workspace.groups.values() if not g.disabled)
    path = config(tmp_path, {"orders": "env:ORDERS_URL"}, group.id)
    found = examine(settings(slack, redis_url, path))
    named = by_name(found)
    bad = [d for d in found if d.verdict != "ok" and d.name != "Redis maxmemory-policy"]
    assert bad == []
    assert {
        "Slack bot token", "Slack scopes", "clock", "Socket Mode", "Redis", "Redis appendonly", "one-time page",
        "configuration", "user groups", "pg_dump", "restore points", "service orders",
    } <= set(named)  # fmt: skip
    assert "PostgreSQL" in named["service orders"].said


def test_services_that_cannot_be_reached(
    slack: SlackSandbox, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUSED_URL", f"postgresql://u:{CANARY}@127.0.0.1:1/d")
    monkeypatch.setenv("WRONG_URL", f"postgresql://u:{CANARY}@h:port/d")
    path = config(tmp_path, {"refused": "env:REFUSED_URL", "wrong": "env:WRONG_URL", "unset": "env:UNSET_URL"})
    found = examine(settings(slack, redis_url, path))
    named = by_name(found)
    for name in ("refused", "wrong", "unset"):
        assert named[f"service {name}"].verdict == "bad"
        assert named[f"service {name}"].remedy
    assert "UNSET_URL is not set" in named["service unset"].said
    assert CANARY not in repr(found)


def test_slack_refuses(slack: SlackSandbox, redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    found = by_name(examine(settings(slack, redis_url, path, SLACK_BOT_TOKEN="xoxb-wrong")))
    assert found["Slack bot token"].verdict == "bad"
    assert "invalid_auth" in found["Slack bot token"].said
    assert "SLACK_BOT_TOKEN" in found["Slack bot token"].remedy
    assert "cannot be read" in found["configuration"].said
    found = by_name(examine(settings(slack, redis_url, path, SLACK_APP_TOKEN="xapp-wrong")))
    assert found["Socket Mode"].verdict == "bad"
    found = by_name(examine(settings(slack, redis_url, path, SLACK_API_URL="http://127.0.0.1:1/api/")))
    assert "cannot be reached" in found["Slack bot token"].said


def test_missing_scopes(slack: SlackSandbox, redis_url: str, tmp_path: Path) -> None:
    slack.scopes -= {"users:read", "groups:history"}
    found = by_name(examine(settings(slack, redis_url, tmp_path / "none.yaml")))
    assert found["Slack scopes"].verdict == "bad"
    assert "users:read" in found["Slack scopes"].said
    assert found["Slack optional scopes"].verdict == "warn"
    assert "groups:history" in found["Slack optional scopes"].said


@pytest.mark.parametrize(("seconds", "said"), [(90, "90 s ahead of"), (-400, "400 s behind")])
def test_a_clock_that_is_wrong(slack: SlackSandbox, redis_url: str, tmp_path: Path, seconds: int, said: str) -> None:
    found = by_name(examine(settings(slack, redis_url, tmp_path / "none.yaml"), now=lambda: time.time() + seconds))
    assert found["clock"].verdict == "bad"
    # Slack tells whole seconds, so one or two may be missing.
    number = int(found["clock"].said.split()[0])
    assert abs(number - abs(seconds)) <= 3
    assert said.split(" s ")[1] in found["clock"].said


def test_a_group_that_is_not_there(slack: SlackSandbox, redis_url: str, tmp_path: Path) -> None:
    path = config(tmp_path, {"orders": "env:UNSET"}, "SNOWHERE")
    found = by_name(examine(settings(slack, redis_url, path)))
    assert found["user groups"].verdict == "bad"
    assert "SNOWHERE" in found["user groups"].said
    assert "environments.staging" in found["user groups"].remedy


def test_redis_that_forgets(slack: SlackSandbox, redis_url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(redis_url) as client:
        before = {n: client.config_get(n)[n] for n in ("appendonly", "maxmemory-policy")}
        client.config_set("appendonly", "no")
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            found = by_name(examine(settings(slack, redis_url, tmp_path / "none.yaml")))
        finally:
            for name, value in before.items():
                client.config_set(name, value)
    assert found["Redis appendonly"].verdict == "bad"
    assert found["Redis appendonly"].remedy == "redis-cli CONFIG SET appendonly yes && redis-cli CONFIG REWRITE"
    assert found["Redis maxmemory-policy"].verdict == "bad"


def test_redis_that_keeps_its_settings_to_itself(slack: SlackSandbox, redis_url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.acl_setuser("managed", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-config"])
        try:
            host = redis_url.split("@")[-1].removeprefix("redis://")
            found = by_name(examine(settings(slack, f"redis://managed:x@{host}", tmp_path / "none.yaml")))
        finally:
            client.acl_deluser("managed")
    assert found["Redis"].verdict == "ok"
    assert found["Redis appendonly"].verdict == "ok", "INFO says it all the same"
    assert found["Redis maxmemory-policy"].verdict == "ok"


def channel_config(tmp_path: Path, *channels: str) -> Path:
    path = tmp_path / "ferrybot.yaml"
    entry = {"engine": "postgresql", "environment": "staging", "secret": "env:UNSET", "channels": list(channels)}
    path.write_text(json.dumps({"services": {"orders": entry}}))
    return path


def test_channels_without_the_bot(slack: SlackSandbox, redis_url: str, tmp_path: Path) -> None:
    slack.rates.enabled = False
    here = slack.channel("C0MIGRATIONS")
    path = channel_config(tmp_path, here.id)
    assert by_name(examine(settings(slack, redis_url, path)))["channels"].verdict == "ok"
    here.members.remove(slack.workspace.bot_user_id)
    try:
        found = by_name(examine(settings(slack, redis_url, path)))["channels"]
        assert found.verdict == "bad"
        assert here.id in found.said and "services.orders.channels" in found.said
        assert found.remedy == "Invite the bot there: /invite @Ferrybot."
        slack.rates.enabled = True
        slack.rates.reset()
        two = channel_config(tmp_path, here.id, "C0ELSEWHERE")
        told = [d for d in examine(settings(slack, redis_url, two)) if d.name == "channels"]
        assert [d.verdict for d in told] == ["bad", "warn"], "one was asked about, for the other there was no turn"
        slack.rates.enabled = False
        slack.scopes -= {"channels:history", "groups:history"}
        blind = by_name(examine(settings(slack, redis_url, path)))["channels"]
        assert blind.verdict == "warn" and "unknown" in blind.said
    finally:
        here.members.add(slack.workspace.bot_user_id)


def test_a_thread_that_cannot_be_written(slack: SlackSandbox, redis_url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(redis_url) as client:
        RedisLedger(client).append(MIGRATION, 0, [r.event for r in Tale().requested().story])
        Outbox(client, MIGRATION).put(stuck="not_in_channel")
        found = by_name(examine(settings(slack, redis_url, tmp_path / "none.yaml")))["thread"]
    assert found.verdict == "bad" and "/invite" in found.remedy
    assert MIGRATION in found.said and "not_in_channel" in found.said


def test_two_installations_on_one_slack_app(slack: SlackSandbox, redis_url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(redis_url) as client:
        ours = Register(client)
        ours.hear(None, {"type": "hello", "num_connections": 1})
        assert "Slack app" not in by_name(examine(settings(slack, redis_url, tmp_path / "none.yaml")))
        ours.hear(None, {"type": "hello", "num_connections": 2})
        assert strangers(client) is None, "connecting anew, our old connection is still counted"
        Register(client).hear(None, {"type": "hello", "num_connections": 3})
    found = by_name(examine(settings(slack, redis_url, tmp_path / "none.yaml")))["Slack app"]
    assert found.verdict == "bad" and "3 connections, 2 of them ours" in found.said
    assert "of its own" in found.remedy


def test_the_ledgers_database(
    slack: SlackSandbox, redis_url: str, fresh_db: FreshDatabase, pg16: PostgresServer, tmp_path: Path
) -> None:
    path, database = tmp_path / "none.yaml", fresh_db(pg16)

    def ledger(url: str) -> Diagnosis:
        found = examine(settings(slack, redis_url, path, LEDGER_URL=url))
        assert CANARY not in repr(found)
        return by_name(found)["ledger"]

    assert "kept by Redis" in by_name(examine(settings(slack, redis_url, path)))["ledger"].said
    good = ledger(database.url)
    assert good.said.startswith("kept by PostgreSQL 16") and "fsync is off" in good.said
    away = ledger(f"postgresql://u:{CANARY}@127.0.0.1:1/d")
    assert away.verdict == "bad" and "LEDGER_URL" in away.remedy
    wrong = ledger(database.server.url("nowhere", password=CANARY))
    assert wrong.verdict == "bad" and "LEDGER_URL" in wrong.remedy
    with redis.Redis.from_url(redis_url) as client:
        RedisLedger(client).append(MIGRATION, 0, [r.event for r in Tale().requested().story])
    left = by_name(examine(settings(slack, redis_url, path, LEDGER_URL=database.url)))["ledger in Redis"]
    assert left.verdict == "bad" and left.said.startswith("1 migrations are open")


def test_redis_is_away_or_refuses(slack: SlackSandbox, redis_url: str, tmp_path: Path) -> None:
    found = examine(settings(slack, f"redis://:{CANARY}@127.0.0.1:1/0", tmp_path / "none.yaml"))
    assert "cannot be reached" in by_name(found)["Redis"].said
    assert CANARY not in repr(found)


@pytest.mark.parametrize("missing", ["FERRYBOT_SECRET_KEY", "PUBLIC_URL"])
def test_no_page_for_passwords(slack: SlackSandbox, redis_url: str, tmp_path: Path, missing: str) -> None:
    found = by_name(examine(settings(slack, redis_url, tmp_path / "none.yaml", **{missing: None})))
    assert found["one-time page"].verdict == "warn"
    assert missing in found["one-time page"].said


def test_http_mode(slack: SlackSandbox, redis_url: str, tmp_path: Path) -> None:
    http = {"SLACK_APP_TOKEN": None, "SLACK_SIGNING_SECRET": slack.signing_secret}
    found = by_name(examine(settings(slack, redis_url, tmp_path / "none.yaml", **http)))
    assert found["HTTP mode"].said == "Slack sends requests to https://ferry.example.com/slack/events"


def test_a_selfcheck_that_breaks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    loaded = load_config(config(tmp_path, {"orders": "env:UNSET"}))
    (found,) = doctor._services(loaded)
    assert (found.name, found.verdict) == ("services", "bad")


def test_the_report() -> None:
    out = io.StringIO()
    assert not show([Diagnosis("a", "ok", "fine"), Diagnosis("b", "bad", "ill", "mend it")], out)
    assert out.getvalue() == "✓ a: fine\n✗ b: ill\n    mend it\n\n1 to mend, 0 to know, 1 in order.\n"
    assert show([Diagnosis("c", "warn", "hm")], io.StringIO())
