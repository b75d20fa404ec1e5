"""The whole state as one person's browser shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.api_chat import message_state
from bot.sandbox.slack.messages import Channel, Message, StoredFile
from bot.sandbox.slack.records import Json
from bot.sandbox.slack.views import View

if TYPE_CHECKING:
    from bot.sandbox.slack.server import SlackSandbox

LOG_LENGTH = 40  # newest problems and calls that the panel lists
PREVIEW_CHARS = 700


def snapshot(sandbox: SlackSandbox, user_id: str) -> Json:
    """Everything this person may see, ready for JSON."""
    state, w = sandbox.state, sandbox.workspace
    mine = [c for c in w.channels.values() if user_id in c.members or not c.is_private]
    return {
        "me": user_id,
        "workspace": {"name": w.name, "bot": w.bot_user_id},
        "users": {user.id: _user(user) for user in w.users.values()},
        "groups": {group.id: group.handle for group in w.groups.values()},
        "channels": [_channel(channel, user_id) for channel in mine],
        "messages": {c.id: [_message(sandbox, c, m, user_id) for m in c.all_messages
                            if m.visible_to in (None, user_id)] for c in mine if user_id in c.members},
        "modals": [_view(view) for view in state.views.stack(user_id)],
        "home": _view(home) if (home := state.views.homes.get(user_id)) else None,
        "commands": sandbox.commands, "shortcuts": sandbox.shortcuts,
        "panel": _panel(sandbox),
    }  # fmt: skip


def _user(user: Any) -> Json:
    names = {"name": user.name, "real_name": user.real_name, "title": user.title}
    return names | {"is_bot": user.is_bot, "is_guest": user.is_restricted, "deleted": user.deleted}


def _channel(channel: Channel, user_id: str) -> Json:
    return {
        "id": channel.id, "name": channel.name, "is_im": channel.is_im, "is_private": channel.is_private,
        "is_archived": channel.is_archived, "topic": channel.topic, "is_member": user_id in channel.members,
        "members": len(channel.members),
    }  # fmt: skip


def _message(sandbox: SlackSandbox, channel: Channel, message: Message, user_id: str) -> Json:
    return {
        "ts": message.ts, "user": message.user, "text": message.text, "blocks": message.blocks,
        "attachments": message.attachments, "thread_ts": message.thread_ts, "broadcast": message.broadcast,
        "edited": message.edited, "subtype": message.subtype, "ephemeral": message.is_ephemeral,
        "files": [_file(sandbox, file) for file in message.files],
        "state": message_state(message, user_id),
    }  # fmt: skip


def _file(sandbox: SlackSandbox, file: StoredFile) -> Json:
    shown = {"id": file.id, "name": file.name, "title": file.title or file.name, "size": file.length}
    return shown | {"url": f"/files/{file.id}/{file.name}", "preview": file.text[:PREVIEW_CHARS]}


def _view(view: View) -> Json:
    return view.to_slack() | {"errors": view.errors}


def _panel(sandbox: SlackSandbox) -> Json:
    """What the panel of misfortunes shows."""
    faults = sandbox.faults
    calls = [
        {"method": c.method, "ok": c.ok, "error": c.error, "fault": c.fault} for c in sandbox.calls[-LOG_LENGTH:]
    ]
    return {
        "outage": faults.outage, "duplicate_gestures": faults.duplicate_gestures,
        "swallow_gestures": faults.swallow_gestures, "clock_offset": faults.clock_offset,
        "waiting": [{"method": f.method, "name": f.name, "times": f.times} for f in faults.waiting()],
        "problems": [str(problem) for problem in sandbox.problems[-LOG_LENGTH:]],
        "problem_count": len(sandbox.problems), "calls": calls, "call_count": len(sandbox.calls),
        "connections": sandbox.connections, "mode": sandbox.mode,
    }  # fmt: skip
