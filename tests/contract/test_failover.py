"""Another server in the place of a side: the run pauses itself on the real ledger; one that is away is no reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest
from pydantic import SecretStr
from redis import Redis

from bot.ui import card
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import FerrybotError, LedgerAway, Permanent, Stopped, Transient
from jobs.core.model import Dialect, Endpoint, TlsMode
from jobs.core.plan import MigrationPlan
from jobs.core.state import State, Status
from jobs.desk import Desk
from jobs.flow import failover
from jobs.flow.failover import FailoverWatch, changed
from jobs.flow.migrate import migrate as conduct
from jobs.ports.engine import Asked, Engine, Room, Side, Standing, Tally
from tests.support.tales import ALICE, MIGRATION, Tale, tell

ONE, REPLICA, OTHER = Standing("7/01", True), Standing("7/", False), Standing("7/02", True)


@dataclass
class Pair:
    """An engine whose two servers stand as they are told to; None: away."""

    now: dict[Side, Standing | None] = field(default_factory=lambda: {"source": ONE, "target": ONE})
    side: Side = "source"

    def gauge(self, asked: Asked, side: Side) -> Pair:
        return Pair(self.now, side)

    def standing(self) -> Standing:
        found = self.now[self.side]
        if found is None:
            raise Transient("away")
        return found

    def close(self) -> None: ...


@pytest.fixture
def desk(redis_url: str) -> Iterator[Desk]:
    with Redis.from_url(redis_url) as redis:
        made = Desk(RedisLedger(redis), RqDoorbell(redis))
        made.ledger.append(MIGRATION, 0, [r.event for r in Tale().running().story])
        yield made


def watch(desk: Desk, pair: Pair) -> FailoverWatch:
    place = Endpoint("shop", Dialect.postgresql, "h", 1, "d", "u", SecretStr("p"), TlsMode.prefer)
    return FailoverWatch(desk, cast(Engine, pair), Asked(MIGRATION, place, place), desk.state(MIGRATION))


class Shaken(RedisLedger):
    """A ledger whose database does not answer the first writer, as that of `LEDGER_URL` may not."""

    tries = 0

    def append(self, migration: str, expected: int, events: Sequence[e.Event]) -> int:
        self.tries += 1
        if self.tries == 1:
            raise LedgerAway("away")
        return super().append(migration, expected, events)


def test_a_ledger_that_is_away_for_a_moment_does_not_end_the_watch(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover, "SAMPLE_SECONDS", 0.01)
    shaken = Shaken(cast(RedisLedger, desk.ledger)._redis)
    pair = Pair()
    standing = watch(Desk(shaken, desk.queue), pair)
    standing.pause()
    pair.now["target"] = OTHER
    with standing:
        assert standing._thread is not None
        standing._thread.join(10)
    assert desk.state(MIGRATION).status is Status.pausing and shaken.tries == 2


@pytest.mark.parametrize(
    ("side", "now", "words"),
    [
        ("target", REPLICA, "takes no writes now"),
        ("target", OTHER, "another server answers as the target"),
        ("source", REPLICA, "not the primary any more"),
        ("source", OTHER, "another server answers as the source"),
    ],
)
def test_the_run_pauses_itself_and_a_person_resumes_it(desk: Desk, side: Side, now: Standing, words: str) -> None:
    pair = Pair()
    looking = watch(desk, pair)
    assert not looking.began and not looking.pause() and looking.began
    pair.now[side] = now
    assert looking.pause() and not looking.pause(), "once"
    state = desk.obey(MIGRATION, tell(e.Paused(run=1)))
    assert state.status is Status.paused and words in state.pause_why and words in str(card.blocks(state, None))
    assert desk.obey(MIGRATION, c.Resume(by=ALICE)).status is Status.migrating


def test_a_target_that_takes_no_writes_at_the_start_is_told_too(desk: Desk) -> None:
    assert watch(desk, Pair({"source": ONE, "target": REPLICA})).pause()


def test_a_server_that_is_away_or_still_a_replica_is_no_failover(desk: Desk) -> None:
    pair = Pair({"source": REPLICA, "target": ONE})
    looking = watch(desk, pair)
    assert not looking.pause()
    pair.now["target"] = None
    assert not looking.pause()
    pair.now["target"] = ONE
    assert not looking.pause() and desk.state(MIGRATION).status is Status.migrating
    assert changed("source", "shop", ONE, Standing("7/01", False)) == "", "set to read-only, and still the same"
    pair.now["source"] = ONE
    assert "was a replica" in changed("source", "shop", REPLICA, ONE) and looking.pause()


def test_it_is_looked_at_beside_the_work_and_later_tries_keep_the_measure(desk: Desk) -> None:
    pair = Pair()
    looking = watch(desk, pair)
    with looking:
        pass
    assert looking.began, "the first look is made at once"
    pair.now["target"] = OTHER
    with looking:
        pass
    assert desk.state(MIGRATION).status is Status.pausing


class Broken(Pair):
    """A conductor, too, whose only lane fails because its target takes no writes any more."""

    own_lanes = 1

    def __init__(self, error: FerrybotError, now: Standing) -> None:
        super().__init__()
        self.error, self.later = error, now
        self.seen = {"source": threading.Event(), "target": threading.Event()}

    def gauge(self, asked: Asked, side: Side) -> Pair:
        self.seen[side].set()
        return super().gauge(asked, side)

    @contextmanager
    def conductor(self, asked: Asked, plan: MigrationPlan) -> Iterator[Broken]:
        yield self

    def secure(self, watch: object) -> None: ...

    def prepare(self, watch: object, *, refresh: bool) -> bool:
        return False

    @contextmanager
    def lane(self) -> Iterator[None]:
        looking = next(thread for thread in threading.enumerate() if thread.name == "failover")
        while looking.is_alive() and not (self.seen["source"].is_set() and self.seen["target"].is_set()):
            self.seen["target"].wait(1)
        self.now["target"] = self.later
        raise self.error
        yield

    def tally(self) -> Tally:
        return Tally()

    def room(self) -> Room:
        return Room(unknown="not here", ever=False)

    def report(self) -> list[dict[str, object]]:
        return []


READ_ONLY = Permanent("cannot execute COPY FROM in a read-only transaction")
GONE = Stopped("The conductor is gone, and its snapshot with it")


@pytest.mark.parametrize(
    ("error", "now", "status", "words"),
    [
        (READ_ONLY, REPLICA, Status.paused, "takes no writes now"),
        (GONE, OTHER, Status.paused, "another server answers as the target"),
        (GONE, ONE, Status.migrating, ""),
    ],
)
def test_an_error_that_a_failover_explains_pauses_the_run_instead_of_ending_it(
    redis_url: str, desk: Desk, error: FerrybotError, now: Standing, status: Status, words: str
) -> None:
    """A lane whose snapshot is gone stops; that alone is no failover, and another worker goes on."""
    place = Endpoint("shop", Dialect.postgresql, "h", 1, "d", "u", SecretStr("p"), TlsMode.prefer)
    engine = Broken(error, now)

    class Ask:
        def engine(self, state: State) -> Engine:
            return cast(Engine, engine)

        def asked(self, state: State) -> Asked:
            return Asked(MIGRATION, place, place)

    desk.obey(MIGRATION, tell(e.Begun(run=1, digest=desk.state(MIGRATION).digest)))
    with Redis.from_url(redis_url) as redis:
        conduct(MIGRATION, desk, Ask(), RedisBoard(redis), threading.Event())
    state = desk.state(MIGRATION)
    assert state.status is status and words in state.pause_why
