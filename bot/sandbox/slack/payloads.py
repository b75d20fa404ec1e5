"""What Slack sends to an app: https://docs.slack.dev/reference/interaction-payloads"""

from __future__ import annotations

import secrets
from typing import Any

from bot.sandbox.slack.api_chat import message_state
from bot.sandbox.slack.messages import Channel, Message
from bot.sandbox.slack.records import Json
from bot.sandbox.slack.render import message_object
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import View

VERIFICATION_TOKEN = "sandbox-legacy-token"  # noqa: S105 - deprecated by Slack, proves nothing, must only be there


def slash_command(state: State, user_id: str, channel: Channel, command: str, text: str) -> Json:
    """A slash command: flat, and form-encoded over HTTP."""
    w = state.workspace
    return {
        "token": VERIFICATION_TOKEN, "team_id": w.team_id, "team_domain": w.domain, "channel_id": channel.id,
        "channel_name": "directmessage" if channel.is_im else channel.name, "user_id": user_id,
        "user_name": w.users[user_id].name, "command": command, "text": text, "api_app_id": w.app_id,
        "is_enterprise_install": "false", "trigger_id": state.triggers.issue(user_id, in_modal=False),
        "response_url": state.url + state.response_urls.issue(channel.id, user_id, None),
    }  # fmt: skip


def block_actions(state: State, user_id: str, where: Message | View, action: Json) -> Json:
    """A click, a choice, or a text entered where the app wants to know at once."""
    payload = _base(state, user_id, "block_actions")
    payload |= _surface(state, user_id, where)
    payload["trigger_id"] = state.triggers.issue(user_id, in_modal=isinstance(where, View) and where.kind == "modal")
    payload["actions"] = [action | {"action_ts": f"{state.clock.time():.6f}"}]
    if isinstance(where, Message):
        path = state.response_urls.issue(where.channel, user_id, where)
        payload["response_url"] = state.url + path
        payload["state"] = {"values": message_state(where, user_id)}
    return payload


def block_suggestion(
    state: State, user_id: str, where: Message | View, block_id: str, action_id: str, query: str
) -> Json:
    """A question for the options of an external select."""
    payload = _base(state, user_id, "block_suggestion") | _surface(state, user_id, where)
    return payload | {"block_id": block_id, "action_id": action_id, "value": query}


def view_submission(state: State, view: View) -> Json:
    """A modal sent off."""
    payload = _base(state, view.user_id, "view_submission")
    payload["trigger_id"] = state.triggers.issue(view.user_id, in_modal=True)
    return payload | {"view": view.to_slack(), "response_urls": _response_urls(state, view)}


def view_closed(state: State, view: View, *, is_cleared: bool) -> Json:
    """A modal closed without being sent."""
    return _base(state, view.user_id, "view_closed") | {"view": view.to_slack(), "is_cleared": is_cleared}


def shortcut(state: State, user_id: str, callback_id: str) -> Json:
    """A global shortcut."""
    payload = _base(state, user_id, "shortcut") | {"callback_id": callback_id}
    payload["action_ts"] = f"{state.clock.time():.6f}"
    return payload | {"trigger_id": state.triggers.issue(user_id, in_modal=False)}


def message_action(state: State, user_id: str, callback_id: str, channel: Channel, message: Message) -> Json:
    """A shortcut in the menu of a message."""
    payload = _base(state, user_id, "message_action") | {"callback_id": callback_id}
    payload |= {
        "action_ts": f"{state.clock.time():.6f}",
        "trigger_id": state.triggers.issue(user_id, in_modal=False),
    }
    payload |= {"channel": _channel(channel), "message_ts": message.ts}
    payload["message"] = message_object(state, channel, message)
    return payload | {"response_url": state.url + state.response_urls.issue(channel.id, user_id, message)}


def event(state: State, body: Json) -> Json:
    """An event in its envelope."""
    w = state.workspace
    authorization = {
        "enterprise_id": None, "team_id": w.team_id, "user_id": w.bot_user_id, "is_bot": True,
        "is_enterprise_install": False,
    }  # fmt: skip
    return {
        "token": VERIFICATION_TOKEN, "team_id": w.team_id, "api_app_id": w.app_id, "type": "event_callback",
        "event": body | {"event_ts": state.mint_ts()}, "event_id": "Ev" + secrets.token_hex(5).upper(),
        "event_time": int(state.clock.time()), "authorizations": [authorization],
        "is_ext_shared_channel": False, "event_context": "sandbox",
    }  # fmt: skip


def action_of(block: Json, element: Json, **chosen: Any) -> Json:
    """One entry of `actions`."""
    action = {"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"]}
    for name in ("text", "value", "style", "placeholder", "initial_option", "confirm"):
        if name in element:
            action[name] = element[name]
    return action | chosen


def _base(state: State, user_id: str, kind: str) -> Json:
    w = state.workspace
    user = w.users[user_id]
    return {
        "type": kind, "team": {"id": w.team_id, "domain": w.domain}, "enterprise": None,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": w.app_id, "token": VERIFICATION_TOKEN, "is_enterprise_install": False,
    }  # fmt: skip


def _surface(state: State, user_id: str, where: Message | View) -> Json:
    """Where an element stands: container and the thing itself."""
    if isinstance(where, View):
        return {"container": {"type": "view", "view_id": where.id}, "view": where.to_slack()}
    channel = state.workspace.channels[where.channel]
    container: Json = {
        "type": "message", "message_ts": where.ts, "channel_id": channel.id,
        "is_ephemeral": where.is_ephemeral,
    }  # fmt: skip
    if where.is_reply:
        container["thread_ts"] = where.thread_ts
    surface: Json = {"container": container, "channel": _channel(channel)}
    if not where.is_ephemeral:  # ephemeral messages are not stored, so Slack cannot send them along
        surface["message"] = message_object(state, channel, where)
    return surface


def _channel(channel: Channel) -> Json:
    return {"id": channel.id, "name": "directmessage" if channel.is_im else channel.name}


def _response_urls(state: State, view: View) -> list[Json]:
    """A response URL for each conversation select that asks for one."""
    urls: list[Json] = []
    for block, element in view.elements():
        chosen = view.values.get(block["block_id"], {}).get(element["action_id"], {})
        channel = chosen.get("selected_conversation") or chosen.get("selected_channel")
        if element.get("response_url_enabled") and channel:
            url = state.url + state.response_urls.issue(channel, view.user_id, None)
            names = {"block_id": block["block_id"], "action_id": element["action_id"]}
            urls.append(names | {"channel_id": channel, "response_url": url})
    return urls
