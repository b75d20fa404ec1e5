"""What is open in front of people follows what others, workers and the clock do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import redraw, stale
from bot.calls import Calls, Pace
from bot.courier import Courier
from bot.listeners import services
from jobs.adapters.services_redis import RedisServices
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.policy import Policy
from jobs.core.services import ServiceFacts
from tests.bot.office import Office, office
from tests.bot.sandbox_support import client_of
from tests.support.tales import ALICE, BOB, CAROL, MIGRATION, Tale, plan

POLICY = Policy(approvals=1, approvers=("S0DBA",))


@pytest.fixture
def bureau(redis_url: str, tmp_path: Path) -> Iterator[Office]:
    with office(redis_url, tmp_path) as made:
        yield made


def once(bureau: Office) -> None:
    redraw.once(bureau.deps, client_of(bureau.slack))


def deliver(bureau: Office) -> None:
    """A courier tells what was written, and `web` looks."""
    calls = Calls(client_of(bureau.slack, timeout=5), Pace(bureau.deps.redis, enabled=False))
    Courier(bureau.deps.redis, bureau.deps.desk, bureau.deps.board, calls).deliver(MIGRATION)
    once(bureau)


def home(bureau: Office, name: str) -> str:
    found = bureau.person(name).home()
    return found.plain if found else ""


def published(bureau: Office) -> list[str]:
    return [call.args["user_id"] for call in bureau.slack.calls if call.method == "views.publish"]


def requested() -> Tale:
    tale = Tale().checked(plan(), policy=POLICY)
    tale.obey(c.Request(by=ALICE, digest=tale.state.digest, pinned=(BOB.id, CAROL.id), policy=POLICY))
    return tale


def test_an_open_home_follows_the_clock(bureau: Office) -> None:
    for name in ("alice", "bob"):
        bureau.person(name).open_home()
    bureau.slack.wait_for(lambda _: (home(bureau, "alice") and home(bureau, "bob")) or None, 20, "App Home")
    before = len(published(bureau))
    bureau.write(MIGRATION, [recorded.event for recorded in requested().story])
    deliver(bureau)
    assert "Waiting for you" in home(bureau, "bob") and "Waiting for approval" in home(bureau, "alice")
    bureau.write(MIGRATION, [e.Noted(run=0, text="nothing that a home shows")])
    deliver(bureau)
    assert sorted(published(bureau)[before:]) == [ALICE.id, BOB.id], "Carol has not opened hers"
    bureau.write(MIGRATION, [e.Expired()])
    deliver(bureau)
    assert "Waiting for you" not in home(bureau, "bob") and "Ready to start" in home(bureau, "alice")
    assert [str(p) for p in bureau.slack.problems] == []


@pytest.fixture
def drawing(bureau: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """`web` looks all the time."""
    monkeypatch.setattr(redraw, "EVERY_SECONDS", 0.01)
    with redraw.Redraw(bureau.deps, client_of(bureau.slack)):
        yield bureau


def refresh(bureau: Office, at: datetime) -> None:
    """Alice presses *Refresh* on a page that knows a look of `at`."""
    RedisServices(bureau.deps.redis).put(ServiceFacts(name="shop-new", at=at, version="16.4", role="primary"))
    alice = bureau.person("alice")
    bureau.command("alice", "services shop-new")
    alice.click(bureau.modal("alice", "1 service, page 1 of 1"), "service_open")
    alice.click(bureau.modal("alice", "As the server said it"), "service_refresh")


def test_a_page_shows_what_refresh_found(drawing: Office) -> None:
    now = datetime.now(UTC)
    refresh(drawing, now - timedelta(minutes=4))
    drawing.modal("alice", "A worker looks at the server now.")
    RedisServices(drawing.deps.redis).put(ServiceFacts(name="shop-new", at=now, version="17.0", role="replica"))
    page = drawing.modal("alice", "17.0")
    assert "A worker looks" not in page.plain and "As the server said it" in page.plain
    assert stale.pages(drawing.deps.redis) == []
    assert [str(p) for p in drawing.slack.problems] == []


@pytest.mark.parametrize(("age", "words"), [(4, "No worker has looked"), (0, "As the server said it")])
def test_a_page_that_nobody_answers_says_so(
    drawing: Office, monkeypatch: pytest.MonkeyPatch, age: int, words: str
) -> None:
    """A look made just now answers, too: the second of two is not made."""
    monkeypatch.setattr(services, "LOOK_SECONDS", 0)
    refresh(drawing, datetime.now(UTC) - timedelta(minutes=age))

    def drawn(_: object) -> bool:
        """The list, the page, *Refresh*, and what came of it."""
        return sum(call.method == "views.update" for call in drawing.slack.calls) == 4

    drawing.slack.wait_for(lambda s: drawn(s) or None, 20, "drawn anew")
    page = drawing.person("alice").modal()
    assert page is not None and "A worker looks" not in page.plain and words in page.plain
    assert stale.pages(drawing.deps.redis) == []


def test_whoever_has_gone_on_is_left_alone(drawing: Office) -> None:
    refresh(drawing, datetime.now(UTC) - timedelta(minutes=4))
    alice = drawing.person("alice")
    alice.click(drawing.modal("alice", "A worker looks"), "service_logs")
    past = drawing.modal("alice", "Past migrations")
    RedisServices(drawing.deps.redis).put(ServiceFacts(name="shop-new", at=datetime.now(UTC)))
    problems = drawing.slack.wait_for(lambda s: s.problems or None, 20, "a view that is not what it was")
    assert [problem.what for problem in problems] == ["views.update: hash_conflict"]
    assert alice.modal() is past and "Past migrations" in past.plain
