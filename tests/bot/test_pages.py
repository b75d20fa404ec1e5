"""The one-time page over HTTP: who may see it, what it takes, and that it takes it once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
import redis
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from bot.health import Health
from bot.metrics import Values, registry
from bot.pages import MAX_BODY, pages
from jobs.adapters.links import OneTimeLinks
from jobs.adapters.secrets import SecretStore

CANARY = "c4n&ry/p@ss%w\"o'rd"
LOCAL = "http://127.0.0.1:3000"
PUBLIC = "https://ferry.example.com"
TLS = {"x-forwarded-proto": "https"}


@dataclass
class Site:
    """The application and what it was wired to."""

    client: redis.Redis
    public_url: str | None = None
    fail: Exception | None = None
    handed: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.links = OneTimeLinks(self.client)
        self.secrets = SecretStore(self.client, SecretStr("k" * 32), {})

    def on_secret(self, migration: str, user: str, reference: str) -> None:
        if self.fail:
            raise self.fail
        self.handed.append((migration, user, reference))

    def link(self) -> str:
        return f"/secret/{self.links.make('m1', 'U1', 'orders <b> on db')}"

    def browser(self, address: str = LOCAL, peer: str = "127.0.0.1") -> TestClient:
        app = pages(
            links=self.links,
            secrets=self.secrets,
            on_secret=self.on_secret,
            health=Health("web", {"redis": self.client.ping}, {"queues": lambda: {"migrations": 2}}),
            public_url=self.public_url,
        )
        return TestClient(app, base_url=address, client=(peer, 5))


@pytest.fixture
def site(redis_url: str) -> Iterator[Site]:
    with redis.Redis.from_url(redis_url) as client:
        yield Site(client)


def test_shown_often_taken_once(site: Site) -> None:
    browser, link = site.browser(), site.link()
    for _ in range(3):
        page = browser.get(link)
        assert page.status_code == 200
        assert "orders &lt;b&gt; on db" in page.text
    taken = browser.post(link, data={"secret": CANARY})
    assert taken.status_code == 200
    assert "Thank you" in taken.text
    assert CANARY not in taken.text
    ((migration, user, reference),) = site.handed
    assert (migration, user) == ("m1", "U1")
    assert site.secrets.resolve(reference).get_secret_value() == CANARY
    again = browser.post(link, data={"secret": CANARY})
    assert again.status_code == 404
    assert len(site.handed) == 1


def test_used_and_unknown_links_look_the_same(site: Site) -> None:
    browser, link = site.browser(), site.link()
    browser.post(link, data={"secret": "x"})
    used, unknown = browser.get(link), browser.get(f"/secret/{'y' * 43}")
    posted = browser.post(f"/secret/{'y' * 43}", data={"secret": "x"})
    assert used.status_code == unknown.status_code == posted.status_code == 404
    assert used.text == unknown.text == posted.text
    assert used.headers == unknown.headers


def test_headers_and_page(site: Site) -> None:
    page = site.browser().get(site.link())
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"(src|href)=\"(?!data:)", page.text)
    assert "$" not in page.text
    assert 'autocomplete="off"' in page.text
    assert '<label for="secret">' in page.text


@pytest.mark.parametrize("body", [{}, {"secret": ""}, {"secret": "x" * 5000}, {"secret": "a\x00b"}])
def test_an_unusable_password_does_not_use_the_link_up(site: Site, body: Mapping[str, str]) -> None:
    browser, link = site.browser(), site.link()
    page = browser.post(link, data=body)
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert browser.post(link, data={"secret": "good"}).status_code == 200


def test_another_site_cannot_post(site: Site) -> None:
    browser, link = site.browser(), site.link()
    assert browser.post(link, data={"secret": "x"}, headers={"sec-fetch-site": "cross-site"}).status_code == 404
    assert browser.post(link, data={"secret": "x"}, headers={"sec-fetch-site": "same-origin"}).status_code == 200


@pytest.mark.parametrize(
    ("public_url", "address", "peer", "headers", "status"),
    [
        (None, LOCAL, "127.0.0.1", {}, 200),
        (None, "http://localhost:3000", "::1", {}, 200),
        (None, "https://ferry.example.com", "10.0.0.9", {}, 200),
        (None, LOCAL, "10.0.0.9", {}, 403),
        (None, "http://evil.example.com", "127.0.0.1", {}, 403),
        (None, LOCAL, "127.0.0.1", {"x-forwarded-for": "10.0.0.9"}, 403),
        (None, LOCAL, "127.0.0.1", TLS, 403),
        (LOCAL, LOCAL, "127.0.0.1", TLS, 403),
        (PUBLIC, "http://ferry.example.com", "10.0.0.9", TLS, 200),
        (PUBLIC, "http://ferry.example.com", "10.0.0.9", {"x-forwarded-proto": "https, https"}, 200),
        (PUBLIC, "http://ferry.example.com", "10.0.0.9", {"x-forwarded-proto": "https, http"}, 403),
        (PUBLIC, "http://ferry.example.com", "10.0.0.9", {"x-forwarded-proto": "http"}, 403),
        (PUBLIC, "http://ferry.example.com", "10.0.0.9", {}, 403),
        (PUBLIC, LOCAL, "127.0.0.1", {}, 200),
    ],
)
def test_only_where_nobody_reads_along(
    site: Site, public_url: str | None, address: str, peer: str, headers: Mapping[str, str], status: int
) -> None:
    site.public_url = public_url
    browser, link = site.browser(address, peer), site.link()
    assert browser.get(link, headers=headers).status_code == status
    posted = browser.post(link, data={"secret": "x"}, headers=headers)
    assert posted.status_code == status
    assert len(site.handed) == (status == 200)


def test_a_password_nobody_took_over_is_deleted(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.fail = RuntimeError("the ledger is away")
    page = site.browser().post(site.link(), data={"secret": CANARY})
    assert page.status_code == 500
    assert site.client.keys("ferrybot:once:*") == []
    assert CANARY not in caplog.text


def test_without_redis_the_page_says_so(redis_url: str) -> None:
    with redis.Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        browser = Site(nowhere).browser()
        page = browser.get("/secret/" + "y" * 43)
        assert page.status_code == 503
        health = browser.get("/healthz")
    assert health.status_code == 503
    assert health.json()["redis"] == "away (ConnectionError)"


def test_health(site: Site) -> None:
    health = site.browser().get("/healthz")
    assert health.status_code == 200
    known = {"redis": "ok", "queues": {"migrations": 2}, "process": "web"}
    assert health.json() == {**known, "version": health.json()["version"]}


def fails() -> list[tuple[str, float]]:
    raise OSError("postgresql://u:secret@h/d")


def bare(*known: Values) -> TestClient:
    nowhere = redis.Redis(port=1)

    async def slack(request: Request) -> Response:
        return PlainTextResponse(f"{len(await request.body())} bytes")

    app = pages(
        links=OneTimeLinks(nowhere),
        secrets=SecretStore(nowhere),
        on_secret=lambda *_: None,
        health=Health("web", {}),
        metrics=registry("web", *known),
        slack_handler=slack,
    )
    return TestClient(app)


def test_metrics() -> None:
    answer = bare(
        Values("ferrybot_queue", "Waiting jobs.", "queue", lambda: [("slack", 1), ('a"b\\\n', 2.5)]),
        Values("ferrybot_broken", "Never.", "x", fails),
    ).get("/metrics")
    text = answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE ferrybot_queue gauge" in text
    assert 'ferrybot_queue{queue="slack"} 1.0\n' in text
    assert 'ferrybot_queue{queue="a\\"b\\\\\\n"} 2.5\n' in text
    assert "ferrybot_broken" not in text and "secret" not in text
    assert "ferrybot_metric_errors 1.0\n" in text
    assert 'ferrybot_info{process="web",version="' in text
    assert "process_cpu_seconds_total" in text


def test_slack_events_are_passed_on_and_limited() -> None:
    browser = bare()
    assert browser.post("/slack/events", content=b"x" * 10).text == "10 bytes"
    assert browser.post("/slack/events", content=b"x" * (MAX_BODY + 1)).status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY // 65536 + 1):
            yield b"x" * 65536

    assert browser.post("/slack/events", content=chunks()).status_code == 413
    assert browser.get("/slack/events").status_code == 405


def test_without_a_handler_there_is_no_slack_route(site: Site) -> None:
    assert site.browser().post("/slack/events").status_code == 404
