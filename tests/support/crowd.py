"""Twenty people press two hundred buttons of fifty migrations at once, at two `web` processes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from slack_sdk.web import WebClient

from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.server import SlackSandbox
from bot.sandbox.slack.workspace import User, Workspace
from bot.sandbox.stage import Process, Stage, _free_port
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.evolve import evolve
from jobs.core.lifecycle import decide
from jobs.core.policy import Policy
from jobs.core.state import State
from jobs.desk import Desk
from tests.support.tales import ALICE, CHANNEL, Tale, plan

PEOPLE = tuple(f"U0CROWD{n:02}" for n in range(19))
MIGRATIONS = tuple(f"mcrowd{n:05}" for n in range(50))
PRESSES = 10
"""Of each of the twenty."""
BUTTONS = ("approve", "approve", "approve", "revoke", "cancel", "pause", "resume")
POLICY = Policy(approvals=2, approvers=("S0DBA",))


@dataclass
class Press:
    """One press: who, what, where, and how long Slack waited for its acknowledgement."""

    person: str
    migration: str
    button: str
    acked: bool
    seconds: float


@dataclass
class Crowd:
    """Two `web` processes, a Slack that delivers everything twice, and fifty cards."""

    stage: Stage
    redis: Redis
    cards: dict[str, Message] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)

    @property
    def slack(self) -> SlackSandbox:
        return self.stage.slack

    @property
    def desk(self) -> Desk:
        return Desk(RedisLedger(self.redis), RqDoorbell(self.redis))

    def press(self, seed: int = 1) -> list[Press]:
        """Everybody at once."""
        people = (ALICE.id, *PEOPLE)
        with ThreadPoolExecutor(len(people)) as pool:
            found = pool.map(lambda person: self._presses(person, random.Random(f"{seed}{person}")), people)
            return [press for presses in found for press in presses]

    def _presses(self, person: str, chance: random.Random) -> list[Press]:
        made = []
        for _ in range(PRESSES):
            migration, button = chance.choice(MIGRATIONS), chance.choice(BUTTONS)
            began = time.monotonic()
            result = self.slack.person(person).click(self.cards[migration], button)
            made.append(Press(person, migration, button, result.acked, time.monotonic() - began))
        return made

    def finish(self) -> str:
        """Ends both processes after every gesture that they have begun; what they printed."""
        for process in self.stage.processes.values():
            process.stop(60)
        return self.stage.output()


@contextmanager
def crowd() -> Iterator[Crowd]:
    """Drafts, requests, scheduled and running migrations, without a worker: nothing is moved."""
    workspace = Workspace.default()
    for number, person in enumerate(PEOPLE):
        workspace.add_user(User(person, f"crowd{number}", f"Crowd {number}"))
        workspace.groups["S0DBA"].users.append(person)
    for channel in workspace.channels.values():
        channel.members |= set(PEOPLE)
    stage = Stage(
        {"shop-new": {"engine": "postgresql", "environment": "production", "secret": "env:SHOP_URL"}},
        {"SHOP_URL": "postgresql://u@h/d"},
        environments={"production": {"approvals": 2, "approvers": ["S0DBA"]}},
        slack=SlackSandbox(workspace),
        log_level="WARNING",
    )
    try:
        stage.write_config()
        stage.slack.start()
        stage.slack.rates.enabled = False
        stage.redis.start()
        made = Crowd(stage, Redis.from_url(stage.redis.url()))
        _write(made)
        for number in range(2):
            _web(stage, f"web{number}")
        stage.slack.wait_for_connection(2, timeout=60)
        stage.slack.faults.duplicate_gestures = True
        yield made
        made.redis.close()
    finally:
        stage.__exit__()


def _web(stage: Stage, name: str) -> None:
    port = str(_free_port())
    popen = subprocess.Popen(
        [sys.executable, "-m", "bot", "web"],
        env={**stage.env, "PORT": port, "FERRYBOT_STARTER": str(os.getpid())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    stage.adopt(Process(name, popen))


def _write(made: Crowd) -> None:
    client = WebClient(token=made.slack.bot_token, base_url=made.slack.api_url)
    for number, migration in enumerate(MIGRATIONS):
        events = [recorded.event for recorded in _tale(number).story]
        made.desk.ledger.append(migration, 0, events)
        state = made.desk.state(migration)
        made.before[migration] = state.version
        value = json.dumps({"m": migration, "d": state.digest, "r": state.run})
        elements = [_button(name, value) for name in dict.fromkeys(BUTTONS)]
        blocks = [{"type": "actions", "elements": elements}]
        sent: Any = client.chat_postMessage(channel=CHANNEL, text=migration, blocks=blocks)
        found = made.slack.channel(CHANNEL).find(sent["ts"])
        assert found is not None
        made.cards[migration] = found


def _tale(number: int) -> Tale:
    """Three of five wait for approval; the others are only checked, or at work."""
    if number % 5 == 3:
        return Tale().checked(plan(), policy=POLICY)
    if number % 5 == 4:
        return Tale().running()
    tale = Tale().checked(plan(), policy=POLICY)
    tale.obey(c.Request(by=ALICE, digest=tale.state.digest, pinned=PEOPLE, policy=POLICY))
    return tale


def _button(name: str, value: str) -> dict[str, Any]:
    return {"type": "button", "action_id": name, "value": value, "text": {"type": "plain_text", "text": name}}


def replayed(story: Sequence[e.Recorded], migration: str, before: int) -> State:
    """What one desk makes of these commands, one after the other. Raises where the story says otherwise."""
    state = State(id=migration)
    for recorded in story[:before]:
        state = evolve(state, recorded)
    left = list(story[before:])
    while left:
        caused = list(decide(state, _command(left[0].event)))
        assert caused == [recorded.event for recorded in left[: len(caused)]] != [], (caused, left[: len(caused)])
        for recorded in left[: len(caused)]:
            assert recorded.version == state.version + 1
            state = evolve(state, recorded)
        del left[: len(caused)]
    return state


def _command(event: e.Event) -> c.Command:
    match event:
        case e.Approved():
            return c.Approve(approval=event.approval)
        case e.Revoked():
            return c.Revoke(by=event.by, digest=event.digest, lapsed=event.lapsed)
        case e.PauseAsked() if event.by is not None:
            return c.Pause(by=event.by)
        case e.Resumed() if event.by is not None:
            return c.Resume(by=event.by)
        case e.CancelAsked() | e.Cancelled() if event.by is not None:
            return c.Cancel(by=event.by)
        case _:
            raise AssertionError(f"nobody pressed for {event}")
