"""Bad days on demand: each misfortune happens as promised, and only that often."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import App
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler
from slack_sdk.web import WebClient

from bot.sandbox.slack.people import TROUBLE
from bot.sandbox.slack.records import ApiCall
from bot.sandbox.slack.server import SlackSandbox
from tests.bot.sandbox_support import CHANNEL, client_of, modal, over_sockets, plain, text_input


@pytest.fixture
def sandbox() -> Iterator[SlackSandbox]:
    with SlackSandbox() as running:
        yield running


def post(client: WebClient, text: str = "x") -> Any:
    return client.chat_postMessage(channel=CHANNEL, text=text)


def status_of(client: WebClient) -> int:
    with pytest.raises(SlackApiError) as caught:
        post(client)
    return int(caught.value.response.status_code)


def test_failures_before_anything_is_applied(sandbox: SlackSandbox) -> None:
    client = client_of(sandbox)
    sandbox.faults.ratelimit("chat.postMessage", retry_after=7)
    sandbox.faults.server_error("chat.postMessage")
    with pytest.raises(SlackApiError) as caught:
        post(client)
    assert caught.value.response.headers["retry-after"] == "7"
    assert status_of(client) == 500
    sandbox.faults.outage = True
    assert status_of(client) == 503
    sandbox.faults.outage = False
    sandbox.faults.refuse("chat.postMessage", "restricted_action", times=1)
    with pytest.raises(SlackApiError, match="restricted_action"):
        post(client)
    assert sandbox.channel(CHANNEL).messages == []
    assert post(client)["ok"]
    assert [call.fault for call in sandbox.calls] == [
        "ratelimited",
        "500",
        "outage",
        "restricted_action",
        None,
    ]
    assert sandbox.problems == []  # what was asked for is no problem


def test_refusals_stay_until_cleared(sandbox: SlackSandbox) -> None:
    client = client_of(sandbox)
    sandbox.faults.refuse("users.info", "missing_scope")
    for _ in range(2):
        with pytest.raises(SlackApiError, match="missing_scope"):
            client.users_info(user="U0BOB")
    sandbox.faults.clear()
    assert client.users_info(user="U0BOB")["ok"]


def test_no_answer_at_all(sandbox: SlackSandbox) -> None:
    sandbox.faults.time_out("chat.postMessage")
    with pytest.raises(TimeoutError):
        post(client_of(sandbox, timeout=0.2))
    assert sandbox.channel(CHANNEL).messages == [] and sandbox.calls[0].fault == "timeout"


def test_applied_then_500(sandbox: SlackSandbox) -> None:
    sandbox.faults.apply_then_fail("chat.postMessage")
    client = client_of(sandbox)
    assert status_of(client) == 500
    assert len(sandbox.channel(CHANNEL).messages) == 1
    assert post(client)["ok"] and len(sandbox.channel(CHANNEL).messages) == 2
    assert sandbox.calls[0].ok and sandbox.calls[0].fault == "applied, then 500"


def test_applied_then_dropped_is_posted_twice_by_the_sdk_that_retries(sandbox: SlackSandbox) -> None:
    sandbox.faults.apply_then_fail("chat.postMessage", how="drop")
    post(client_of(sandbox, retry_handlers=[ConnectionErrorRetryHandler()]), "twice")
    assert [m.text for m in sandbox.channel(CHANNEL).messages] == ["twice", "twice"]
    sandbox.faults.apply_then_fail("chat.postMessage", how="drop")
    with pytest.raises(ConnectionError):
        post(client_of(sandbox, retry_handlers=[]), "once")
    assert [m.text for m in sandbox.channel(CHANNEL).messages][2:] == ["once"]


def test_faults_can_be_narrowed_to_certain_calls(sandbox: SlackSandbox) -> None:
    sandbox.faults.apply_then_fail("chat.postMessage", only=lambda args: args["text"] == "that one")
    client = client_of(sandbox)
    assert post(client, "this one")["ok"]
    with pytest.raises(SlackApiError):
        post(client, "that one")


def test_a_hook_runs_between_the_deed_and_its_answer(sandbox: SlackSandbox) -> None:
    seen: list[tuple[str, int]] = []
    entered, release = threading.Event(), threading.Event()

    def look(call: ApiCall) -> None:
        seen.append((call.method, len(sandbox.channel(CHANNEL).messages)))
        entered.set()
        release.wait(5)

    sandbox.faults.before_answer("chat.postMessage", look)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(post(client_of(sandbox))))
    thread.start()
    assert entered.wait(5)
    assert seen == [("chat.postMessage", 1)] and answers == []
    assert client_of(sandbox).auth_test()["ok"]  # the server goes on meanwhile
    release.set()
    thread.join(5)
    assert answers[0]["ok"]


def test_a_gesture_without_acknowledgement(sandbox: SlackSandbox) -> None:
    alone = sandbox.person("U0ALICE").command("/migrate", "", CHANNEL)
    assert alone.error == '/migrate failed with the error "dispatch_failed"'  # nobody is connected

    with over_sockets(_deaf) as busy:
        busy.ack_seconds = 0.2
        alice = busy.person("U0ALICE")
        late = alice.command("/migrate", "now", CHANNEL)
        assert not late.acked and late.error == '/migrate failed with the error "operation_timeout"'
        assert [str(p) for p in busy.problems] == ["not acknowledged: /migrate now (operation_timeout)"]
        view = client_of(busy).views_open(
            trigger_id=busy.state.triggers.issue("U0ALICE", in_modal=False), view=modal(callback_id="never")
        )["view"]
        alice.fill("reason", "kept")
        result = alice.submit()
        assert not result.acked and result.error == TROUBLE
        modal_now = alice.modal()
        assert modal_now is not None and modal_now.id == view["id"] and modal_now.value("reason") == "kept"


def _deaf(sandbox: SlackSandbox) -> App:
    """An app without listeners: in Socket Mode Bolt then acknowledges nothing."""
    return App(client=client_of(sandbox), signing_secret="x")


def test_every_gesture_twice() -> None:
    heard: list[str] = []

    def build(sandbox: SlackSandbox) -> App:
        app = App(client=client_of(sandbox), signing_secret="x")

        @app.command("/migrate")
        def command(ack: Any, body: dict[str, Any]) -> None:
            ack("done")
            heard.append(body["trigger_id"])

        return app

    with over_sockets(build) as sandbox:
        sandbox.faults.duplicate_gestures = True
        assert sandbox.person("U0ALICE").command("/migrate", "", CHANNEL).ok
        sandbox.faults.duplicate_gestures = False
        assert sandbox.person("U0ALICE").command("/migrate", "", CHANNEL).ok
        assert len(sandbox.person("U0ALICE").ephemerals()) == 2
    assert len(heard) == 3 and heard[0] == heard[1] != heard[2]


def test_lost_gestures(sandbox: SlackSandbox) -> None:
    sandbox.faults.swallow_gestures = True
    assert "operation_timeout" in str(sandbox.person("U0ALICE").command("/migrate", "", CHANNEL).error)


BAD_ANSWERS: list[dict[str, Any]] = [
    {"response_action": "errors", "errors": {"no such block": "text"}},
    {"response_action": "errors", "errors": {"reason": ""}},
    {"response_action": "update", "view": modal(title=plain("x" * 25))},
    {"response_action": "vanish"},
]


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=["stranger", "empty", "view", "action"])
def test_bad_answers_to_a_submission(answer: dict[str, Any]) -> None:
    def build(sandbox: SlackSandbox) -> App:
        app = App(client=client_of(sandbox), signing_secret="x")

        @app.view("configure")
        def configured(ack: Any) -> None:
            ack(**answer)

        return app

    with over_sockets(build) as sandbox:
        alice = sandbox.person("U0ALICE")
        ticket = sandbox.state.triggers.issue("U0ALICE", in_modal=False)
        client_of(sandbox).views_open(trigger_id=ticket, view=modal(text_input()))
        alice.fill("reason", "because")
        result = alice.submit()
        assert result.acked and result.error == TROUBLE and alice.modal() is not None
        assert sandbox.problems[0].kind == "bad acknowledgement"


def test_events_are_sent_again_until_taken() -> None:
    retries: list[str | None] = []

    def build(sandbox: SlackSandbox) -> App:
        app = App(client=client_of(sandbox), signing_secret="x")

        @app.middleware
        def count(req: Any, next: Any) -> None:
            retries.append(req.headers.get("x-slack-retry-num", [None])[0])
            next()

        return app  # nobody listens to the event: Bolt answers 404, in Socket Mode nothing

    with over_sockets(build) as sandbox:
        sandbox.ack_seconds = 0.05
        sandbox._postman.event_retry_delays = (0.0, 0.0)
        sandbox.person("U0BOB").open_home()
        sandbox.wait_for(lambda s: s.problems, 5, "problem")
    assert [int(one or 0) for one in retries] == [0, 1, 2]
