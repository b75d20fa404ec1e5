"""Kill any process at any instant: the run ends exact, the thread complete, no reply twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from bot.sandbox.compare import compare
from bot.sandbox.play import CHANNEL
from bot.sandbox.servers import PostgresServer
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.server import SlackSandbox
from jobs.adapters import keys
from jobs.core import events as e
from jobs.core.state import ENDED, State, Status
from tests.story.support import World, begin, world
from tests.support.servers import FreshDatabase, ShopDatabase

pytestmark = [pytest.mark.story, pytest.mark.kill]

KILLS = 6


def until(w: World, seconds: float, what: str, migration: str, *statuses: Status) -> State:
    """Waits for a state of the ledger; the sandbox wakes us whenever something is said in Slack."""
    deadline = time.monotonic() + seconds
    while (state := w.desk.state(migration)).status not in statuses:
        gone = state.status in (Status.failed, Status.cancelled)
        assert not gone and time.monotonic() < deadline, (
            f"{what}: still {state.status} {state.problem}\n"
            + "\n".join(f"{r.at:%T.%f} {r.event!r:.300}" for r in w.desk.story(migration)[1][-25:])
            + w.stage.output()[-4000:]
        )
        w.redis.xread({f"ferrybot:story:{migration}": f"{state.version}-0"}, block=500)
    return state


def shown(message: Message) -> str:
    """What is read of it: its `text` is shorter where much is told at once."""
    sections = [block["text"]["text"] for block in message.blocks or () if block["type"] == "section"]
    return "\n".join(sections) or message.text


def thread_is_whole(w: World, migration: str) -> None:
    """Every line that the story deserves stands in the thread exactly once, in the story's order."""
    from bot.ui import logs
    from jobs.core.evolve import evolve

    state = State(id=migration)
    lines: list[str] = []
    begins = 0
    story = w.desk.story(migration)[1]
    for recorded in story:
        state = evolve(state, recorded)
        if isinstance(recorded.event, e.Configured):
            begins = len(lines)
        lines.append(logs.line(recorded.event, state))
    wanted = [" ".join(line.split()) for line in lines[begins:] if line]
    card = next(m for m in w.slack.channel(CHANNEL).messages if m.metadata and m.blocks)

    def said(slack: SlackSandbox) -> list[str] | None:
        posts = [shown(m) for m in slack.channel(CHANNEL).thread(card.ts) if m.ts != card.ts and not m.files]
        text = " ".join(" ".join(posts).split())
        return posts if wanted[-1][:100] in text else None

    posts = w.slack.wait_for(said, 60, "the last line in the thread")
    text = " ".join(" ".join(posts).split())
    place = 0
    for line in wanted:
        found = text.find(line, place)
        assert found >= 0, f"missing or out of order: {line}"
        place = found + len(line)
    for line, times in Counter(wanted).items():
        if len(line) > 40:
            assert text.count(line) == times, f"told {text.count(line)} times: {line}"
    assert "may repeat" not in text


def test_a_worker_killed_at_random_moments(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    """Each kill meets a conductor at its work. Every other time only RQ's workers die and the work horse is left an
    orphan beside the next conductor, as `kill -9` does it; else the whole machine goes, orphans with it."""
    source = shop_db(pg16, 0.3)
    targets = {f"new-{i}": fresh_db(pg18) for i in range(4)}
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    kills = 0
    with world(source, targets) as w:
        machine = Machine(w)
        for target, database in targets.items():
            begin(w, target)
            migration = w.newest().id
            while w.desk.state(migration).status not in ENDED:
                if kills < KILLS and machine.at_work(migration, chance.uniform(0, 2)):
                    machine.kill(everything=kills % 2 == 0)
                    w.time_passes(migration)
                    kills += 1
                else:
                    until(w, 120, f"the end, seed {seed}", migration, Status.done)
            assert compare(source.dsn, database.dsn) == [], f"seed {seed}"
            if kills >= KILLS:
                break
        assert kills >= KILLS, f"only {kills} kills hit a running copy; seed {seed}"


class Machine:
    """The workers and their horses, also those that lost their worker and belong to nobody now."""

    def __init__(self, w: World) -> None:
        self._w = w
        self._orphans: list[int] = []

    def at_work(self, migration: str, seconds: float) -> bool:
        """Waits for a conductor's heartbeat, and lets it work for so long; False when the run ended before."""
        deadline, moment = time.monotonic() + 60, 0.0
        while not moment or time.monotonic() < moment:
            state = self._w.desk.state(migration)
            assert state.status is not Status.failed, state.problem
            if state.status in ENDED:
                return False
            if not moment and self._w.redis.exists(keys.beat(migration, "migrate")):
                moment = time.monotonic() + seconds
            assert moment or time.monotonic() < deadline, f"nobody goes on\n{self._w.stage.output()[-4000:]}"
            self._w.redis.xread({keys.story(migration): f"{state.version}-0"}, block=50)
        return True

    def kill(self, *, everything: bool) -> None:
        """The supervisor starts new workers when only they died; else it is started anew."""
        workers = children(self._w.stage.processes["worker"].popen.pid)
        if not everything:
            self._orphans += [horse for worker in workers for horse in children(worker)]
            _kill(workers)
            return
        _kill(orphan for orphan in self._orphans if _is_worker(orphan))
        self._orphans.clear()
        self._w.stage.restart("worker", kill=True)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _is_worker(pid: int) -> bool:
    """Not somebody else's process that was given the number of one that has ended."""
    with suppress(OSError):
        return b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def children(pid: int) -> list[int]:
    """Of a process that may have ended meanwhile."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def test_redis_stopped_and_started_in_the_middle(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, target = shop_db(pg16, 0.3), fresh_db(pg18)
    with world(source, {"new": target}) as w:
        begin(w, "new")
        migration = w.newest().id
        w.until(lambda state: state.phase == "schema", "the run at work")
        w.stage.redis.stop("fast")
        # The copy goes on meanwhile; Slack still answers, so a call of somebody is proof that time has passed.
        w.slack.person("U0BOB").command("/migrate", "help", CHANNEL)
        w.stage.redis.start()
        w.time_passes(migration)
        until(w, 120, "the end", migration, Status.done)
        assert compare(source.dsn, target.dsn) == []
        thread_is_whole(w, migration)


def test_courier_killed_between_posting_and_remembering(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, target = shop_db(pg16), fresh_db(pg18)
    with world(source, {"new": target}) as w:

        def kill_at_the_next_post() -> None:
            w.slack.faults.before_answer("chat.postMessage", lambda _: w.stage.processes["courier"].kill())

        def killed() -> None:
            w.stage.processes["courier"].popen.wait(60)

        kill_at_the_next_post()
        begin(w, "new")
        migration = w.newest().id
        killed()  # the card was posted, and nobody remembers it
        kill_at_the_next_post()
        w.stage.start("courier")
        w.time_passes(migration)
        killed()  # and so was the first reply
        w.stage.start("courier")
        w.time_passes(migration)
        until(w, 120, "the end", migration, Status.done)
        w.time_passes(migration)
        thread_is_whole(w, migration)
        cards = [m for m in w.slack.channel(CHANNEL).messages if m.metadata and not m.thread_ts]
        assert len(cards) == 1


def test_web_restarted_with_a_modal_open(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    source, target = shop_db(pg16), fresh_db(pg18)
    with world(source, {"new": target}) as w:
        play = w.play()
        play.configure("new")
        w.stage.restart("web", kill=True)
        w.slack.wait_for_connection(1)
        play.source("shop")
        w.stage.restart("web", kill=True)
        w.slack.wait_for_connection(1)
        assert "nothing blocks" in play.checked()
        play.request()
        until(w, 60, "the end", w.newest().id, Status.done)
        assert compare(source.dsn, target.dsn) == []


def test_a_platform_that_stops_a_worker_gently(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    """SIGTERM: the chunk in hand is rolled back, the run goes on in the next worker without waiting for a timeout."""
    source, target = shop_db(pg16, 0.3), fresh_db(pg18)
    with world(source, {"new": target}) as w:
        begin(w, "new")
        migration = w.newest().id
        w.until(lambda state: state.phase == "schema", "the run at work")
        began = time.monotonic()
        w.stage.restart("worker", kill=False)
        assert time.monotonic() - began < 15, "a platform would have used SIGKILL"
        assert not w.redis.exists(f"ferrybot:beat:{migration}:migrate"), "nobody should wait for a heartbeat to fade"
        w.time_passes(migration)
        until(w, 120, "the end", migration, Status.done)
        assert compare(source.dsn, target.dsn) == []
        assert w.desk.state(migration).run == 1
