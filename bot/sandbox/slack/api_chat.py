"""chat.* and what response URLs do: posting, changing and deleting messages."""

from __future__ import annotations

from typing import Any

from bot.sandbox.slack.arguments import Args
from bot.sandbox.slack.blocks import MARKDOWN_LIMIT, check_message_blocks
from bot.sandbox.slack.messages import Channel, Message
from bot.sandbox.slack.records import ApiError, Json
from bot.sandbox.slack.render import fallback_text, message_object
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import fill_ids, initial_states

# https://docs.slack.dev/reference/methods/chat.postMessage: "Slack will truncate messages containing more
# than 40,000 characters". Cutting would hide the mistake: the sandbox refuses with an error of the same page.
POST_LIMIT = 40_000
# https://docs.slack.dev/reference/methods/chat.update: "The text field cannot exceed 4,000 characters"
UPDATE_LIMIT = 4_000
ATTACHMENTS_LIMIT = 100


def post_message(state: State, args: Args) -> Json:
    """chat.postMessage"""
    channel = postable(state, args.text("channel"))
    message = _compose(state, args, channel, POST_LIMIT)
    message.metadata = _metadata(args.json("metadata"))
    message.broadcast = args.flag("reply_broadcast")
    message.thread_ts = _parent_ts(channel, args.text("thread_ts"))
    state.post(channel, message)
    shown = message_object(state, channel, message, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "message": shown}


def post_ephemeral(state: State, args: Args) -> Json:
    """chat.postEphemeral"""
    channel = postable(state, args.text("channel"))
    user = args.text("user")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    message = _compose(state, args, channel, POST_LIMIT)
    message.visible_to = user
    message.thread_ts = args.text("thread_ts") or None
    state.post(channel, message)
    return {"message_ts": message.ts}


def update(state: State, args: Args) -> Json:
    """chat.update"""
    channel = existing(state, args.text("channel"))
    message = channel.find(args.text("ts"))
    if message is None:
        raise ApiError("message_not_found")
    if channel.is_archived:
        raise ApiError("is_archived")
    if message.bot_id != state.workspace.bot_id:
        raise ApiError("cant_update_message")
    if state.edit_window is not None and state.clock.time() - float(message.ts) > state.edit_window:
        raise ApiError("edit_window_closed")
    text, blocks, attachments = _content(args, UPDATE_LIMIT)
    with state.mutate():
        rewrite(state, message, fallback_text(text, blocks), blocks, attachments)
        if args.json("metadata") is not None:  # left out: the old metadata stays; {}: it goes
            message.metadata = _metadata(args.json("metadata"))
    return {
        "channel": channel.id, "ts": message.ts, "text": message.text,
        "message": message_object(state, channel, message, metadata=True),
    }  # fmt: skip


def delete(state: State, args: Args) -> Json:
    """chat.delete"""
    channel = existing(state, args.text("channel"))
    message = channel.find(args.text("ts"))
    if message is None:
        raise ApiError("message_not_found")
    if message.bot_id != state.workspace.bot_id:
        raise ApiError("cant_delete_message")
    with state.mutate():
        remove(channel, message)
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(state: State, args: Args) -> Json:
    """chat.getPermalink"""
    channel = existing(state, args.text("channel"))
    message = channel.find(args.text("message_ts"))
    if message is None:
        raise ApiError("message_not_found")
    link = f"{state.url}archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def respond(state: State, key: str, body: Json) -> None:
    """A post to a response URL: a new ephemeral message unless asked otherwise."""
    args = Args(body)
    url = state.response_urls.use(key)
    channel = state.workspace.channels[url.channel]
    original = url.message
    if args.flag("delete_original"):
        if original is not None:
            with state.mutate():
                remove(channel, original)
        return
    text, blocks, attachments = _content(args, POST_LIMIT)
    if args.flag("replace_original") and original is not None:
        with state.mutate():
            rewrite(state, original, fallback_text(text, blocks), blocks, attachments)
        return
    message = _from_bot(state, channel, fallback_text(text, blocks), blocks, attachments)
    message.thread_ts = args.text("thread_ts") or None
    if args.text("response_type") != "in_channel":
        message.visible_to = url.user_id
    state.post(channel, message)


def postable(state: State, name: str) -> Channel:
    """The channel if the bot may post there."""
    workspace = state.workspace
    if name in workspace.users:
        person = workspace.users[name]
        if person.is_bot or person.deleted:
            # .../methods/chat.postMessage: a person who has no conversation with the app is no channel of its.
            raise ApiError("channel_not_found")
        return workspace.direct_channel(name)
    channel = existing(state, name, by_name=True)
    if channel.is_archived:
        raise ApiError("is_archived")
    if workspace.bot_user_id not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def existing(state: State, name: str, *, by_name: bool = False) -> Channel:
    """A channel that the bot can know of: a private one only from inside."""
    workspace = state.workspace
    channel = workspace.channel(name) if by_name else workspace.channels.get(name)
    if channel is None or (channel.is_private and workspace.bot_user_id not in channel.members):
        raise ApiError("channel_not_found")
    return channel


def rewrite(state: State, message: Message, text: str, blocks: list[Json], attachments: list[Json] | None) -> None:
    """Replace the content of a message; text alone removes its blocks."""
    message.text, message.blocks = text, blocks
    if attachments is not None:
        message.attachments = attachments
    message.state = {}
    message.edited_ts = state.mint_ts()


def remove(channel: Channel, message: Message) -> None:
    """Take a message away; a parent with replies leaves a tombstone."""
    if not message.is_ephemeral and not message.is_reply and channel.replies(message.ts):
        message.subtype, message.text = "tombstone", "This message was deleted."
        message.user, message.bot_id, message.blocks, message.files = "USLACKBOT", None, [], []
    else:
        channel.all_messages.remove(message)


def _compose(state: State, args: Args, channel: Channel, limit: int) -> Message:
    text, blocks, attachments = _content(args, limit)
    return _from_bot(state, channel, fallback_text(text, blocks), blocks, attachments)


def _from_bot(
    state: State, channel: Channel, text: str, blocks: list[Json], attachments: list[Json] | None
) -> Message:
    w = state.workspace
    message = Message(channel.id, state.mint_ts(), w.bot_user_id, text, blocks, attachments or [])
    message.bot_id, message.app_id = w.bot_id, w.app_id
    return message


def _content(args: Args, limit: int) -> tuple[str, list[Json], list[Json] | None]:
    """Text, blocks and attachments, checked."""
    text, blocks, attachments = args.text("text"), args.array("blocks"), args.array("attachments")
    markdown = args.text("markdown_text")
    if markdown:
        if text or blocks:
            raise ApiError("markdown_text_conflict")
        if len(markdown) > MARKDOWN_LIMIT:
            raise ApiError("msg_too_long")
        blocks = [{"type": "markdown", "text": markdown}]
    if not text and not blocks and not attachments:
        raise ApiError("no_text")
    if len(text) > limit:
        raise ApiError("msg_too_long")
    if len(attachments or []) > ATTACHMENTS_LIMIT:
        raise ApiError("too_many_attachments")
    check_message_blocks(blocks or [])
    for attachment in attachments or []:
        check_message_blocks(attachment.get("blocks", []))
    return text, fill_ids(blocks or []), attachments


def _parent_ts(channel: Channel, thread_ts: str) -> str | None:
    if not thread_ts:
        return None
    parent = channel.find(thread_ts)
    if parent is None:
        raise ApiError("thread_not_found")
    if parent.subtype == "tombstone":
        raise ApiError("cannot_reply_to_message")
    return parent.thread_ts or parent.ts


def _metadata(metadata: Any) -> Json | None:
    if not metadata:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise ApiError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        raise ApiError("invalid_metadata_schema")
    return metadata


def message_state(message: Message, user_id: str) -> dict[str, dict[str, Json]]:
    """What this person has entered into the elements of a message."""
    return message.state.setdefault(user_id, initial_states(message.blocks))
