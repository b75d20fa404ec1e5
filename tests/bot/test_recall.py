"""Clicks that a killed `web` took with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from bot import once, recall
from bot.app import build_app
from bot.once import UNDONE, Click, Clicks
from bot.refs import Ref
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.server import SlackSandbox
from bot.sandbox.stage import MANIFEST, Process, Stage
from jobs.adapters.ledger_redis import RedisLedger
from jobs.core.state import Status
from jobs.desk import Desk
from tests.bot.office import CONFIG, Office, office
from tests.bot.sandbox_support import client_of
from tests.bot.test_processes import until
from tests.support.tales import CHANNEL, MIGRATION, Tale

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
    made = Stage(SERVICES, {})
    try:
        made.write_config()
        made.slack.start()
        made.slack.load_manifest(yaml.safe_load(MANIFEST.read_text()))
        made.redis.start()
        yield made
    finally:
        made.__exit__()


def web(stage: Stage) -> Process:
    started = stage.start("web")
    stage.wait_ready()
    return started


def test_a_click_whose_process_is_killed_is_carried_out_by_the_next(stage: Stage) -> None:
    process = web(stage)
    with closing(Redis.from_url(stage.redis.url())) as redis:
        message = asked(stage.slack, redis)
        stage.slack.faults.before_answer("users.info", lambda _: process.kill())
        stage.slack.person(BOB).click(message, "approve")
        assert process.popen.wait(60) < 0
        assert status(redis) is Status.awaiting_approval and redis.hlen(UNDONE) == 1
        kept = str(redis.hgetall(UNDONE))
        assert "response_url" not in kept and '"token"' not in kept
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
    leave_undone(bureau, message, tries=1)
    clicks = Clicks(redis)
    app = build_app(bureau.deps.settings, bureau.deps, clicks)
    bureau.slack.faults.drop("chat.postEphemeral", times=2)  # slack_sdk tries twice
    recall.once(app, clicks)
    assert len(list(clicks.orphans())) == 1, "Slack was away: it is told at the next look"
    recall.once(app, clicks)
    assert "ended before it carried out" in bureau.answer("U0BOB", "please look").plain
    assert redis.hlen(UNDONE) == 0 and list(clicks.orphans()) == []


def leave_undone(bureau: Office, message: Message, tries: int = 0) -> Click:
    """The note of a process that lives no more, as it was killed after it had taken the click."""
    redis = bureau.deps.redis
    kept: list[Any] = []
    bureau.slack.faults.before_answer("users.info", lambda _: kept.append(redis.hgetall(UNDONE)))
    bureau.person(BOB).click(message, "approve")
    until(lambda: kept or None, "the click is noted")
    ((key, text),) = kept[0].items()
    note = {**json.loads(text), "web": "dead", "tries": tries}
    until(lambda: None if redis.hlen(UNDONE) else True, "the click is carried out")
    redis.hset(UNDONE, key, json.dumps(note))
    (click,) = Clicks(redis).undone()
    return click


def test_of_several_only_one_takes_a_click_over(bureau: Office) -> None:
    redis = bureau.deps.redis
    one, other = Clicks(redis), Clicks(redis)
    dead = Clicks(redis)
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
    clicks = Clicks(redis)
    clicks.take("done", {})
    clicks.take("at work", {})
    kept = redis.hget(UNDONE, "done")
    assert kept is not None
    clicks.done("done")
    redis.hset(UNDONE, "done", kept)
    clicks.beat()
    assert redis.hkeys(UNDONE) == [b"at work"]
