"""A whole migration as people do it in the page: every click of the three steps, the gate and the thread.

It leaves pictures for the README: in a temporary folder, or in the folder that FERRYBOT_SCREENSHOTS names, then of
a larger shop, so that the figures in them mean something.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from bot.sandbox.compare import compare
from bot.sandbox.servers import PostgresServer
from bot.sandbox.stage import Stage
from tests.support.servers import Database, FreshDatabase, ShopDatabase

PICTURES = os.environ.get("FERRYBOT_SCREENSHOTS", "")
SCALE = 0.5 if PICTURES else 0.02
PATIENCE_MS = 120_000 if PICTURES else 30_000
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Browser:
    """The page as a person uses it: by what can be read and pressed."""

    page: Page
    pictures: Path
    complaints: list[str] = field(default_factory=list)

    def become(self, person: str) -> None:
        """Act as somebody else, in the same window."""
        self.page.get_by_test_id(f"person-{person}").click()
        expect(self.page.get_by_test_id(f"person-{person}")).to_have_attribute("aria-checked", "true")

    def type(self, text: str) -> None:
        """Write into the channel."""
        box = self.page.get_by_test_id("composer")
        box.fill(text)
        box.press("Enter")

    @property
    def modal(self) -> Locator:
        return self.page.get_by_test_id("modal")

    def step(self, number: int) -> None:
        """Wait for one of the three steps."""
        expect(self.modal).to_contain_text(f"Step {number} of 3")

    def choose(self, action: str, search: str, value: str) -> None:
        """Open a select, type into its search, take what is offered."""
        self.modal.locator(f"[data-action-id={action}]").click()
        self.page.get_by_test_id("select-search").fill(search)
        self.page.locator(f"[data-testid=option][data-value={value}]").click()
        expect(self.modal.locator(f"[data-action-id={action}]")).to_contain_text(value)

    def tick(self, label: str) -> None:
        """Tick a box; what was sent a moment before may come back and draw it empty once more in between."""
        box = self.modal.get_by_label(label)
        box.click()
        expect(box).to_be_checked()

    def submit(self, word: str) -> None:
        """Press the modal's green button, which must say this."""
        button = self.modal.get_by_test_id("modal-submit")
        expect(button).to_have_text(word)
        button.click()

    @property
    def card(self) -> Locator:
        """The migration's card in the channel."""
        return self.page.get_by_label("Messages").get_by_test_id("message").filter(has_text="Migration:").last

    def press(self, label: str, *, confirm: str = "") -> None:
        """A button of the card, with its confirmation."""
        self.card.locator("button", has_text=label).click()
        if confirm:
            dialog = self.page.get_by_test_id("confirm")
            expect(dialog).to_contain_text("Plan ")
            dialog.get_by_role("button", name=confirm).click()

    def picture(self, name: str, part: Locator | None = None) -> None:
        """The whole page, or a part of it from its top."""
        self.page.mouse.move(700, 2)
        self.page.evaluate("document.activeElement?.blur()")
        if part is not None:
            part.locator(".modal-body").evaluate("body => { body.scrollTop = 0; }")
        shown = self.page if part is None else part
        shown.screenshot(path=self.pictures / f"{name}.png", animations="disabled", caret="hide")


@pytest.fixture
def source(shop_db: ShopDatabase, pg16: PostgresServer) -> Database:
    return shop_db(pg16, SCALE)


@pytest.fixture
def target(fresh_db: FreshDatabase, pg18: PostgresServer) -> Database:
    made = fresh_db(pg18)
    with made.connect() as connection:
        # Roles belong to the server, not to the database: a migration needs them on the target beforehand.
        if not connection.execute("select 1 from pg_roles where rolname = 'shop_app'").fetchone():
            connection.execute("create role shop_app")
    return made


@pytest.fixture
def stage(source: Database, target: Database) -> Iterator[Stage]:
    services = {
        "shop-legacy": _service("production", "SHOP_SOURCE_URL", "The old shop, PostgreSQL 16"),
        "shop-production": _service("production", "SHOP_TARGET_URL", "The new shop, PostgreSQL 18"),
    }
    with Stage(services, {"SHOP_SOURCE_URL": source.url, "SHOP_TARGET_URL": target.url}) as running:
        yield running


def _service(environment: str, secret: str, description: str) -> dict[str, object]:
    return {
        "engine": "postgresql",
        "environment": environment,
        "description": description,
        "secret": f"env:{secret}",
    }


@pytest.fixture
def browser(stage: Stage, chromium_path: str, tmp_path: Path) -> Iterator[Browser]:
    pictures = Path(PICTURES) if PICTURES else tmp_path
    pictures.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        page = chromium.new_page(viewport={"width": 1400, "height": 1000}, device_scale_factor=1.5)
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        made = Browser(page, pictures)
        page.on("console", lambda message: made.complaints.append(message.text))
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        page.goto(f"{stage.slack.url}?as=U0ALICE&channel=C0MIGRATIONS")
        yield made
        chromium.close()


@pytest.mark.story
def test_people_move_a_database(browser: Browser, stage: Stage, source: Database, target: Database) -> None:
    _configure(browser)
    _validate(browser)
    _request(browser)
    _outsider(browser)
    _approver(browser)
    _thread(browser)
    _logs(browser)
    assert compare(source.dsn, target.dsn) == []
    assert browser.complaints == []
    assert stage.slack.problems == []


def _configure(browser: Browser) -> None:
    browser.become("U0CAROL")
    browser.type("The new cluster is up: PostgreSQL 18, empty, backed up nightly.")
    browser.become("U0ALICE")
    browser.type("Thanks! Then I move the shop over.")
    browser.type("/migrate")
    browser.step(1)
    browser.choose("target_select", "new shop", "shop-production")
    expect(browser.modal).to_contain_text("somebody else approves the plan")
    expect(browser.modal).to_contain_text("How a PostgreSQL migration goes")
    browser.modal.get_by_label("Free disk space on the target").fill("40 GB")
    browser.tick("The target has room")
    browser.picture("steps-1", browser.modal)
    browser.submit("Get started")


def _validate(browser: Browser) -> None:
    browser.step(2)
    browser.choose("source_service_select", "old", "shop-legacy")
    browser.submit("Run check")
    expect(browser.modal).to_contain_text("checks ran, nothing blocks")
    expect(browser.modal).to_contain_text("have no primary key")
    browser.picture("steps-2", browser.modal)
    browser.submit("Continue")


def _request(browser: Browser) -> None:
    browser.step(3)
    for words in ("What will be done", "Largest tables", "must approve exactly this plan"):
        expect(browser.modal).to_contain_text(words)
    browser.picture("steps-3", browser.modal)
    browser.tick("I have read")
    browser.submit("Migrate")
    expect(browser.card).to_contain_text("Waiting for approval")


def _outsider(browser: Browser) -> None:
    browser.become("U0MALLORY")
    browser.press("Approve", confirm="Approve")
    refusal = browser.page.get_by_test_id("message").filter(has_text="Only visible to you")
    expect(refusal).to_contain_text("may approve this migration")
    expect(browser.card).to_contain_text("Waiting for approval")


def _approver(browser: Browser) -> None:
    browser.become("U0BOB")
    expect(browser.page.get_by_text("Only visible to you")).to_have_count(0)
    browser.press("Approve", confirm="Approve")
    expect(browser.card).to_contain_text("Done and verified")


def _thread(browser: Browser) -> None:
    browser.page.set_viewport_size({"width": 1400, "height": 900})
    browser.card.get_by_test_id("replies").click()
    thread = browser.page.get_by_test_id("thread")
    file = thread.get_by_test_id("file").first  # the log; the picture of the run hangs beside it
    for words in ("approved plan", "Receipt", "same count and checksum"):
        expect(thread).to_contain_text(words)
    expect(file).to_be_visible()
    browser.picture("thread")
    with browser.page.expect_download() as download:
        file.get_by_role("link").click()
    log = download.value.path().read_text(encoding="utf-8")
    assert "shop-legacy → shop-production" in log and "finished" in log and '"crm.customer"' in log


def _logs(browser: Browser) -> None:
    browser.press("Show logs")
    expect(browser.modal.get_by_role("heading", name="Log")).to_be_visible()
    expect(browser.modal).to_contain_text("newest first")
    expect(browser.modal).to_contain_text("Receipt")
    browser.modal.get_by_test_id("modal-close").click()
    expect(browser.modal).to_have_count(0)
