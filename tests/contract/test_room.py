"""The disk's watch over the real ledger: a run that pauses itself, says why, and says once what it cannot know."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr
from redis import Redis

from bot.ui import card
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import Refused
from jobs.core.model import Dialect, Endpoint, TlsMode
from jobs.core.progress import RunProgress
from jobs.core.state import State, Status
from jobs.desk import Desk
from jobs.flow.room import LEAST_FREE, DiskWatch, least_free
from jobs.flow.watch import StoryWatch
from jobs.ports.engine import Asked, Room
from tests.support.tales import ALICE, MIGRATION, Tale, tell

PLENTY = Room(free=1 << 40)
UNMEASURED = Room(unknown="measuring is not switched on", ever=False)


@dataclass
class House:
    """A running migration, and the answers that its target's server gives."""

    redis: Redis
    answers: list[Room] = field(default_factory=list)
    notes: list[tuple[str, bool]] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        ledger = RedisLedger(self.redis)
        self.desk, self.board = Desk(ledger, RqDoorbell(self.redis)), RedisBoard(self.redis)
        ledger.append(MIGRATION, 0, [r.event for r in Tale().running().story])

    def note(self, text: str, *, warning: bool = False) -> None:
        self.notes.append((text, warning))

    def room(self) -> Room:
        self.asked.set()
        return self.answers.pop(0)

    def watch(self, *answers: Room, stated: int | None = None, measure: bool = True) -> DiskWatch:
        self.answers = list(answers)
        end = Endpoint("t", Dialect.postgresql, "h", 1, "d", "u", SecretStr(""), TlsMode.prefer, None, measure)
        asked = Asked(MIGRATION, end, end, stated_free_bytes=stated)
        watch = StoryWatch(self.desk.ledger, self.board, self.state, "conductor", threading.Event(), lambda *_: None)
        return DiskWatch(self.desk, self.board, asked, watch, self.room, self.note)

    @property
    def state(self) -> State:
        return self.desk.state(MIGRATION)


@pytest.fixture
def house(redis_url: str) -> Iterator[House]:
    with Redis.from_url(redis_url) as redis:
        yield House(redis)


def test_what_is_kept_free_follows_the_pace() -> None:
    assert least_free(None, 5 << 40) == least_free(7, 9) == LEAST_FREE
    assert least_free(100 << 30, 90 << 30) == 20 << 30


def test_a_run_pauses_itself_and_a_person_resumes_it(house: House) -> None:
    watch = house.watch(PLENTY, Room(free=LEAST_FREE + 1), Room(free=LEAST_FREE - 1))
    watch._before = LEAST_FREE + 1
    assert watch.step()
    watch._before = LEAST_FREE + 1
    assert watch.step() and house.state.pause_why == ""
    assert not watch.step()
    assert house.state.status is Status.pausing and "only 2.1 GB free" in house.state.pause_why
    _, story = house.desk.story(MIGRATION)
    event = story[-1].event
    assert isinstance(event, e.PauseAsked) and event.by is None
    house.desk.obey(MIGRATION, tell(e.Paused(run=1)))
    assert "only 2.1 GB free" in str(card.blocks(house.state, None))
    resumed = house.desk.obey(MIGRATION, c.Resume(by=ALICE))
    assert resumed.status is Status.migrating and resumed.pause_why == ""
    assert "GB free" not in str(card.blocks(resumed, None))


def test_a_fast_run_pauses_early(house: House) -> None:
    watch = house.watch(Room(free=100 << 30), Room(free=60 << 30))
    assert watch.step()
    assert not watch.step()
    assert "64.4 GB are left" not in str(house.notes) and "only 64.4 GB free, and 85.9 GB" in house.state.pause_why


def test_a_run_that_is_over_or_paused_by_a_person_is_left_alone(house: House) -> None:
    house.desk.obey(MIGRATION, c.Pause(by=ALICE))
    watch = house.watch(Room(free=1))
    assert watch.step()
    assert house.state.pause_why == "" and house.state.status is Status.pausing
    with pytest.raises(Refused, match="not the current one"):
        house.desk.obey(MIGRATION, c.Halt(run=7, why="the disk"))


def test_what_cannot_be_measured_is_said_once(house: House) -> None:
    lost = Room(unknown="the connection was lost")
    watch = house.watch(lost, lost, UNMEASURED)
    assert watch.step() and watch.step() and not watch.step()
    assert house.notes == [("The target's free disk is not watched during the run: the connection was lost.", False)]


def test_rows_that_will_not_fit_are_said_once(house: House) -> None:
    house.board.publish(MIGRATION, RunProgress(bytes_done=1 << 30, bytes_total=101 << 30))
    watch = house.watch(Room(free=50 << 30), Room(free=50 << 30))
    assert watch.step() and watch.step()
    ((text, warning),) = house.notes
    assert warning and "53.7 GB free, and rows of about 107.4 GB are still to come" in text
    assert house.state.status is Status.migrating


def test_a_stated_figure_is_believed(house: House) -> None:
    with house.watch(stated=1 << 30, measure=False):
        pass
    assert not house.asked.is_set()
    with house.watch(Room(free=1), stated=1 << 40):
        assert house.asked.wait(10)
    assert house.state.status is Status.pausing
