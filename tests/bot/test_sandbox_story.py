"""A real Bolt app against the sandbox, over both transports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from slack_bolt import App
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack.people import REQUIRED, NotPossible
from bot.sandbox.slack.server import SlackSandbox
from tests.bot.sandbox_support import (
    CHANNEL,
    app_of,
    button,
    client_of,
    close,
    connect,
    modal,
    option,
    over_http,
    over_sockets,
    plain,
    section,
    text_input,
)


@pytest.fixture(params=["socket", "http"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[SlackSandbox]:
    with over_sockets() if request.param == "socket" else over_http() as running:
        yield running


def test_from_command_to_thread(sandbox: SlackSandbox) -> None:
    alice, bob = sandbox.person("U0ALICE"), sandbox.person("U0BOB")
    assert alice.command("/migrate", "", "migrations").ok
    view = sandbox.wait_for(lambda s: alice.modal(), 5, "modal")
    assert alice.submit().errors == {"source": REQUIRED, "reason": REQUIRED}

    alice.fill("source", "orders")
    alice.fill("reason", "why")
    refused = alice.submit()
    assert refused.acked and refused.errors == {"reason": "Say more."} and view.errors == refused.errors
    assert view.value("source")["value"] == "orders" and view.value("reason") == "why"

    alice.fill("reason", "the host retires")
    assert view.errors == {}
    assert alice.submit().ok and alice.modal() is None

    message = sandbox.wait_for(lambda s: s.channel(CHANNEL).messages, 5, "message")[0]
    assert message.plain.startswith("*orders* by <@U0ALICE>")
    assert bob.click(message, "approve").ok
    sandbox.wait_for(lambda s: len(s.channel(CHANNEL).thread(message.ts)) == 2 and bob.ephemerals(), 5, "reply")
    assert sandbox.channel(CHANNEL).replies(message.ts)[0].text == "approved by U0BOB"
    assert bob.ephemerals(CHANNEL)[0].text == "noted" and alice.ephemerals() == []
    assert "Ferrybot" in sandbox.transcript(CHANNEL, message.ts)
    assert sandbox.problems == []


def test_submission_may_update_the_modal(sandbox: SlackSandbox) -> None:
    alice = sandbox.person("U0ALICE")
    alice.command("/migrate", "", CHANNEL)
    view = sandbox.wait_for(lambda s: alice.modal(), 5, "modal")
    alice.fill("source", "billing")
    alice.fill("reason", "update")
    assert alice.submit().ok
    assert alice.modal() is view and view.callback_id == "second" and "second step" in view.plain
    with pytest.raises(NotPossible, match="no submit button"):
        alice.submit()


def test_home_is_published_when_opened(sandbox: SlackSandbox) -> None:
    carol = sandbox.person("U0CAROL")
    assert carol.home() is None
    carol.open_home()
    home = sandbox.wait_for(lambda s: carol.home(), 5, "home")
    assert "your migrations" in home.plain


def test_suggestions_follow_the_query(sandbox: SlackSandbox) -> None:
    alice = sandbox.person("U0ALICE")
    alice.command("/migrate", "", CHANNEL)
    sandbox.wait_for(lambda s: alice.modal(), 5, "modal")
    assert [one["value"] for one in alice.suggest("source", "")] == ["orders", "billing"]
    assert [one["value"] for one in alice.suggest("source", "bil")] == ["billing"]
    with pytest.raises(NotPossible, match="not among the options"):
        alice.fill("source", "nothing like it")


def test_commands_are_refused_in_threads_and_where_one_is_not(sandbox: SlackSandbox) -> None:
    alice = sandbox.person("U0ALICE")
    message = alice.say(CHANNEL, "hello")
    assert "not supported in threads" in str(alice.command("/migrate", "", CHANNEL, thread_ts=message.ts).error)
    sandbox.workspace.kick("random", "U0ALICE")
    with pytest.raises(NotPossible):
        alice.command("/migrate", "", "random")


def test_http_mode_proves_its_url_and_is_signed() -> None:
    with over_http() as sandbox:
        assert sandbox.verify_request_url()
    with over_http(lambda s: _app_with_another_secret(s)) as sandbox:
        sandbox.rates.enabled = False
        assert "dispatch_failed" in str(sandbox.person("U0ALICE").command("/migrate", "", CHANNEL).error)


def _app_with_another_secret(sandbox: SlackSandbox) -> App:
    return App(client=client_of(sandbox), signing_secret="not the one")


def test_payloads_go_round_all_connections() -> None:
    seen: list[str] = []

    def build(name: str, sandbox: SlackSandbox) -> App:
        app = App(client=client_of(sandbox), signing_secret="x")

        @app.command("/migrate")
        def command(ack: Any) -> None:
            seen.append(name)
            ack()

        return app

    with SlackSandbox() as sandbox:
        handlers = [connect(sandbox, build(name, sandbox)) for name in ("first", "second")]
        for _ in range(4):
            assert sandbox.person("U0ALICE").command("/migrate", "", CHANNEL).ok
        for handler in handlers:
            close(handler)
    assert sorted(seen) == ["first", "first", "second", "second"]


def test_an_app_survives_refreshed_connections() -> None:
    with over_sockets() as sandbox:
        sandbox.faults.disconnect_sockets("refresh_requested")
        sandbox.wait_for_connection(timeout=10)
        assert sandbox.person("U0ALICE").command("/migrate", "", CHANNEL).ok


def test_modals_stack_and_close() -> None:
    closed: list[tuple[str, bool]] = []

    def build(sandbox: SlackSandbox) -> App:
        app = app_of(sandbox)

        @app.action("deeper")
        def deeper(ack: Any, body: dict[str, Any], client: Any) -> None:
            ack()
            with suppress(SlackApiError):  # the third level is refused
                client.views_push(trigger_id=body["trigger_id"], view=_pushing("level"))

        @app.view_closed("pushing")
        def gone(ack: Any, body: dict[str, Any]) -> None:
            ack()
            closed.append((body["view"]["title"]["text"], body["is_cleared"]))

        @app.shortcut("start")
        def start(ack: Any, body: dict[str, Any], client: Any) -> None:
            ack()
            client.views_open(trigger_id=body["trigger_id"], view=_pushing("root"))

        return app

    with over_sockets(build) as sandbox:
        alice = sandbox.person("U0ALICE")
        assert alice.shortcut("start").ok
        for depth in (1, 2, 3):
            _wait_for_stack(sandbox, depth)
            top = alice.modal()
            assert top is not None
            alice.click(top, "deeper")
        sandbox.wait_for(lambda s: s.problems, 5, "refusal")
        assert "push_limit_reached" in str(sandbox.problems[0])
        alice.close()
        assert len(sandbox.state.views.stack("U0ALICE")) == 2
        alice.close(everything=True)
        assert alice.modal() is None
        assert [cleared for _, cleared in closed] == [False, True, True]


def _wait_for_stack(sandbox: SlackSandbox, depth: int) -> None:
    sandbox.wait_for(lambda s: len(s.state.views.stack("U0ALICE")) == depth, 5, "deeper stack")


def _pushing(title: str) -> dict[str, Any]:
    actions = {"type": "actions", "elements": [button("deeper")]}
    return modal(actions, callback_id="pushing", title=plain(title), notify_on_close=True)


def test_elements_in_messages_dispatch_and_confirm() -> None:
    heard: list[dict[str, Any]] = []
    dialog = {"title": plain("Sure?"), "text": plain("Really?"), "confirm": plain("Yes"), "deny": plain("No")}

    def build(sandbox: SlackSandbox) -> App:
        app = App(client=client_of(sandbox), signing_secret="x")

        @app.action({"type": "block_actions", "block_id": "many"})
        def any_action(ack: Any, body: dict[str, Any]) -> None:
            ack()
            heard.append(body)

        return app

    with over_sockets(build) as sandbox:
        choice = {
            "type": "static_select",
            "action_id": "choose",
            "options": [option("One", "1"), option("Two", "2")],
        }
        menu = {"type": "overflow", "action_id": "more", "options": [option("Logs", "logs")]}
        elements = [choice, menu, button("stop", confirm=dialog, value="a"), button("stop2", value="b")]
        blocks = [{"type": "actions", "block_id": "many", "elements": elements}, section()]
        client_of(sandbox).chat_postMessage(channel=CHANNEL, text="t", blocks=blocks)
        message, alice = sandbox.channel(CHANNEL).messages[0], sandbox.person("U0ALICE")
        assert alice.click(message, "choose", value="2").ok
        assert alice.click(message, "more", value="logs").ok
        assert alice.click(message, "stop", value="a").ok and alice.last_confirm == dialog
        with pytest.raises(NotPossible, match="there are"):
            alice.click(message, "stop", value="other")
    actions = [body["actions"][0] for body in heard]
    assert actions[0]["selected_option"]["value"] == "2" and actions[1]["selected_option"]["value"] == "logs"
    assert actions[2]["value"] == "a"
    body = heard[0]
    assert body["container"] == {
        "type": "message", "message_ts": message.ts, "channel_id": CHANNEL, "is_ephemeral": False,
    }  # fmt: skip
    assert body["state"]["values"]["many"]["choose"]["selected_option"]["value"] == "2"
    assert body["message"]["ts"] == message.ts and body["response_url"].startswith(sandbox.url)


def test_typing_dispatches_only_where_the_block_asks() -> None:
    heard: list[dict[str, Any]] = []

    def build(sandbox: SlackSandbox) -> App:
        app = app_of(sandbox)

        @app.action("value")
        def typed(ack: Any, body: dict[str, Any]) -> None:
            ack()
            heard.append(body["actions"][0])

        @app.shortcut("start")
        def start(ack: Any, body: dict[str, Any], client: Any) -> None:
            ack()
            view = modal(text_input("quiet"), text_input("loud", dispatch_action=True))
            client.views_open(trigger_id=body["trigger_id"], view=view)

        return app

    with over_sockets(build) as sandbox:
        alice = sandbox.person("U0ALICE")
        alice.shortcut("start")
        sandbox.wait_for(lambda s: alice.modal(), 5, "modal")
        alice.fill("quiet", "a")
        alice.fill("loud", "b")
    assert [(one["block_id"], one["value"]) for one in heard] == [("loud", "b")]
