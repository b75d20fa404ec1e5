"""The card in each of its states and App Home, as a browser draws them: readable, and nothing complains.

It leaves pictures in a temporary folder, or in the folder that FERRYBOT_SCREENSHOTS names (`make pictures`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from redis import Redis

from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.progress import RunProgress
from tests.bot.office import Office, office
from tests.bot.post import Post
from tests.story.test_browser import FLAGS
from tests.support.tales import ALICE, BOB, CAROL, CHANNEL, MIGRATION, NOON, ONE_APPROVAL, Tale, approve, plan, tell

PICTURES = os.environ.get("FERRYBOT_SCREENSHOTS", "")


def waiting() -> Tale:
    tale = Tale().checked(plan(), policy=ONE_APPROVAL)
    pinned = (BOB.id, CAROL.id)
    tale.obey(c.Request(by=ALICE, digest=tale.state.digest, pinned=pinned, policy=ONE_APPROVAL))
    return tale


def scheduled() -> Tale:
    tale = waiting()
    tale.obey(c.Reschedule(by=ALICE, at=NOON, start_at=NOON + timedelta(days=3650)), approve(BOB, tale.state.digest))
    return tale


def running() -> Tale:
    tale = Tale().running()
    tale.obey(tell(e.PhaseReached(run=1, phase="copy", title="Copying rows")))
    return tale


def paused() -> Tale:
    tale = running()
    tale.obey(c.Pause(by=BOB), tell(e.Paused(run=1)))
    return tale


def cancelled() -> Tale:
    tale = running()
    tale.obey(c.Cancel(by=ALICE), tell(e.Cancelled(by=ALICE, undone="The target is empty, as it was found.")))
    return tale


def rolled_back() -> Tale:
    tale = Tale().done()
    tale.obey(c.RollBack(by=BOB), tell(e.RolledBack(run=2, undone="The target is as it was found: empty.")))
    return tale


STATES: dict[str, tuple[Callable[[], Tale], str]] = {
    "waiting": (waiting, "Waiting for approval"),
    "scheduled": (scheduled, "Scheduled"),
    "running": (running, "Copying rows"),
    "paused": (paused, "Paused"),
    "failed": (lambda: Tale().failed(), "Failed"),
    "done": (lambda: Tale().done(), "Done and verified"),
    "cancelled": (cancelled, "Cancelled"),
    "rolled-back": (rolled_back, "Rolled back"),
}


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def desk(redis_url: str, tmp_path: Path) -> Iterator[Office]:
    with office(redis_url, tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", STATES)
def test_the_card(desk: Office, redis_url: str, chromium: Browser, tmp_path: Path, name: str) -> None:
    tale, words = STATES[name]
    with Redis.from_url(redis_url) as redis:
        post = Post(redis, desk.slack)
        post.write_tale(tale())
        if name == "running":
            post.board.publish(MIGRATION, PROGRESS)
        post.deliver()
    picture(chromium, desk, tmp_path, f"card-{name}", f"?as={BOB.id}&channel={CHANNEL}", words, "message")


def test_app_home(desk: Office, chromium: Browser, tmp_path: Path) -> None:
    desk.write(MIGRATION, [r.event for r in waiting().story])
    for number, tale in enumerate((running(), Tale().done(), Tale().failed())):
        desk.write(f"m000000001{number}", [r.event for r in tale.story])
    desk.person(BOB.id).open_home()
    desk.slack.wait_for(lambda slack: slack.person(BOB.id).home(), 20, "App Home")
    picture(chromium, desk, tmp_path, "home", f"?as={BOB.id}&channel=app", "Waiting for you", "home")


PROGRESS = RunProgress(
    phase="copy",
    tasks_done=31,
    tasks_total=50,
    tables_done=4,
    tables_total=9,
    rows_done=1_240_000,
    bytes_done=620_000_000,
    bytes_total=1_000_000_000,
    rows_per_second=41_000,
    bytes_per_second=20_000_000,
    seconds_left_low=15,
    seconds_left_high=25,
    lanes=2,
)


def picture(chromium: Browser, desk: Office, folder: Path, name: str, query: str, words: str, part: str) -> None:
    complaints: list[str] = []
    page = chromium.new_page(viewport={"width": 1100, "height": 900}, device_scale_factor=1.5)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{desk.slack.url}{query}")
    shown = page.get_by_test_id(part).first
    expect(shown).to_contain_text(words, timeout=20_000)
    shown.screenshot(path=Path(PICTURES or folder) / f"{name}.png", animations="disabled", caret="hide")
    page.close()
    assert complaints == []
