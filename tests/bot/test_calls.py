"""Calls to Slack end in one of three ways, and every fault ends in the right one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from redis import Redis
from slack_sdk.web import WebClient

from bot.calls import PATIENCE, Calls, Later, Pace, SlackRefusal, Uncertain
from bot.sandbox.slack.server import SlackSandbox
from tests.bot.sandbox_support import CHANNEL, client_of


@pytest.fixture
def sandbox() -> Iterator[SlackSandbox]:
    with SlackSandbox() as running:
        running.rates.enabled = False
        yield running


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def calls(sandbox: SlackSandbox, redis: Redis) -> Calls:
    return Calls(client_of(sandbox, timeout=1), Pace(redis, enabled=False))


def post(calls: Calls, **more: Any) -> dict[str, Any]:
    return calls.call("chat.postMessage", channel=CHANNEL, text="words", **more)


def said(sandbox: SlackSandbox) -> int:
    return len(sandbox.channel(CHANNEL).all_messages)


def test_done(sandbox: SlackSandbox, calls: Calls) -> None:
    answer = post(calls, thread_ts=None)
    assert answer["ok"] is True and said(sandbox) == 1
    assert "thread_ts" not in sandbox.calls[0].args, "what is None is not sent"
    assert sandbox.problems == []


def test_refused_with_slacks_own_word(sandbox: SlackSandbox, calls: Calls) -> None:
    sandbox.faults.refuse("chat.postMessage", "not_in_channel", times=1)
    with pytest.raises(SlackRefusal) as refusal:
        post(calls)
    assert refusal.value.code == "not_in_channel"
    sandbox.faults.refuse("chat.postMessage", "missing_scope", times=1)
    with pytest.raises(SlackRefusal, match="missing_scope unknown"):
        post(calls)
    assert said(sandbox) == 0 and sandbox.problems == []


def test_refused_says_which_block_is_wrong(sandbox: SlackSandbox, calls: Calls) -> None:
    with pytest.raises(SlackRefusal) as refusal:
        post(calls, blocks=[{"type": "section"}])
    assert refusal.value.code == "invalid_blocks" and "/blocks/0" in refusal.value.detail


@pytest.mark.parametrize("seconds", [1, 7, 120])
def test_later_when_slack_says_when(sandbox: SlackSandbox, calls: Calls, seconds: int) -> None:
    sandbox.faults.ratelimit("chat.postMessage", retry_after=seconds)
    with pytest.raises(Later) as later:
        post(calls)
    assert later.value.seconds == seconds and said(sandbox) == 0
    assert sandbox.problems == []


FAULTS: dict[str, Callable[[SlackSandbox], Any]] = {
    "500": lambda s: s.faults.server_error("chat.postMessage"),
    "timeout": lambda s: s.faults.time_out("chat.postMessage"),
    "drop": lambda s: s.faults.drop("chat.postMessage"),
    "outage": lambda s: setattr(s.faults, "outage", True),
    "internal_error": lambda s: s.faults.refuse("chat.postMessage", "internal_error", times=1),
    "fatal_error": lambda s: s.faults.refuse("chat.postMessage", "fatal_error", times=1),
    "applied, 500": lambda s: s.faults.apply_then_fail(how="500"),
    "applied, drop": lambda s: s.faults.apply_then_fail(how="drop"),
    "applied, timeout": lambda s: s.faults.apply_then_fail(how="timeout"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_uncertain_and_never_tried_again_behind_our_back(sandbox: SlackSandbox, calls: Calls, fault: str) -> None:
    FAULTS[fault](sandbox)
    with pytest.raises(Uncertain):
        post(calls)
    sandbox.wait_for(lambda s: s.calls, 5, "call")
    assert len(sandbox.calls) == 1
    assert said(sandbox) == fault.startswith("applied")
    assert sandbox.problems == []


def test_uncertain_when_nobody_is_there(redis: Redis) -> None:
    client = WebClient(token="xoxb-1", base_url="http://127.0.0.1:1/api/", timeout=1)
    with pytest.raises(Uncertain):
        post(Calls(client, Pace(redis, enabled=False)))


# --- what goes over the wire ----------------------------------------------------------------------------


class Wire:
    """A server that keeps what it was sent and answers what it was told to."""

    def __init__(self) -> None:
        self.status, self.answer, self.headers = 200, b'{"ok": true}', {"Content-Type": "application/json"}
        self.heard: list[tuple[str, str, bytes]] = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                wire.heard.append((self.path, self.headers["Content-Type"], body))
                self.send_response(wire.status)
                for name, value in wire.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(wire.answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    thread = threading.Thread(target=wire.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield wire
    wire.server.shutdown()
    thread.join()
    wire.server.server_close()


@pytest.fixture
def wired(wire: Wire, redis: Redis) -> Calls:
    client = WebClient(token="xoxb-1", base_url=wire.url, timeout=5)
    return Calls(client, Pace(redis, enabled=False))


def test_only_writing_methods_get_json(wire: Wire, wired: Calls) -> None:
    """Slack ignores a JSON body of its other methods: the arguments would not be there."""
    wired.call("chat.postMessage", channel="C1", text="ä", blocks=[])
    wired.call("views.update", view_id="V1", view={"type": "modal"})
    wired.call("conversations.replies", channel="C1", ts="1.2", include_all_metadata=True, limit=200)
    wired.call("files.completeUploadExternal", files=[{"id": "F1"}], channel_id="C1")
    kinds = [kind.split(";")[0] for _, kind, _ in wire.heard]
    form = "application/x-www-form-urlencoded"
    assert kinds == ["application/json", "application/json", form, form]
    assert b"include_all_metadata=1" in wire.heard[2][2] and b"limit=200" in wire.heard[2][2]
    assert b"files=%5B%7B%22id%22%3A+%22F1%22%7D%5D" in wire.heard[3][2]


@pytest.mark.parametrize("status", [200, 404, 502])
def test_uncertain_when_something_else_answers(wire: Wire, wired: Calls, status: int) -> None:
    wire.status, wire.answer = status, b"<html>Bad gateway</html>"
    with pytest.raises(Uncertain):
        wired.call("chat.postMessage", channel="C1", text="x")


def test_later_without_a_readable_time(wire: Wire, wired: Calls) -> None:
    wire.status, wire.answer = 429, b'{"ok": false, "error": "ratelimited"}'
    wire.headers["Retry-After"] = "soon"
    with pytest.raises(Later) as later:
        wired.call("chat.postMessage", channel="C1", text="x")
    assert later.value.seconds == 1


@pytest.mark.parametrize("code", ["ratelimited", "rate_limited"])
def test_later_in_words_only(wire: Wire, wired: Calls, code: str) -> None:
    wire.answer = b'{"ok": false, "error": "%s"}' % code.encode()
    with pytest.raises(Later):
        wired.call("views.update", view_id="V1", view={})


def test_bytes_of_a_file_arrive_or_are_refused(wire: Wire, wired: Calls) -> None:
    wired.upload(wire.url + "upload", b"\x00log")
    assert wire.heard[0][2] == b"\x00log"
    wire.status = 500
    with pytest.raises(SlackRefusal, match="upload_failed"):
        wired.upload(wire.url + "upload", b"log")
    with pytest.raises(SlackRefusal, match="upload_failed"):
        wired.upload("http://127.0.0.1:1/", b"log")


# --- pace -----------------------------------------------------------------------------------------------


def test_two_couriers_share_one_pace(redis: Redis) -> None:
    one, two = Pace(redis), Pace(redis)
    waits = [pace.wait("chat.postMessage", "C1") for pace in (one, two, one, two, one)]
    assert waits[:3] == [0, 0, 0], "a burst of three"
    assert all(0 < wait <= 1.05 for wait in waits[3:])
    assert two.wait("chat.postMessage", "C2") == 0, "each channel has its own pace"


def test_edits_are_counted_for_the_whole_workspace(redis: Redis) -> None:
    pace = Pace(redis)
    granted = [pace.wait("chat.update", f"C{n}") for n in range(12)]
    assert granted.count(0) == 6


def test_what_goes_first_finds_a_turn_behind_any_crowd_and_figures_leave_room_for_news(redis: Redis) -> None:
    pace = Pace(redis, now=lambda: 1000.0)
    while not pace.wait("chat.postMessage", "C1"):
        pass
    assert pace.wait("chat.postMessage", "C1", "first") == 0
    assert pace.wait("chat.postMessage", "C1", "first") > 0, "first among others, but not above Slack's limit"
    while not pace.wait("chat.update", "C1", "progress"):
        pass
    assert [pace.wait("chat.update", "C1") for _ in range(4)].count(0) == 3


def test_methods_without_a_known_limit_are_not_held(redis: Redis) -> None:
    assert not any(Pace(redis).wait("files.getUploadURLExternal") for _ in range(50))


def test_a_turn_that_is_near_is_waited_for_by_the_eager_only(sandbox: SlackSandbox, redis: Redis) -> None:
    sandbox.rates.enabled = True
    one, two = (Calls(client_of(sandbox), Pace(redis)) for _ in range(2))
    for calls in (one, two, one):
        post(calls)
    with pytest.raises(Later):
        post(two, haste="progress")
    before = time.monotonic()
    post(two)
    assert 0.5 < time.monotonic() - before < PATIENCE
    assert said(sandbox) == 4 and sandbox.problems == []


def test_a_turn_that_is_far_is_not_waited_for(redis: Redis) -> None:
    pace = Pace(redis)
    calls = Calls(WebClient(token="xoxb-1", base_url="http://127.0.0.1:1/"), pace)
    assert pace.wait("conversations.replies") == 0
    before = time.monotonic()
    with pytest.raises(Later) as later:
        calls.call("conversations.replies", channel=CHANNEL, ts="1")
    assert later.value.seconds > PATIENCE and time.monotonic() - before < 1


def test_a_rest_that_slack_asked_for_holds_for_every_courier(sandbox: SlackSandbox, redis: Redis) -> None:
    one, two = (Calls(client_of(sandbox), Pace(redis)) for _ in range(2))
    sandbox.faults.ratelimit("chat.postMessage", retry_after=30)
    with pytest.raises(Later):
        post(one)
    with pytest.raises(Later) as later:
        post(two)
    assert 25 < later.value.seconds <= 30 + 1.05, "and one turn is left to what goes first"
    assert len(sandbox.calls) == 1, "the second did not even ask"
    assert sandbox.problems == []
