"""A courier's world for tests: Redis, the ledger and a strict Slack, and a courier that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from bot.calls import Calls, Pace
from bot.courier import Courier
from bot.modals import Modals
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.server import SlackSandbox
from bot.ui import logs
from jobs.adapters import keys
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import events as e
from jobs.core.evolve import evolve
from jobs.core.state import State
from jobs.desk import Desk
from tests.bot.sandbox_support import client_of
from tests.support.tales import ALICE, CHANNEL, MIGRATION, Tale

HISTORY = "channels:history"
STORY = Tale().done().story
COURIER = "import sys; from bot.courier import deliver; deliver(sys.argv[1])"


@dataclass
class Post:
    """A courier's whole world: Redis, the ledger, and Slack."""

    redis: Redis
    sandbox: SlackSandbox
    paced: bool = False
    desk: Desk = field(init=False)
    board: RedisBoard = field(init=False)
    modals: Modals = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(RedisLedger(self.redis), RqDoorbell(self.redis))
        self.board = RedisBoard(self.redis)
        self.modals = Modals(self.redis)
        self.sandbox.rates.enabled = self.paced

    def deliver(self) -> None:
        """A courier of its own, as every job has one."""
        calls = Calls(client_of(self.sandbox, timeout=5), Pace(self.redis, enabled=self.paced))
        Courier(self.redis, self.desk, self.board, calls).deliver(MIGRATION)

    def write(self, *events: e.Event) -> None:
        self.desk.ledger.append(MIGRATION, self.state.version, events)

    def write_tale(self, tale: Tale) -> None:
        self.write(*[r.event for r in tale.story[self.state.version :]])

    @property
    def state(self) -> State:
        return self.desk.state(MIGRATION)

    # --- what Slack shows ---

    @property
    def cards(self) -> list[Message]:
        return [m for m in self.sandbox.channel(CHANNEL).messages if m.subtype != "tombstone"]

    @property
    def card(self) -> Message:
        (card,) = self.cards
        return card

    def replies(self, card: Message | None = None) -> list[Message]:
        found = self.sandbox.channel(CHANNEL).replies((card or self.card).ts)
        return [m for m in found if not m.files]

    def thread(self, card: Message | None = None) -> str:
        return "\n".join(m.plain for m in self.replies(card))

    def files(self) -> list[Message]:
        """Slack shares a file some moments after it has said that it would."""
        return self.sandbox.wait_for(
            lambda s: [m for m in s.channel(CHANNEL).all_messages if m.files], 5, "shared file"
        )

    def told(self, who: str = ALICE.id) -> list[str]:
        return [m.text for m in self.sandbox.person(who).direct_messages()]

    def calls(self, method: str) -> int:
        return sum(call.method == method for call in self.sandbox.calls)

    def expected(self, after: int = 1) -> str:
        """What the thread must say of the events after version `after`: the drafting before is private."""
        state, lines = State(id=MIGRATION), []
        for recorded in self.desk.ledger.read(MIGRATION):
            state = evolve(state, recorded)
            if recorded.version > after:
                lines.append(logs.line(recorded.event, state))
        return "\n".join(line for line in lines if line)

    def no_problems(self, *allowed: str) -> None:
        """Nothing that a careful app would have avoided; `allowed` are refusals that the test itself arranged."""
        assert [str(p) for p in self.sandbox.problems if p.what not in allowed] == []


def killed_at(post: Post, redis_url: str, number: int) -> None:
    """Runs a courier in a process of its own and kills it when Slack has applied its `number`th post."""
    environment = os.environ | {
        "REDIS_URL": redis_url,
        "SLACK_BOT_TOKEN": post.sandbox.bot_token,
        "SLACK_APP_TOKEN": post.sandbox.app_token,
        "SLACK_API_URL": post.sandbox.api_url,
    }
    post.sandbox.rates.enabled = False
    seen: list[Any] = []
    process = subprocess.Popen([sys.executable, "-c", COURIER, MIGRATION], env=environment)

    def strike(call: Any) -> None:
        seen.append(call)
        if len(seen) == number:
            process.send_signal(signal.SIGKILL)
            process.wait()

    post.sandbox.faults.before_answer("chat.postMessage", strike, times=number)
    assert process.wait(30) == -signal.SIGKILL
    assert len(seen) == number
    # What it held fades after 30 s; here the time has passed.
    assert post.redis.delete(keys.courier(MIGRATION)) == 1
