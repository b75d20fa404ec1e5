"""Fixtures of several test files of the bot: a strict Slack, a courier's world, and an office that is threatened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from bot.sandbox.slack.server import SlackSandbox
from bot.sandbox.stage import MANIFEST
from tests.bot.office import CONFIG, Office, office
from tests.bot.post import Post


@pytest.fixture
def slack() -> Iterator[SlackSandbox]:
    with SlackSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def post(redis_url: str, slack: SlackSandbox) -> Iterator[Post]:
    with Redis.from_url(redis_url) as redis:
        yield Post(redis, slack)


@pytest.fixture
def desk(redis_url: str, tmp_path: Path) -> Iterator[Office]:
    """An office where production needs two approvals."""
    document: dict[str, Any] = {**CONFIG, "environments": {"production": {"approvals": 2, "approvers": ["S0DBA"]}}}
    with office(redis_url, tmp_path) as made:
        made.slack.load_manifest(yaml.safe_load(MANIFEST.read_text()))
        made.deps.config_file.path.write_text(yaml.safe_dump(document))
        yield made
