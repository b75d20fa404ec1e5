"""The one-time page in a browser: its own policy lets its script run, and nothing complains."""

import socket
import threading
from collections.abc import Iterator

import pytest
import redis
import uvicorn
from playwright.sync_api import sync_playwright
from pydantic import SecretStr

from bot.health import Health
from bot.pages import SERVER_OPTIONS, pages
from jobs.adapters.links import OneTimeLinks
from jobs.adapters.secrets import SecretStore

CANARY = "c4n&ry/p@ss%w\"o'rd"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def test_a_person_hands_over_a_password(redis_url: str, chromium_path: str, listening: socket.socket) -> None:
    client = redis.Redis.from_url(redis_url)
    links, secrets = OneTimeLinks(client), SecretStore(client, SecretStr("k" * 32))
    handed: list[str] = []
    app = pages(
        links=links,
        secrets=secrets,
        on_secret=lambda _migration, _user, reference: handed.append(reference),
        health=Health("web", {"redis": client.ping}),
    )
    server = uvicorn.Server(uvicorn.Config(app, **SERVER_OPTIONS))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/secret/{links.make('m1', 'U1', 'orders')}"
        complaints = _hand_over(address, chromium_path)
    finally:
        server.should_exit = True
        thread.join()
    assert complaints == []
    assert [secrets.resolve(reference).get_secret_value() for reference in handed] == [CANARY]
    client.close()


def _hand_over(address: str, chromium_path: str) -> list[str]:
    """Types, shows, hides and sends; what the browser complained about meanwhile."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        field, eye = page.get_by_label("Password"), page.get_by_role("button", name="Show")
        field.fill(CANARY)
        eye.click()
        assert field.get_attribute("type") == "text"
        page.get_by_role("button", name="Hide").click()
        assert field.get_attribute("type") == "password"
        page.get_by_role("button", name="Hand over").click()
        page.get_by_role("heading", name="Thank you").wait_for()
        browser.close()
    return complaints
