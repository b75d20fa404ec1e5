"""The Web API: what it does, and each refusal with a near miss."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from bot.sandbox.slack.server import SlackSandbox
from tests.bot.sandbox_support import CHANNEL, Json, button, client_of, modal, plain, section, text_input


@pytest.fixture
def sandbox() -> Iterator[SlackSandbox]:
    with SlackSandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: SlackSandbox) -> WebClient:
    return client_of(sandbox)


def refused(call: Callable[[], Any]) -> Json:
    with pytest.raises(SlackApiError) as caught:
        call()
    answer: Json = caught.value.response.data
    return answer


def error(call: Callable[[], Any]) -> str:
    return str(refused(call)["error"])


def test_tokens(sandbox: SlackSandbox, client: WebClient) -> None:
    def with_token(token: str | None) -> WebClient:
        return WebClient(token=token, base_url=sandbox.api_url)

    assert client.auth_test()["user_id"] == "U0FERRYBOT"
    assert client.auth_test().headers["x-oauth-scopes"].split(",") == sorted(sandbox.scopes)
    assert error(with_token(None).auth_test) == "not_authed"
    assert error(with_token("xoxb-of-somebody-else").auth_test) == "invalid_auth"
    assert error(with_token(sandbox.app_token).auth_test) == "not_allowed_token_type"
    assert error(lambda: client.apps_connections_open(app_token=sandbox.bot_token)) == "not_allowed_token_type"
    assert client.apps_connections_open(app_token=sandbox.app_token)["url"].startswith("ws://127.0.0.1:")
    assert with_token(None).api_test()["ok"]
    sandbox.uninstall()
    assert error(client.auth_test) == "token_revoked"
    assert not any("xoxb" in str(call.args) for call in sandbox.calls)


def test_unknown_methods_and_missing_scopes(sandbox: SlackSandbox, client: WebClient) -> None:
    assert error(lambda: client.api_call("pins.add")) == "unknown_method"
    answer = refused(lambda: client.conversations_info(channel=CHANNEL))
    assert answer["error"] == "missing_scope" and answer["needed"] == "channels:read"
    assert "chat:write" in answer["provided"]
    sandbox.scopes |= {"channels:read"}
    assert client.conversations_info(channel=CHANNEL)["channel"]["is_member"] is True
    sandbox.scopes = {"users:read"}
    assert error(lambda: client.chat_postMessage(channel=CHANNEL, text="x")) == "missing_scope"


def test_where_the_bot_may_post(sandbox: SlackSandbox, client: WebClient) -> None:
    def post(channel: str) -> Any:
        return client.chat_postMessage(channel=channel, text="x")

    sandbox.workspace.add_channel("C0SECRET", "secret", private=True, bot=False)
    assert post(CHANNEL)["channel"] == post("#migrations")["channel"] == CHANNEL
    assert error(lambda: post("C0RANDOM")) == "not_in_channel"
    assert error(lambda: post("C0SECRET")) == "channel_not_found"
    assert error(lambda: post("C0NOWHERE")) == "channel_not_found"
    sandbox.workspace.invite("random")
    assert post("C0RANDOM")["ok"]
    sandbox.workspace.archive("random")
    assert error(lambda: post("C0RANDOM")) == "is_archived"
    direct = post("U0ALICE")["channel"]
    assert direct.startswith("D") and sandbox.person("U0ALICE").direct_messages()[0].text == "x"
    assert error(lambda: client.chat_update(channel="U0ALICE", ts="1.0", text="y")) == "channel_not_found"


def test_texts(client: WebClient) -> None:
    assert error(lambda: client.chat_postMessage(channel=CHANNEL, text="")) == "no_text"
    assert client.chat_postMessage(channel=CHANNEL, text="x" * 40_000)["ok"]
    assert error(lambda: client.chat_postMessage(channel=CHANNEL, text="x" * 40_001)) == "msg_too_long"
    ts = client.chat_postMessage(channel=CHANNEL, blocks=[section("said in blocks")], text="")["ts"]
    assert client.chat_update(channel=CHANNEL, ts=ts, text="x" * 4_000)["ok"]
    assert error(lambda: client.chat_update(channel=CHANNEL, ts=ts, text="x" * 4_001)) == "msg_too_long"


def test_invalid_blocks_are_named(sandbox: SlackSandbox, client: WebClient) -> None:
    long = {"type": "actions", "elements": [button(text=plain("x" * 76))]}
    answer = refused(lambda: client.chat_postMessage(channel=CHANNEL, text="t", blocks=[long]))
    mistake = "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"
    assert answer["error"] == "invalid_blocks" and answer["errors"] == [mistake]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {mistake}"]
    assert mistake in str(sandbox.problems[-1])
    assert sandbox.channel(CHANNEL).messages == []
    too_much = [section("x" * 3000)] * 4 + [section("x")]
    assert error(lambda: client.chat_postMessage(channel=CHANNEL, text="t", blocks=too_much)) == "msg_blocks_too_long"
    assert (
        error(lambda: client.chat_postMessage(channel=CHANNEL, text="t", blocks="no json")) == "invalid_blocks_format"
    )


def test_form_encoded_calls_count_too(client: WebClient) -> None:
    blocks = json.dumps([section("words")])
    answer = client.api_call("chat.postMessage", params={"channel": CHANNEL, "text": "t", "blocks": blocks})
    assert answer["message"]["blocks"][0]["text"]["text"] == "words"


def test_update_delete_and_links(sandbox: SlackSandbox, client: WebClient) -> None:
    ts = client.chat_postMessage(channel=CHANNEL, text="t", blocks=[section("before")])["ts"]
    message = sandbox.channel(CHANNEL).find(ts)
    assert message is not None and not message.edited
    client.chat_update(channel=CHANNEL, ts=ts, text="after")
    assert message.blocks == [] and message.text == "after" and message.edited
    assert error(lambda: client.chat_update(channel=CHANNEL, ts="1.000001", text="x")) == "message_not_found"
    human = sandbox.person("U0ALICE").say(CHANNEL, "mine")
    assert error(lambda: client.chat_update(channel=CHANNEL, ts=human.ts, text="x")) == "cant_update_message"
    assert error(lambda: client.chat_delete(channel=CHANNEL, ts=human.ts)) == "cant_delete_message"
    link = client.chat_getPermalink(channel=CHANNEL, message_ts=ts)["permalink"]
    assert link == f"{sandbox.url}archives/{CHANNEL}/p{ts.replace('.', '')}"
    sandbox.state.edit_window = 60.0
    assert client.chat_update(channel=CHANNEL, ts=ts, text="in time")["ok"]
    sandbox.state.clock.advance(61)
    assert error(lambda: client.chat_update(channel=CHANNEL, ts=ts, text="late")) == "edit_window_closed"
    client.chat_delete(channel=CHANNEL, ts=ts)
    assert sandbox.channel(CHANNEL).find(ts) is None


def test_threads(sandbox: SlackSandbox, client: WebClient) -> None:
    ts = client.chat_postMessage(channel=CHANNEL, text="parent")["ts"]
    reply = client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=ts)["ts"]
    client.chat_postMessage(channel=CHANNEL, text="reply to a reply", thread_ts=reply)
    channel = sandbox.channel(CHANNEL)
    assert [m.text for m in channel.messages] == ["parent"] and len(channel.replies(ts)) == 2
    lost = error(lambda: client.chat_postMessage(channel=CHANNEL, text="x", thread_ts="1.000001"))
    assert lost == "thread_not_found"
    client.chat_delete(channel=CHANNEL, ts=ts)
    assert channel.messages[0].subtype == "tombstone"


def test_history_needs_scopes_and_carries_metadata(sandbox: SlackSandbox, client: WebClient) -> None:
    metadata = {"event_type": "migration", "event_payload": {"id": "m1"}}
    ts = client.chat_postMessage(channel=CHANNEL, text="parent", metadata=metadata)["ts"]
    client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=ts)
    assert error(lambda: client.conversations_replies(channel=CHANNEL, ts=ts)) == "missing_scope"
    sandbox.scopes |= {"channels:history"}
    assert "metadata" not in client.conversations_replies(channel=CHANNEL, ts=ts)["messages"][0]
    assert error(lambda: client.conversations_replies(channel=CHANNEL, ts=ts)) == "ratelimited"
    sandbox.rates.reset()
    answer = client.conversations_replies(channel=CHANNEL, ts=ts, include_all_metadata=True)
    first, second = answer["messages"]
    assert first["metadata"] == metadata and first["reply_count"] == 1 and second["parent_user_id"] == "U0FERRYBOT"
    client.chat_update(channel=CHANNEL, ts=ts, text="changed")  # keeps its metadata
    sandbox.rates.reset()
    limited = client.conversations_replies(channel=CHANNEL, ts=ts, include_all_metadata=True, limit=1)
    assert limited["messages"][0]["metadata"] == metadata and limited["has_more"]
    sandbox.rates.enabled = False
    assert error(lambda: client.conversations_replies(channel=CHANNEL, ts="1.000001")) == "thread_not_found"
    assert [m["text"] for m in client.conversations_history(channel=CHANNEL)["messages"]] == ["changed"]
    broken = {"event_type": "x", "event_payload": "no object"}
    assert (
        error(lambda: client.chat_postMessage(channel=CHANNEL, text="x", metadata=broken))
        == "invalid_metadata_format"
    )


def test_ephemerals(sandbox: SlackSandbox, client: WebClient) -> None:
    client.chat_postEphemeral(channel=CHANNEL, user="U0BOB", text="psst")
    assert [m.text for m in sandbox.person("U0BOB").ephemerals(CHANNEL)] == ["psst"]
    assert sandbox.channel(CHANNEL).messages == [] and sandbox.person("U0ALICE").ephemerals() == []
    sandbox.workspace.kick(CHANNEL, "U0MALLORY")
    gone = error(lambda: client.chat_postEphemeral(channel=CHANNEL, user="U0MALLORY", text="psst"))
    assert gone == "user_not_in_channel"


def test_people_and_groups(sandbox: SlackSandbox, client: WebClient) -> None:
    carol = client.users_info(user="U0CAROL")["user"]
    assert carol["tz"] == "America/New_York" and carol["tz_offset"] == -18000 and carol["team_id"] == "T0HARBOUR"
    assert client.users_info(user="U0GUEST")["user"]["is_restricted"] is True
    assert error(lambda: client.users_info(user="U0NOBODY")) == "user_not_found"
    assert client.usergroups_users_list(usergroup="S0DBA")["users"] == ["U0BOB", "U0CAROL"]
    assert error(lambda: client.usergroups_users_list(usergroup="S0NONE")) == "no_such_subteam"
    sandbox.workspace.groups["S0DBA"].disabled = True
    assert error(lambda: client.usergroups_users_list(usergroup="S0DBA")) == "no_such_subteam"
    assert client.usergroups_list(include_disabled=True)["usergroups"][0]["handle"] == "dba"
    sandbox.scopes |= {"im:write"}
    assert client.conversations_open(users="U0ALICE")["channel"]["id"] == "D0ALICE"


def test_rates(sandbox: SlackSandbox, client: WebClient) -> None:
    for _ in range(5):
        client.chat_postMessage(channel=CHANNEL, text="x")
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=CHANNEL, text="x")
    assert caught.value.response.status_code == 429 and caught.value.response.headers["retry-after"] == "1"
    assert client.chat_postMessage(channel="U0ALICE", text="another channel")["ok"]
    sandbox.state.clock.advance(1)
    assert client.chat_postMessage(channel=CHANNEL, text="x")["ok"]
    for _ in range(20):
        client.usergroups_users_list(usergroup="S0DBA")
    with pytest.raises(SlackApiError) as caught:
        client.usergroups_users_list(usergroup="S0DBA")
    assert caught.value.response.headers["retry-after"] == "3"
    sandbox.rates.scale = 10
    sandbox.rates.reset()
    for _ in range(50):
        client.chat_postMessage(channel=CHANNEL, text="x")


def trigger(sandbox: SlackSandbox, *, in_modal: bool = False) -> str:
    return sandbox.state.triggers.issue("U0ALICE", in_modal=in_modal)


def test_triggers_work_once_and_for_three_seconds(sandbox: SlackSandbox, client: WebClient) -> None:
    good = trigger(sandbox)
    assert client.views_open(trigger_id=good, view=modal())["view"]["callback_id"] == "configure"
    assert error(lambda: client.views_open(trigger_id=good, view=modal())) == "exchanged_trigger_id"
    old, just = trigger(sandbox), trigger(sandbox)
    sandbox.faults.clock_offset = 2.9
    assert client.views_open(trigger_id=just, view=modal())["ok"]
    sandbox.faults.clock_offset = 3.2
    assert error(lambda: client.views_open(trigger_id=old, view=modal())) == "expired_trigger_id"
    assert error(lambda: client.views_open(trigger_id="1.2.three", view=modal())) == "invalid_trigger_id"


def test_a_refused_view_does_not_use_the_trigger_up(sandbox: SlackSandbox, client: WebClient) -> None:
    good = trigger(sandbox)
    answer = refused(lambda: client.views_open(trigger_id=good, view=modal(title=plain("x" * 25))))
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]
    assert client.views_open(trigger_id=good, view=modal())["ok"]


def test_views_are_pushed_updated_and_guarded_by_their_hash(sandbox: SlackSandbox, client: WebClient) -> None:
    alice = sandbox.person("U0ALICE")
    view = client.views_open(trigger_id=trigger(sandbox), view=modal(external_id="mine"))["view"]
    alice.fill("reason", "typed")
    updated = client.views_update(view_id=view["id"], hash=view["hash"], view=_longer())["view"]
    assert updated["state"]["values"]["reason"]["value"]["value"] == "typed"  # same block and action: it stays
    late = error(lambda: client.views_update(view_id=view["id"], hash=view["hash"], view=modal()))
    assert late == "hash_conflict"
    assert client.views_update(external_id="mine", view=_longer())["ok"]
    assert error(lambda: client.views_update(view_id="V0NONE", view=modal())) == "not_found"
    outside = error(lambda: client.views_push(trigger_id=trigger(sandbox), view=modal()))
    assert outside == "invalid_trigger_id"
    for _ in range(2):
        assert client.views_push(trigger_id=trigger(sandbox, in_modal=True), view=modal())["ok"]
    full = error(lambda: client.views_push(trigger_id=trigger(sandbox, in_modal=True), view=modal()))
    assert full == "push_limit_reached"
    alice.close(everything=True)
    assert error(lambda: client.views_update(view_id=view["id"], view=modal())) == "not_found"


def _longer() -> Json:
    return modal(section(), text_input(), external_id="mine")


def test_homes(sandbox: SlackSandbox, client: WebClient) -> None:
    home = {"type": "home", "blocks": [section("one")]}
    first = client.views_publish(user_id="U0BOB", view=home)["view"]
    second = client.views_publish(user_id="U0BOB", view=home, hash=first["hash"])["view"]
    assert second["id"] == first["id"]
    old = error(lambda: client.views_publish(user_id="U0BOB", view=home, hash=first["hash"]))
    assert old == "hash_conflict"
    assert error(lambda: client.views_publish(user_id="U0NOBODY", view=home)) == "user_not_found"
    assert error(lambda: client.views_publish(user_id="U0BOB", view=modal())) == "invalid_arguments"


def test_files_are_shared_after_the_answer(sandbox: SlackSandbox, client: WebClient) -> None:
    ts = client.chat_postMessage(channel=CHANNEL, text="parent")["ts"]
    answer = client.files_upload_v2(
        channel=CHANNEL,
        thread_ts=ts,
        content="line one\nline two",
        filename="run.log",
        title="Log",
        initial_comment="here",
    )
    assert "ts" not in answer.data and answer["file"]["shares"] == {"public": {}}
    shared = sandbox.wait_for(lambda s: s.channel(CHANNEL).replies(ts), 5, "shared file")[0]
    assert shared.text == "here" and shared.files[0].text == "line one\nline two"
    with urllib.request.urlopen(answer["file"]["url_private"]) as response:
        assert response.read() == b"line one\nline two"
    ticket = client.files_getUploadURLExternal(filename="a", length=3)
    files = [{"id": ticket["file_id"], "title": "a"}]
    assert error(lambda: client.files_completeUploadExternal(files=files, channel_id=CHANNEL)) == "file_not_found"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(urllib.request.Request(ticket["upload_url"], data=b"four", method="POST"))
    urllib.request.urlopen(urllib.request.Request(ticket["upload_url"], data=b"123", method="POST")).close()
    away = error(lambda: client.files_completeUploadExternal(files=files, channel_id="C0RANDOM"))
    assert away == "not_in_channel"


def test_response_urls(sandbox: SlackSandbox, client: WebClient) -> None:
    client.chat_postMessage(channel=CHANNEL, text="original")
    original = sandbox.channel(CHANNEL).messages[0]
    hook = WebhookClient(sandbox.url + sandbox.state.response_urls.issue(CHANNEL, "U0BOB", original))
    bob = sandbox.person("U0BOB")
    assert hook.send(text="only you").status_code == 200 and bob.ephemerals()[0].text == "only you"
    hook.send(text="all of you", response_type="in_channel")
    assert sandbox.channel(CHANNEL).messages[-1].text == "all of you"
    hook.send(text="better", replace_original=True)
    assert original.text == "better" and original.edited
    assert hook.send(text="x", blocks=[{"type": "nonsense"}]).status_code == 400
    hook.send(delete_original=True)
    assert original not in sandbox.channel(CHANNEL).all_messages
    assert hook.send(text="once too often").status_code == 404
    aged = WebhookClient(sandbox.url + sandbox.state.response_urls.issue(CHANNEL, "U0BOB", None))
    sandbox.state.clock.advance(29 * 60)
    assert aged.send(text="just").status_code == 200
    sandbox.state.clock.advance(2 * 60)
    assert aged.send(text="too late").body.find("expired_url") > 0


def test_manifest_sets_the_scene(sandbox: SlackSandbox) -> None:
    events = {"event_subscriptions": {"bot_events": ["app_home_opened"]}}
    command = {"command": "/migrate", "description": "Move a database"}
    shortcut = {"type": "global", "callback_id": "new", "name": "New", "description": "d"}
    features = {"slash_commands": [command], "shortcuts": [shortcut], "bot_user": {"display_name": "Ferry"}}
    scopes = {"scopes": {"bot": ["commands", "chat:write"]}}
    sandbox.load_manifest({"features": features, "oauth_config": scopes, "settings": events})
    assert sandbox.scopes == {"commands", "chat:write"} and sandbox.commands == [command]
    assert sandbox.workspace.users["U0FERRYBOT"].real_name == "Ferry" and sandbox.state.events == {"app_home_opened"}


def test_wait_for_tells_what_there_was(sandbox: SlackSandbox, client: WebClient) -> None:
    client.chat_postMessage(channel=CHANNEL, blocks=[section("*seen* by <@U0BOB>")], text="t")
    with pytest.raises(AssertionError, match=r"no second message[\s\S]*\*seen\* by @bob"):
        sandbox.wait_for(lambda s: len(s.channel(CHANNEL).messages) > 1, timeout=0.05, what="second message")
    assert sandbox.wait_for(lambda s: s.calls, 1)[0].method == "chat.postMessage"


def test_sockets_need_a_ticket_and_there_are_ten_at_most(sandbox: SlackSandbox) -> None:
    with pytest.raises(InvalidStatus), connect(sandbox.url.replace("http", "ws") + "link?ticket=forged"):
        pass
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(sandbox._connect_url())) for _ in range(10)]
        assert all("hello" in str(socket.recv(2)) for socket in sockets)
        sandbox.wait_for_connection(10, 5)
        eleventh = stack.enter_context(connect(sandbox._connect_url()))
        assert "too_many_websockets" in str(eleventh.recv(2))
        assert sandbox.connections == 10


def test_who_cannot_be_written_to(sandbox: SlackSandbox, client: WebClient) -> None:
    sandbox.scopes.add("im:write")
    sandbox.workspace.users["U0BOB"].deleted = True

    def refusals(person: str) -> tuple[str, str]:
        said = error(lambda: client.chat_postMessage(channel=person, text="x"))
        return said, error(lambda: client.conversations_open(users=person))

    assert refusals("U0BOB") == ("channel_not_found", "user_disabled")
    assert refusals("U0FERRYBOT") == ("channel_not_found", "cannot_dm_bot")
    assert refusals("U0NOBODY") == ("channel_not_found", "user_not_found")
    opened = client.conversations_open(users="U0CAROL")["channel"]["id"]
    assert client.chat_postMessage(channel="U0CAROL", text="x")["channel"] == opened
