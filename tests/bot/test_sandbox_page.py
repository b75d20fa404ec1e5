"""The page in a real browser: what a person clicks arrives, what the app shows appears."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from slack_bolt import App
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_socket
from websockets.typing import Origin

from bot.sandbox.slack.server import SlackSandbox
from tests.bot.sandbox_support import (
    CHANNEL,
    app_of,
    button,
    client_of,
    modal,
    mrkdwn,
    option,
    over_sockets,
    plain,
    section,
)

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def sandbox() -> Iterator[SlackSandbox]:
    with over_sockets(_app) as running:
        running.rates.enabled = False
        yield running


@pytest.fixture
def page(browser: Browser, sandbox: SlackSandbox) -> Iterator[Page]:
    opened = browser.new_page()
    opened.set_default_timeout(5000)
    expect.set_options(timeout=5000)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{sandbox.url}?as=U0ALICE&channel={CHANNEL}")
    opened.wait_for_selector("[data-testid=composer]")
    yield opened
    opened.close()
    assert errors == []


def _app(sandbox: SlackSandbox) -> App:
    app = app_of(sandbox)

    @app.action("stop")
    def stop(ack: Any, respond: Any) -> None:
        ack()
        respond("stopped")

    return app


def say(page: Page, text: str) -> None:
    page.get_by_test_id("composer").fill(text)
    page.get_by_test_id("composer").press("Enter")


@pytest.mark.browser
def test_from_command_to_thread_by_mouse_and_keyboard(page: Page, sandbox: SlackSandbox) -> None:
    say(page, "/migrate")
    dialog = page.get_by_test_id("modal")
    expect(dialog).to_be_visible()
    dialog.get_by_test_id("modal-submit").click()
    expect(dialog.get_by_test_id("field-error")).to_have_count(2)

    dialog.locator("[data-action-id=source]").click()
    page.get_by_test_id("select-search").fill("bill")
    expect(page.get_by_test_id("option")).to_have_count(1)
    page.get_by_test_id("select-search").press("Enter")
    expect(dialog.locator("[data-action-id=source]")).to_contain_text("Database billing")

    dialog.locator("input[data-block-id=reason]").fill("why")
    dialog.locator("input[data-block-id=reason]").press("Enter")
    expect(dialog.get_by_test_id("field-error")).to_have_text("Say more.")
    dialog.locator("input[data-block-id=reason]").fill("the host retires")
    dialog.get_by_test_id("modal-submit").click()
    expect(dialog).to_have_count(0)

    message = page.get_by_test_id("message").last
    expect(message).to_contain_text("billing by @Alice Requester")
    page.get_by_test_id("person-U0BOB").click()
    message.locator("[data-action-id=approve]").click()
    expect(page.get_by_text("Only visible to you")).to_be_visible()
    page.get_by_test_id("replies").click()
    expect(page.get_by_test_id("thread")).to_contain_text("approved by U0BOB")
    page.get_by_test_id("thread-composer").fill("Thank you")
    page.get_by_test_id("thread-composer").press("Enter")
    expect(page.get_by_test_id("thread")).to_contain_text("2 replies")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("thread")).to_have_count(0)
    assert sandbox.problems == []


@pytest.mark.browser
def test_typing_survives_updates_of_the_modal(page: Page, sandbox: SlackSandbox) -> None:
    say(page, "/migrate")
    field = page.locator("input[data-block-id=reason]")
    field.press_sequentially("half a sen")
    view = sandbox.person("U0ALICE").modal()
    assert view is not None
    blocks = [section("*news from the app*"), *view.blocks]
    client_of(sandbox).views_update(view_id=view.id, view=modal(*blocks))
    expect(page.get_by_test_id("modal")).to_contain_text("news from the app")
    expect(field).to_be_focused()
    field.press_sequentially("tence")
    expect(field).to_have_value("half a sentence")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("modal")).to_have_count(0)


@pytest.mark.browser
def test_confirmations_hold_and_let_go(page: Page, sandbox: SlackSandbox) -> None:
    dialog = {
        "title": plain("Stop it?"),
        "text": mrkdwn("*Really?*"),
        "confirm": plain("Stop"),
        "deny": plain("Go on"),
    }
    actions = {"type": "actions", "elements": [button("stop", confirm=dialog)]}
    client_of(sandbox).chat_postMessage(channel=CHANNEL, text="t", blocks=[actions])
    stop = page.locator("[data-action-id=stop]")
    stop.click()
    page.get_by_test_id("confirm-deny").click()
    expect(page.get_by_test_id("confirm")).to_have_count(0)
    assert sandbox.person("U0ALICE").ephemerals() == []
    stop.click()
    page.get_by_test_id("confirm-yes").click()
    expect(page.get_by_text("stopped")).to_be_visible()


@pytest.mark.browser
def test_markup_is_drawn_and_never_html(page: Page, sandbox: SlackSandbox) -> None:
    text = "*bold* _it_ ~gone~ `code` <https://a.example/|link> <@U0BOB> <#C0RANDOM>"
    text += " &lt;b&gt;raw&lt;/b&gt; :x: ██████░░░░ 60 %"
    client_of(sandbox).chat_postMessage(
        channel=CHANNEL, text="t", blocks=[section(text), section("```a\n<img src=x>```")]
    )
    message = page.get_by_test_id("message").last
    for selector, words in {"strong": "bold", "em": "it", "s": "gone", "code": "code", "a": "link"}.items():
        expect(message.locator(f".message-body {selector}")).to_have_text(words)
    expect(message.locator(".mention")).to_have_text(["@Bob Approver", "#random"])
    expect(message).to_contain_text("<b>raw</b>")
    expect(message.locator("pre")).to_have_text("a\n<img src=x>")
    expect(message.locator("img")).to_have_count(0)
    expect(message.get_by_label("x", exact=True)).to_be_visible()
    expect(message.locator(".bar")).to_have_text("██████░░░░")


@pytest.mark.browser
def test_home_faults_and_files(page: Page, sandbox: SlackSandbox) -> None:
    page.get_by_test_id("place-app").click()
    expect(page.get_by_test_id("home")).to_contain_text("your migrations")
    page.get_by_test_id("place-C0MIGRATIONS").click()
    client_of(sandbox).files_upload_v2(channel=CHANNEL, content="line one", filename="run.log", title="The log")
    expect(page.get_by_test_id("file")).to_contain_text("The log")
    with page.expect_download() as download:
        page.get_by_test_id("file").locator("a").click()
    assert download.value.path().read_text() == "line one"
    page.get_by_test_id("faults").click()
    page.get_by_test_id("swallow_gestures").click()
    sandbox.wait_for(lambda s: s.faults.swallow_gestures, 5, "switch")
    say(page, "/migrate")
    expect(page.get_by_test_id("toast")).to_contain_text('/migrate failed with the error "operation_timeout"')
    expect(page.get_by_test_id("problems")).to_contain_text("not acknowledged")


ELEMENTS: dict[str, dict[str, Any]] = {
    "one": {"type": "static_select", "options": [option("First", "1"), option("Second", "2")]},
    "some": {
        "type": "multi_static_select",
        "options": [option(name, name) for name in ("ape", "cat")],
    },
    "who": {"type": "users_select"},
    "ticks": {"type": "checkboxes", "options": [option("Left", "l"), option("Right", "r")]},
    "either": {"type": "radio_buttons", "options": [option("Yes", "y"), option("No", "n")]},
    "day": {"type": "datepicker"},
    "hour": {"type": "timepicker"},
    "count": {"type": "number_input", "is_decimal_allowed": False, "max_value": "10"},
    "long": {"type": "plain_text_input", "multiline": True},
}


@pytest.mark.browser
def test_every_kind_of_field_reaches_the_app(page: Page, sandbox: SlackSandbox) -> None:
    inputs = [
        {"type": "input", "block_id": name, "label": plain(name), "element": element | {"action_id": name}}
        for name, element in ELEMENTS.items()
    ]
    sandbox.ack_seconds = 0.2  # nobody listens to the submission at the end
    ticket = sandbox.state.triggers.issue("U0ALICE", in_modal=False)
    client_of(sandbox).views_open(trigger_id=ticket, view=modal(*inputs))
    view = sandbox.person("U0ALICE").modal()
    assert view is not None

    def at(name: str) -> Locator:
        return page.locator(f"[data-testid=modal] [data-action-id={name}]")

    at("one").press("ArrowDown")  # by keyboard alone
    page.get_by_test_id("select-search").press("ArrowDown")
    page.get_by_test_id("select-search").press("Enter")
    expect(at("one")).to_be_focused()
    at("some").click()
    page.locator("[data-value=ape]").click()
    expect(at("some")).to_contain_text("ape")
    page.locator("[data-value=cat]").click()
    expect(at("some")).to_contain_text("apecat")
    page.keyboard.press("Escape")
    at("who").click()
    page.get_by_test_id("select-search").fill("carol")
    page.get_by_test_id("option").filter(has_text="Carol").click()
    # A click and a look that waits: the page may draw the form anew between the two.
    at("ticks").get_by_label("Right").click()
    expect(at("ticks").get_by_label("Right")).to_be_checked()
    at("either").get_by_label("No").click()
    expect(at("either").get_by_label("No")).to_be_checked()
    at("day").fill("2026-12-24")
    at("hour").fill("18:30")
    at("long").fill("one\ntwo")
    at("count").fill("11")
    at("count").blur()
    expect(page.get_by_test_id("field-error")).to_have_text("Enter a number of at most 10.")
    at("count").fill("10")
    page.get_by_test_id("modal-submit").click()
    sandbox.wait_for(lambda s: s.problems, 5, "submission")  # what was entered stays
    entered = {name: view.value(name) for name in ELEMENTS}
    assert entered["one"]["value"] == "2" and [one["value"] for one in entered["some"]] == ["ape", "cat"]
    assert entered["who"] == "U0CAROL" and [one["value"] for one in entered["ticks"]] == ["r"]
    assert entered["either"]["value"] == "n" and entered["count"] == "10" and entered["long"] == "one\ntwo"
    assert entered["day"] == "2026-12-24" and entered["hour"] == "18:30"


@pytest.mark.browser
def test_deep_links_choose_person_channel_and_thread(browser: Browser, sandbox: SlackSandbox) -> None:
    client = client_of(sandbox)
    ts = client.chat_postMessage(channel=CHANNEL, text="parent")["ts"]
    client.chat_postMessage(channel=CHANNEL, text="a reply", thread_ts=ts)
    page = browser.new_page()
    page.goto(client.chat_getPermalink(channel=CHANNEL, message_ts=ts)["permalink"] + "?as=U0BOB")
    expect(page.get_by_test_id("thread")).to_contain_text("a reply")
    page.goto(f"{sandbox.url}?as=U0BOB&channel={CHANNEL}&thread={ts}")
    expect(page.get_by_test_id("thread")).to_contain_text("a reply")
    expect(page.get_by_test_id("person-U0BOB")).to_have_attribute("aria-checked", "true")
    page.close()


def request(sandbox: SlackSandbox, path: str, body: Any = None, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1].strip("/")), timeout=5)
    connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_only_this_machine_s_pages_may_act(sandbox: SlackSandbox) -> None:
    own = sandbox.url.strip("/")
    say_hello = {"as": "U0ALICE", "do": "say", "channel": CHANNEL, "text": "hello"}
    assert request(sandbox, "/") == 200
    assert request(sandbox, "/", Host="evil.example") == 403
    assert request(sandbox, "/page/../server.py") == 404
    assert request(sandbox, "/do/act", say_hello, Origin="https://evil.example") == 403
    assert request(sandbox, "/do/act", say_hello, Host="evil.example") == 403
    assert sandbox.channel(CHANNEL).messages == []
    assert request(sandbox, "/do/act", say_hello, Origin=own) == 200
    assert len(sandbox.channel(CHANNEL).messages) == 1
    live = own.replace("http", "ws") + "/live?as=U0ALICE"
    with pytest.raises(InvalidStatus), connect_socket(live, origin=Origin("https://evil.example")):
        pass
    with connect_socket(live) as socket:
        assert json.loads(socket.recv(5))["me"] == "U0ALICE"
