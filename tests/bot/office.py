"""The bot's listeners on a real Redis and a strict Slack, without workers: stories are written by the tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.app import build_app, build_deps
from bot.deps import Deps
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.people import Person
from bot.sandbox.slack.server import SlackSandbox
from bot.sandbox.slack.views import View
from bot.settings import Settings
from jobs.core import events as e
from tests.bot.sandbox_support import close, connect
from tests.support.tales import CHANNEL

CONFIG = {
    "services": {
        "shop-old": {"engine": "postgresql", "environment": "staging", "secret": "env:SHOP_URL"},
        "shop-new": {"engine": "postgresql", "environment": "production", "secret": "env:SHOP_URL"},
    },
    "environments": {"production": {"approvals": 1, "approvers": ["S0DBA"]}},
}


@dataclass
class Office:
    """People at a Slack whose app is the real one."""

    slack: SlackSandbox
    deps: Deps

    def write(self, migration: str, events: Sequence[e.Event]) -> None:
        ledger = self.deps.desk.ledger
        ledger.append(migration, len(ledger.read(migration)), list(events))

    def person(self, name: str) -> Person:
        return self.slack.person(name)

    def command(self, name: str, text: str, channel: str = CHANNEL) -> None:
        assert self.person(name).command("/migrate", text, channel).acked

    def modal(self, name: str, words: str) -> View:
        """The person's modal, once it says so."""

        def found(_: SlackSandbox) -> View | None:
            modal = self.person(name).modal()
            return modal if modal is not None and words in modal.plain else None

        return self.slack.wait_for(found, 20, f"a modal that says {words!r}")

    def answer(self, name: str, words: str) -> Message:
        """What only this person sees, once it says so: in the channel or as a direct message."""

        def found(_: SlackSandbox) -> Message | None:
            person = self.person(name)
            seen = [*person.ephemerals(), *person.direct_messages()]
            return next((m for m in reversed(seen) if words in m.plain), None)

        return self.slack.wait_for(found, 20, f"an answer that says {words!r}")


@contextmanager
def office(redis_url: str, folder: Path) -> Iterator[Office]:
    """The app connected in Socket Mode."""
    config = folder / "ferrybot.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    with SlackSandbox() as sandbox:
        sandbox.rates.enabled = False
        settings = Settings.model_validate(
            {
                "SLACK_BOT_TOKEN": sandbox.bot_token,
                "SLACK_APP_TOKEN": sandbox.app_token,
                "SLACK_API_URL": sandbox.api_url,
                "REDIS_URL": redis_url,
                "FERRYBOT_CONFIG": str(config),
            }
        )
        deps = build_deps(settings)
        handler = connect(sandbox, build_app(settings, deps))
        try:
            yield Office(sandbox, deps)
        finally:
            close(handler)
            deps.redis.close()
