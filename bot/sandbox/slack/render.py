"""Messages as Slack's answers and payloads show them."""

from __future__ import annotations

from bot.sandbox.slack.messages import Channel, Message, block_words
from bot.sandbox.slack.records import Json
from bot.sandbox.slack.state import State


def fallback_text(text: str | None, blocks: list[Json]) -> str:
    """The text of a message; Slack builds one from the blocks when the app gave none."""
    return text if text else " ".join(block_words(blocks))


def message_object(state: State, channel: Channel, message: Message, *, metadata: bool = False) -> Json:
    """The message object; thread counts included where they are due."""
    shown: Json = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    shown["team"] = state.workspace.team_id
    if message.subtype:
        shown["subtype"] = message.subtype
    if message.bot_id:
        shown |= {"bot_id": message.bot_id, "app_id": message.app_id, "bot_profile": bot_profile(state)}
    if message.blocks:
        shown["blocks"] = message.blocks
    if message.attachments:
        shown["attachments"] = message.attachments
    if message.edited_ts:
        shown["edited"] = {"user": message.user, "ts": message.edited_ts}
    if message.files:
        shown |= {"files": [file.to_slack(state.url) for file in message.files], "upload": False}
    if metadata and message.metadata:
        shown["metadata"] = message.metadata
    if message.is_ephemeral:
        return shown | {"is_ephemeral": True} | ({"thread_ts": message.thread_ts} if message.thread_ts else {})
    return shown | _thread_fields(channel, message)


def bot_profile(state: State) -> Json:
    """The bot as messages name it."""
    w = state.workspace
    bot = w.users[w.bot_user_id]
    return {"id": w.bot_id, "app_id": w.app_id, "name": bot.real_name, "deleted": False, "team_id": w.team_id}


def _thread_fields(channel: Channel, message: Message) -> Json:
    if message.is_reply:
        parent = channel.find(str(message.thread_ts))
        return {"thread_ts": message.thread_ts, "parent_user_id": parent.user if parent else None}
    replies = channel.replies(message.ts)
    if not replies:
        return {}
    people = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": message.ts, "reply_count": len(replies), "reply_users": people,
        "reply_users_count": len(people), "latest_reply": replies[-1].ts,
    }  # fmt: skip
