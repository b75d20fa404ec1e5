"""Clicks that a killed `web` took with it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from bot import once, recall
from bot.app import build_app
from bot.once import UNDONE, Click, Clicks
from bot.refs import Ref
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.server import SlackSandbox
from bot.sandbox.stage import Stage
from jobs.adapters.ledger_redis import RedisLedger
from jobs.core.state import Status
from jobs.desk import Desk
from tests.bot.office import CONFIG, Office, office
from tests.bot.sandbox_support import client_of
from tests.support.small_stage import small_stage, web
from tests.support.tales import CHANNEL, MIGRATION, Tale
from tests.support.waiting import until

BOB = "U0BOB"
SERVICES: Any = CONFIG["services"]


@pytest.fixture
def bureau(redis_url: str, tmp_path: Path) -> Iterator[Office]:
    with office(redis_url, tmp_path) as made:
        yield made


def asked(slack: SlackSandbox, redis: Redis) -> Message:
    """A request in the ledger, and its button in the channel."""
    tale = Tale().requested()
    RedisLedger(redis).append(MIGRATION, 0, [r.event for r in tale.story])
    value = Ref(m=MIGRATION, d=tale.state.digest).pack()
    button = {"type": "button", "action_id": "approve", "value": value, "text": {"type": "plain_text", "text": "A"}}
    blocks: list[Any] = [{"type": "actions", "elements": [button]}]
    posted = client_of(slack).chat_postMessage(channel=CHANNEL, text="asked", blocks=blocks)
    return next(m for m in slack.channel(CHANNEL).messages if m.ts == posted["ts"])


def status(redis: Redis) -> Status:
    return Desk(RedisLedger(redis), None).state(MIGRATION).status  # type: ignore[arg-type]  # rings nobody


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Slack, Redis and `web`."""
    with small_stage(SERVICES) as made:
        yield made


def test_a_click_whose_process_is_killed_is_carried_out_by_the_next(stage: Stage) -> None:
    process = web(stage)
    with closing(Redis.from_url(stage.redis.url())) as redis:
        message = asked(stage.slack, redis)
        stage.slack.faults.before_answer("users.info", lambda _: process.kill())
        stage.slack.person(BOB).click(message, "approve")
        assert process.popen.wait(60) < 0
        assert status(redis) is Status.awaiting_approval and redis.hlen(UNDONE) == 1
        (click,) = Clicks(redis, SecretStr(stage.slack.bot_token)).undone()
        assert "response_url" not in click.body and "token" not in click.body and b"approve" not in click.kept
        # As time would: the dead process is not heard any more.
        for key in redis.scan_iter("ferrybot:web:*"):
            redis.delete(key)
        web(stage)
        until(lambda: status(redis) is not Status.awaiting_approval or None, "the approval")
        until(lambda: None if redis.hlen(UNDONE) else True, "nothing is left to do")
        assert stage.slack.person(BOB).ephemerals(CHANNEL) == []


def test_a_click_over_which_two_processes_died_is_told(bureau: Office) -> None:
    message = asked(bureau.slack, bureau.deps.redis)
    redis = bureau.deps.redis
    leave_undone(bureau, message)
    clicks = clicks_of(bureau)
    app = build_app(bureau.deps.settings, bureau.deps, clicks)
    bureau.slack.faults.drop("chat.postEphemeral", times=2)  # slack_sdk tries twice
    recall.once(app, clicks)
    assert len(list(clicks.orphans())) == 1, "Slack was away: it is told at the next look"
    recall.once(app, clicks)
    assert "ended before it carried out" in bureau.answer("U0BOB", "please look").plain
    assert redis.hlen(UNDONE) == 0 and list(clicks.orphans()) == []


def clicks_of(bureau: Office) -> Clicks:
    """Those of one more process."""
    return Clicks(bureau.deps.redis, bureau.deps.settings.bot_token)


def leave_undone(bureau: Office, message: Message) -> None:
    """The note of a process that died over a click which it had taken over from one that had died over it."""
    first, second = clicks_of(bureau), clicks_of(bureau)
    kept: list[Click] = []
    bureau.slack.faults.before_answer("users.info", lambda _: kept.extend(first.undone()))
    bureau.person(BOB).click(message, "approve")
    until(lambda: kept or None, "the click is noted")
    until(lambda: None if bureau.deps.redis.hlen(UNDONE) else True, "the click is carried out")
    assert first.take(f"{kept[0].key} again", kept[0].body)
    (click,) = second.orphans()
    assert second.take_over(click)


def test_a_note_that_nobody_of_ours_wrote_presses_nothing(bureau: Office) -> None:
    redis = bureau.deps.redis
    message = asked(bureau.slack, redis)
    clicks = clicks_of(bureau)
    assert clicks.take("mine", {"type": "block_actions"})
    (click,) = clicks.undone()
    other = Clicks(redis, SecretStr("xoxb-somebody-elses"))
    assert message and other.take("theirs", {"user": {"id": BOB}})
    redis.hset(UNDONE, "moved", click.kept)
    redis.hset(UNDONE, "plain", json.dumps({"web": "", "at": time.time(), "tries": 0, "body": {"user": {"id": BOB}}}))
    redis.hset(UNDONE, "short", b"x")
    assert [one.key for one in clicks.undone()] == ["mine"] and redis.hkeys(UNDONE) == [b"mine"]


def test_of_several_only_one_takes_a_click_over(bureau: Office) -> None:
    redis = bureau.deps.redis
    one, other, dead = clicks_of(bureau), clicks_of(bureau), clicks_of(bureau)
    assert dead.take("k", {"type": "block_actions", "token": "x"}) and not one.take("k", {})
    dead.beat()
    assert list(one.orphans()) == [], "it lives"
    dead.end()
    (click,) = one.orphans()
    assert (click.tries, click.web, dict(click.body)) == (0, dead.id, {"type": "block_actions"})
    assert one.take_over(click) and not other.take_over(click)
    one.beat()
    assert list(other.orphans()) == [], "it lives with one who lives"
    one.done("k")
    assert redis.hlen(once.UNDONE) == 0


def test_a_note_of_its_own_that_nobody_works_at_is_forgotten(bureau: Office) -> None:
    """As when Redis was away at the moment in which the deed was done."""
    redis = bureau.deps.redis
    clicks = clicks_of(bureau)
    clicks.take("done", {})
    clicks.take("at work", {})
    kept = redis.hget(UNDONE, "done")
    assert kept is not None
    clicks.done("done")
    redis.hset(UNDONE, "done", kept)
    clicks.beat()
    assert redis.hkeys(UNDONE) == [b"at work"]
