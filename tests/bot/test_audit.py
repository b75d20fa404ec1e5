"""`ferrybot audit verify`: exit codes that a script can rely on, and the first bad line in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from bot.__main__ import main
from bot.audit import head_name
from bot.ui import logs
from jobs.adapters.ledger_redis import RedisLedger
from jobs.core.chain import Chain, chained
from tests.support.tales import MIGRATION, Tale


def run(*words: str, redis_url: str = "") -> Result:
    # Without an address nothing of the environment around the tests may be reached.
    return CliRunner(env={"REDIS_URL": redis_url or None}).invoke(main, ["audit", "verify", *words])


@pytest.fixture
def log(tmp_path: Path) -> tuple[Path, Chain]:
    tale = Tale().done()
    chain = chained(logs.full(tale.state, tale.story, None).splitlines())
    path = tmp_path / "full.log"
    path.write_text(chain.text)
    return path, chain


def test_whole_and_as_the_ledger_has_it(log: tuple[Path, Chain], redis_url: str) -> None:
    path, chain = log
    with Redis.from_url(redis_url) as redis:
        RedisLedger(redis).attach(MIGRATION, head_name(1, "done"), chain.head)
        result = run(str(path), redis_url=redis_url)
        assert (result.exit_code, result.output[:6]) == (0, "INTACT") and chain.head in result.output
        lines = path.read_text().split("\n")
        path.write_text(chained([line[65:].replace("30", "31") for line in lines[: chain.lines]]).text)
        result = run(str(path), redis_url=redis_url)
        assert result.exit_code == 1 and "the file was written anew" in result.output
        RedisLedger(redis).attach(MIGRATION, head_name(1, "done"), "")
        assert run(str(path), redis_url=redis_url).exit_code == 3


def test_a_bad_line_is_named(log: tuple[Path, Chain]) -> None:
    path, _ = log
    text = path.read_text()
    assert "alice" in text
    path.write_text(text.replace("alice", "mallory", 1))
    result = run(str(path))
    line = text[: text.index("alice")].count("\n") + 1
    assert result.exit_code == 1 and re.search(rf"CHANGED: line {line + 1}: .* line {line} as it is", result.output)


def test_without_a_ledger_it_says_that_nothing_was_compared(log: tuple[Path, Chain]) -> None:
    path, chain = log
    result = run(str(path))
    assert result.exit_code == 3 and "NOT COMPARED" in result.output and "REDIS_URL is not set" in result.output
    away = run(str(path), redis_url="redis://127.0.0.1:1/0")
    assert away.exit_code == 3 and "could not be reached" in away.output
    assert run(str(path), "--head", chain.head).exit_code == 0
    assert run(str(path), "--head", "ab" * 32).exit_code == 1


def test_a_file_that_is_none(tmp_path: Path) -> None:
    assert run(str(tmp_path / "nothing")).exit_code == 2
    other = tmp_path / "other.txt"
    other.write_text("hello\n")
    assert run(str(other)).exit_code == 1
    other.write_bytes(b"")
    assert run(str(other)).exit_code == 1
