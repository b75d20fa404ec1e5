"""What every ledger promises, whichever adapter keeps it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr
from redis import Redis

from jobs.adapters.ledger_postgres import PostgresLedger
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.ledger_remembered import RememberingLedger
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import Conflict, Refused
from jobs.core.evolve import replay
from jobs.core.lifecycle import Ring
from jobs.core.policy import Policy
from jobs.core.state import Status
from jobs.desk import Desk
from jobs.ports.ledger import Ledger
from tests.support.tales import (
    ALICE,
    MIGRATION,
    NOON,
    ONE_APPROVAL,
    Tale,
    approve,
    configure,
    draft,
    plan,
    tell,
)

Connect = Callable[[], Ledger]
"""A new connection to the same ledger, as another process would have."""


@pytest.fixture(params=["redis", "postgresql", "remembered"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """A further adapter adds its name above and its way to connect below."""
    with contextlib.ExitStack() as after:
        yield {"redis": _redis, "postgresql": _postgresql, "remembered": _remembered}[request.param](request, after)


def _redis(request: pytest.FixtureRequest, after: contextlib.ExitStack) -> Connect:
    url = request.getfixturevalue("redis_url")
    return lambda: RedisLedger(after.enter_context(Redis.from_url(url)))


def _remembered(request: pytest.FixtureRequest, after: contextlib.ExitStack) -> Connect:
    connect = _redis(request, after)
    return lambda: RememberingLedger(connect(), stories=1)


def _postgresql(request: pytest.FixtureRequest, after: contextlib.ExitStack) -> Connect:
    database = request.getfixturevalue("fresh_db")(request.getfixturevalue("pg15"))

    def new() -> Ledger:
        ledger = PostgresLedger(SecretStr(database.url))
        after.callback(ledger.release)
        return ledger

    return new


@pytest.fixture
def ledger(connect: Connect) -> Ledger:
    return connect()


def note(text: str) -> e.Noted:
    return e.Noted(run=1, text=text)


def texts(ledger: Ledger) -> list[str]:
    return [r.event.text for r in ledger.read(MIGRATION) if isinstance(r.event, e.Noted)]


def test_an_unknown_migration_has_no_story(ledger: Ledger) -> None:
    assert list(ledger.read(MIGRATION)) == []
    assert ledger.attachment(MIGRATION, "tables") is None
    assert list(ledger.open()) == [] and list(ledger.recent()) == []


def test_versions_count_from_one_without_gaps(ledger: Ledger) -> None:
    assert ledger.append(MIGRATION, 0, [note("a"), note("b")]) == 2
    assert ledger.append(MIGRATION, 2, [note("c")]) == 3
    assert [r.version for r in ledger.read(MIGRATION)] == [1, 2, 3]
    assert [r.version for r in ledger.read(MIGRATION, after=2)] == [3]
    assert list(ledger.read(MIGRATION, after=3)) == []


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_a_stale_or_hasty_writer_is_refused_and_writes_nothing(ledger: Ledger, expected: int) -> None:
    ledger.append(MIGRATION, 0, [note("a"), note("b")])
    with pytest.raises(Conflict):
        ledger.append(MIGRATION, expected, [note("x"), note("y")])
    assert texts(ledger) == ["a", "b"]


def test_nothing_to_write_changes_nothing(ledger: Ledger) -> None:
    ledger.append(MIGRATION, 0, [note("a")])
    ledger.close(MIGRATION)
    assert ledger.append(MIGRATION, 1, []) == 1
    assert list(ledger.open()) == [], "an ended migration stays ended"


def test_every_event_survives_word_for_word(ledger: Ledger) -> None:
    tale = Tale().done()
    for recorded in tale.story:
        ledger.append(MIGRATION, recorded.version - 1, [recorded.event])
    read = ledger.read(MIGRATION)
    assert [r.event for r in read] == [r.event for r in tale.story]
    assert all(r.at.tzinfo is not None and r.at > NOON.replace(year=2020) for r in read)
    timeless = dict.fromkeys(("created", "changed", "started", "asked_at"))
    assert replay(MIGRATION, read).model_copy(update=timeless) == tale.state.model_copy(update=timeless)


def test_text_of_any_kind_survives(ledger: Ledger) -> None:
    odd = 'quote " newline \n zero-width \u200b emoji 🚢 RTL \u202eabc null-like \\u0000 <!channel>'
    ledger.append(MIGRATION, 0, [note(odd)])
    assert texts(ledger) == [odd]


def test_a_decision_is_written_whole_or_not_at_all(connect: Connect) -> None:
    """Two writers put pairs; whoever reads at any time sees whole pairs only."""
    ledger, reader = connect(), connect()
    pairs, done = 150, threading.Event()
    torn: list[int] = []

    def read() -> None:
        while not done.is_set():
            if len(seen := texts(reader)) % 2:
                torn.append(len(seen))

    watcher = threading.Thread(target=read)
    watcher.start()
    for number in range(pairs):
        ledger.append(MIGRATION, 2 * number, [note(f"{number}a"), note(f"{number}b")])
    done.set()
    watcher.join()
    assert torn == []
    assert texts(ledger) == [f"{n}{half}" for n in range(pairs) for half in "ab"]


class NoBell:
    """A queue that nobody hears."""

    def ring(self, ring: Ring) -> bool:
        return True

    def waiting(self, ring: Ring) -> bool:
        return False


def together(*acts: Callable[[], None]) -> list[BaseException]:
    """Runs the acts at the same moment in threads of their own; returns what they raised."""
    gate, raised = threading.Barrier(len(acts)), list[BaseException]()

    def run(act: Callable[[], None]) -> None:
        gate.wait()
        try:
            act()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_racing_writers_make_every_decision_once(connect: Connect) -> None:
    def writer(name: str) -> Callable[[], None]:
        desk = Desk(connect(), NoBell())

        def write() -> None:
            for number in range(25):
                desk.obey(MIGRATION, tell(note(f"{name}{number}")))

        return write

    desk = Desk(connect(), NoBell())
    for command in (draft(Policy()), configure(), tell(e.ValidationStarted(attempt=1))):
        desk.obey(MIGRATION, command)
    digest = desk.obey(MIGRATION, tell(e.Validated(attempt=1, plan=plan()))).digest
    before = desk.obey(MIGRATION, c.Request(by=ALICE, digest=digest)).version
    assert together(writer("a"), writer("b"), writer("c")) == []
    story = desk.ledger.read(MIGRATION)
    assert [r.version for r in story] == list(range(1, before + 76))
    assert sorted(texts(desk.ledger)) == sorted(f"{name}{n}" for name in "abc" for n in range(25))
    for name in "abc":
        own = [text for text in texts(desk.ledger) if text[0] == name]
        assert own == [f"{name}{n}" for n in range(25)], "each writer's own order"


@pytest.mark.parametrize("clicks", [2, 4])
def test_racing_approvals_start_one_run(connect: Connect, clicks: int) -> None:
    desk = Desk(connect(), NoBell())
    for command in (draft(ONE_APPROVAL), configure(), tell(e.ValidationStarted(attempt=1))):
        desk.obey(MIGRATION, command)
    digest = desk.obey(MIGRATION, tell(e.Validated(attempt=1, plan=plan()))).digest
    desk.obey(MIGRATION, c.Request(by=ALICE, digest=digest))

    def click(number: int) -> Callable[[], None]:
        own = Desk(connect(), NoBell())
        who = ALICE.model_copy(update={"id": f"U0DBA{number}"})

        def press() -> None:
            own.obey(MIGRATION, approve(who, digest))

        return press

    raised = together(*(click(n) for n in range(clicks)))
    assert len(raised) == clicks - 1 and all(isinstance(error, Refused) for error in raised)
    kinds = [r.event.type for r in desk.ledger.read(MIGRATION)]
    assert kinds.count("run_queued") == 1 and kinds.count("approved") == 1
    assert desk.state(MIGRATION).status is Status.migrating


def test_attachments_are_kept_and_replaced(ledger: Ledger) -> None:
    ledger.attach(MIGRATION, "tables", "first")
    ledger.attach(MIGRATION, "other", "x")
    ledger.attach(MIGRATION, "tables", "zweite ✓\n{}")
    assert ledger.attachment(MIGRATION, "tables") == "zweite ✓\n{}"
    assert ledger.attachment(MIGRATION, "other") == "x"
    assert ledger.attachment("m0000000002", "tables") is None


def test_open_until_closed(ledger: Ledger) -> None:
    for number in (2, 1):
        ledger.append(f"m000000000{number}", 0, [note("a")])
    assert list(ledger.open()) == ["m0000000001", "m0000000002"]
    ledger.close("m0000000001")
    ledger.close("m0000000009")
    assert list(ledger.open()) == ["m0000000002"]
    assert texts(ledger) == ["a"], "closed is not forgotten"


def test_recent_pages_through_all_the_youngest_first(ledger: Ledger) -> None:
    ids = [f"m{number:010d}" for number in range(45)]
    for name in ids:
        ledger.append(name, 0, [note("a")])
    ledger.append(ids[0], 1, [note("b")])
    seen: list[str] = []
    while page := ledger.recent(20, before=seen[-1] if seen else ""):
        assert len(page) <= 20
        seen += page
    assert seen == ids[::-1], "a later event does not make a migration younger"
