"""The courier on bad days and busy ones, on a moved clock: ten minutes without Slack, twenty migrations at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from bot.calls import Calls, Pace
from bot.courier import Courier
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.server import SlackSandbox
from bot.ui import logs
from jobs.adapters import keys
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.history_redis import RedisHistory
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import events as e
from jobs.core.chain import verified
from jobs.core.evolve import evolve
from jobs.core.progress import RunProgress
from jobs.core.samples import Samples
from jobs.core.state import State, Status
from jobs.core.summary import summary_of
from jobs.desk import Desk
from jobs.flow.overseer import TICK_SECONDS
from jobs.flow.watch import REPORT_SECONDS
from tests.bot.sandbox_support import client_of
from tests.support.tales import CHANNEL, LOST, RECEIPT, Tale

RUNNING = [r.event for r in Tale().running().story]
REQUESTED = [r.event for r in Tale().requested().story]
SWEEP = 15.0
"""How often the clock rings again."""


@dataclass
class Yard:
    """Several migrations in one channel; time passes only where somebody waits."""

    redis: Redis
    sandbox: SlackSandbox
    desk: Desk = field(init=False)
    board: RedisBoard = field(init=False)
    courier: Courier = field(init=False)
    crowded: bool = False

    def __post_init__(self) -> None:
        self.desk = Desk(RedisLedger(self.redis), RqDoorbell(self.redis))
        self.board = RedisBoard(self.redis)
        pace = Pace(self.redis, now=self.now, sleep=self.pass_time)
        self.courier = Courier(self.redis, self.desk, self.board, Calls(client_of(self.sandbox, timeout=5), pace))

    def now(self) -> float:
        return time.time() + self.sandbox.faults.clock_offset

    def pass_time(self, seconds: float) -> None:
        self.sandbox.faults.clock_offset += seconds
        if self.crowded:
            others = Pace(self.redis, now=self.now)
            while not others.wait("chat.postMessage", CHANNEL):
                pass
            while not others.wait("chat.update", haste="progress"):
                pass

    def write(self, migration: str, *events: e.Event) -> None:
        self.desk.ledger.append(migration, self.desk.state(migration).version, events)

    def deliver(self, *migrations: str) -> None:
        for migration in migrations:
            self.courier.deliver(migration)

    def behind(self, migrations: Sequence[str]) -> list[str]:
        return [m for m in migrations if self.board.delivered(m) < self.desk.state(m).version]

    def card(self, migration: str) -> Message:
        (card,) = [m for m in self.sandbox.channel(CHANNEL).messages if f"`{migration}`" in m.plain]
        return card

    def thread(self, migration: str) -> list[str]:
        """Its lines, without the remarks on when they were told."""
        replies = self.sandbox.channel(CHANNEL).replies(self.card(migration).ts)
        lines = [line for m in replies if not m.files for line in m.plain.split("\n")]
        return [line for line in lines if "Told late" not in line and ":repeat:" not in line]

    def expected(self, migration: str) -> list[str]:
        state, lines = State(id=migration), []
        for recorded in self.desk.ledger.read(migration):
            state = evolve(state, recorded)
            if recorded.version > 1:
                lines.append(logs.line(recorded.event, state))
        return "\n".join(line for line in lines if line).split("\n")

    def limits_met(self) -> list[str]:
        return [str(p) for p in self.sandbox.problems]


@pytest.fixture
def yard(redis_url: str) -> Iterator[Yard]:
    with SlackSandbox() as sandbox, Redis.from_url(redis_url) as redis:
        yield Yard(redis, sandbox)


def test_ten_minutes_without_slack_lose_and_double_nothing(yard: Yard) -> None:
    yard.sandbox.scopes.add("channels:history")
    one = "m0000000001"
    yard.write(one, *RUNNING)
    yard.deliver(one)
    before, ends = yard.thread(one), yard.now() + 600
    sweeps = 0
    while yard.now() < ends:
        yard.write(one, e.Noted(run=1, text=f"said at sweep {sweeps}"))
        if sweeps % 2:
            yard.sandbox.faults.ratelimit(times=None, retry_after=30)
        else:
            yard.sandbox.faults.server_error(times=None)
        if sweeps % 10 == 4:
            yard.sandbox.faults.clear_faults()
            yard.sandbox.faults.apply_then_fail("chat.postMessage")  # made, and answered with 500: the worst of all
        yard.deliver(one)
        yard.sandbox.faults.clear_faults()
        yard.pass_time(SWEEP)
        sweeps += 1
    assert (sweeps >= 20 and yard.behind([one]) == [one]) or yard.thread(one) == yard.expected(one)
    while yard.behind([one]):
        yard.pass_time(SWEEP)
        yard.deliver(one)
    assert yard.thread(one) == yard.expected(one) and yard.thread(one)[: len(before)] == before
    text = "\n".join(m.plain for m in yard.sandbox.channel(CHANNEL).replies(yard.card(one).ts))
    assert "Told late: this happened" in text
    assert "behind" not in yard.card(one).plain, "once all is told, the card says nothing of a lag"


def test_twenty_migrations_in_one_channel_stay_under_slacks_rates(yard: Yard) -> None:
    crowd = [f"m{n:010}" for n in range(20)]
    began = yard.now()
    for migration in crowd:
        yard.write(migration, *RUNNING)
    late: set[str] = set()
    for step in range(4):
        for migration in crowd:
            yard.write(migration, e.PhaseReached(run=1, phase="copy", title=f"Phase {step}"))
            yard.board.publish(migration, RunProgress(tasks_done=step, tasks_total=9, at=time.time()))
        yard.deliver(*crowd)
        yard.pass_time(2)
    for migration in crowd:
        yard.write(migration, e.Proven(run=1, receipt=RECEIPT), e.Finished(run=1, receipt=RECEIPT))
    rounds = 0
    while waiting := yard.behind(crowd):
        yard.deliver(*waiting)
        late |= {m for m in waiting if "behind" in yard.card(m).plain}
        yard.pass_time(2)
        rounds += 1
        assert rounds < 100, "each round must bring the crowd on"
    assert yard.limits_met() == [], "no call met a limit of Slack"
    assert [yard.thread(m) for m in crowd] == [yard.expected(m) for m in crowd]
    assert all("Done and verified" in yard.card(m).plain and "behind" not in yard.card(m).plain for m in crowd)
    posts = sum(call.method == "chat.postMessage" for call in yard.sandbox.calls)
    # At a message a second; were each line a message of its own, it would be three times as long.
    assert yard.now() - began < posts * 1.05 + 120


def test_a_cards_figures_are_less_than_two_seconds_old(yard: Yard) -> None:
    """Every look of a run's overseer is shown, for as long as the run takes, within Slack's edits of a minute."""
    one = "m0000000001"
    yard.write(one, *RUNNING)
    yard.deliver(one)
    for rows in range(1_000_000, 1_000_150):
        yard.pass_time(TICK_SECONDS)
        yard.board.publish(one, RunProgress(rows_done=rows, tasks_done=1, tasks_total=9, at=yard.now()))
        yard.deliver(one)
        assert f"{rows:,}" in yard.card(one).plain
    assert REPORT_SECONDS + TICK_SECONDS < 2, "what a lane keeps for itself, and what waits for the next look"
    assert yard.limits_met() == []


def test_cards_of_several_runs_get_the_same_number_of_edits(yard: Yard) -> None:
    """Also when one always asks first: turns come as often as looks, so the same card could take them all."""
    crowd = [f"m{n:010}" for n in range(5)]
    for migration in crowd:
        yard.write(migration, *RUNNING)
    while waiting := yard.behind(crowd):
        yard.deliver(*waiting)
        yard.pass_time(SWEEP)
    began, before = yard.now(), len(yard.sandbox.calls)
    for rows in range(100):
        yard.pass_time(TICK_SECONDS)
        for migration in crowd:
            yard.board.publish(migration, RunProgress(rows_done=rows, tasks_done=1, tasks_total=9, at=yard.now()))
        yard.deliver(*crowd)
    edits = Counter(call.args["ts"] for call in yard.sandbox.calls[before:] if call.method == "chat.update")
    assert set(edits) == {yard.card(migration).ts for migration in crowd}
    assert max(edits.values()) - min(edits.values()) <= 2
    assert edits.total() > 0.75 * (yard.now() - began) * 50 / 62, "turns are there to be taken"
    assert yard.limits_met() == []


def test_an_approval_and_an_error_are_not_kept_waiting_by_a_crowd(yard: Yard) -> None:
    """Other couriers take every turn the moment that it is there, for figures and for lines of other threads."""
    asking, failing, ordinary = "m0000000001", "m0000000002", "m0000000003"
    for migration in (failing, ordinary):
        yard.write(migration, *RUNNING)
        yard.deliver(migration)
    yard.write(asking, *REQUESTED)
    yard.write(failing, e.RunFailed(run=1, problem=LOST))
    yard.write(ordinary, e.Noted(run=1, text="can wait"))
    before = yard.thread(ordinary)
    yard.crowded = True
    yard.pass_time(60)
    asked = yard.now()
    yard.deliver(asking, failing)
    assert yard.now() - asked < 10, "each at the first try"
    yard.deliver(ordinary)
    assert "Waiting for approval" in yard.card(asking).plain and yard.thread(asking) == yard.expected(asking)
    assert "Failed" in yard.card(failing).plain and yard.thread(failing) == yard.expected(failing)
    assert yard.thread(ordinary) == before and yard.behind([ordinary]) == [ordinary], "it found no turn in the crowd"
    assert yard.limits_met() == []


def test_urgent_doorbells_go_to_the_front(yard: Yard) -> None:
    ordinary, asking = "m0000000001", "m0000000002"
    yard.write(ordinary, *RUNNING)
    yard.write(asking, *REQUESTED)
    for migration in (ordinary, asking):
        yard.desk.ring(yard.desk.state(migration))
    queued: Any = yard.redis.lrange("rq:queue:slack", 0, -1)
    assert [job.decode().split("-")[1] for job in queued] == [asking, ordinary]


def test_a_lag_is_shown_on_the_card_and_goes_again(yard: Yard) -> None:
    one = "m0000000001"
    yard.write(one, *RUNNING)
    yard.deliver(one)
    yard.write(one, e.Noted(run=1, text="waits"))
    yard.sandbox.faults.ratelimit("chat.postMessage", times=None, retry_after=30)
    for _ in range(12):
        yard.deliver(one)
        yard.pass_time(SWEEP)
    shown = yard.card(one).plain
    assert "The thread is about 2 minutes behind: Slack limits" in shown and "Nothing is lost" in shown
    yard.sandbox.faults.clear_faults()
    yard.pass_time(40)
    yard.deliver(one)
    assert "behind" not in yard.card(one).plain and yard.thread(one)[-1].endswith("waits")
    assert yard.limits_met() == []


def test_the_courier_keeps_the_history(yard: Yard) -> None:
    one = "m0000000001"
    yard.write(one, *RUNNING)
    yard.sandbox.faults.outage = True
    yard.deliver(one)
    history = RedisHistory(yard.redis)
    assert history.get([one])[one].status is Status.migrating, "whether Slack answers or not"
    yard.sandbox.faults.outage = False
    yard.write(one, e.Proven(run=1, receipt=RECEIPT), e.Finished(run=1, receipt=RECEIPT))
    while yard.desk.ledger.open():
        yard.deliver(one)
        yard.pass_time(SWEEP)
    assert history.get([one])[one] == summary_of(yard.desk.state(one))


def test_the_file_is_the_chain_that_the_thread_and_the_ledger_name(yard: Yard) -> None:
    one = "m0000000001"
    at, samples = datetime(2026, 3, 1, tzinfo=UTC), Samples()
    for second in range(60):
        moment = (at + timedelta(seconds=second)).timestamp()
        samples = samples.add(RunProgress(at=moment, rows_per_second=1000.0 * second, lanes=1 + second % 4))
    yard.board.sample(one, samples)
    yard.write(one, *RUNNING, e.Proven(run=1, receipt=RECEIPT), e.Finished(run=1, receipt=RECEIPT))
    yard.deliver(one)
    (message,) = yard.sandbox.wait_for(
        lambda s: [m for m in s.channel(CHANNEL).all_messages if m.files] or None, 5, "the files"
    )
    log, picture = message.files
    chain = verified(log.content or b"")
    assert f"`{chain.head}`" in message.text and f"{chain.lines} lines" in message.text
    assert yard.desk.ledger.attachment(one, "log head 1 done") == chain.head
    assert (picture.content or b"").startswith(b"\x89PNG") and "at most 59,000" in picture.alt_text
    assert yard.board.samples(one) is None, "what was drawn is not kept"
    assert yard.redis.exists(keys.story(one))
