"""files.*: the three-step upload, its asynchronous share, and downloads."""

from __future__ import annotations

import secrets

from bot.sandbox.slack.api_chat import existing
from bot.sandbox.slack.arguments import Args
from bot.sandbox.slack.messages import Message, StoredFile
from bot.sandbox.slack.records import ApiError, Json
from bot.sandbox.slack.state import State

# https://docs.slack.dev/reference/methods/files.getUploadURLExternal
ALT_LIMIT = 1000


def get_upload_url(state: State, args: Args) -> Json:
    """files.getUploadURLExternal"""
    length = args.number("length", 0)
    if length <= 0:
        raise ApiError("invalid_arguments", "must be greater than 0 [json-pointer:/length]")
    id = "F" + secrets.token_hex(5).upper()
    file = StoredFile(id, args.required("filename"), length, state.workspace.bot_user_id)
    file.snippet_type = args.text("snippet_type") or None
    # The same page: "Description of image for screen-reader. Maximum 1000 characters"
    file.alt_text = args.text("alt_txt")
    if len(file.alt_text) > ALT_LIMIT:
        raise ApiError("alt_txt_too_large")
    file.upload_key = secrets.token_hex(16)
    with state.mutate():
        state.files[file.id] = file
    return {"upload_url": f"{state.url}upload/v1/{file.upload_key}", "file_id": file.id}


def receive_upload(state: State, key: str, content: bytes) -> None:
    """The bytes of a file; they must be as many as were announced."""
    file = next((f for f in state.files.values() if secrets.compare_digest(f.upload_key, key)), None)
    if file is None or file.content is not None:
        raise ApiError("file_not_found")
    if len(content) != file.length:
        raise ApiError("invalid_length", f"{file.length} bytes were announced, {len(content)} came")
    with state.mutate():
        file.content = content


def complete_upload(state: State, args: Args) -> Json:
    """files.completeUploadExternal: answers before the file is shared, so without a ts"""
    wanted = args.array("files") or []
    if not wanted:
        raise ApiError("invalid_arguments", "no fewer than 1 items allowed [json-pointer:/files]")
    files = [_uploaded(state, str(one.get("id"))) for one in wanted]
    for channel in _targets(args):
        _shareable(state, channel, args.text("thread_ts"))
    with state.mutate():
        for file, one in zip(files, wanted, strict=True):
            file.title = str(one.get("title") or file.name)
    return {"files": [file.to_slack(state.url) for file in files]}


def share(state: State, args: Args) -> None:
    """What happens some time after `complete_upload` has answered: the message with the files appears."""
    files = [state.files[one["id"]] for one in args.array("files") or []]
    for name in _targets(args):
        channel = state.workspace.channels[name]
        w = state.workspace
        message = Message(channel.id, state.mint_ts(), w.bot_user_id, args.text("initial_comment"))
        message.bot_id, message.app_id, message.files = w.bot_id, w.app_id, files
        message.thread_ts = args.text("thread_ts") or None
        for file in files:
            file.shares.append((channel.id, message.ts, message.thread_ts))
        state.post(channel, message)


def files_info(state: State, args: Args) -> Json:
    """files.info"""
    return {"file": _uploaded(state, args.required("file")).to_slack(state.url)}


def _targets(args: Args) -> list[str]:
    one = args.text("channel_id")
    return [one] if one else [name for name in args.text("channels").split(",") if name]


def _uploaded(state: State, id: str) -> StoredFile:
    file = state.files.get(id)
    if file is None or file.content is None:
        raise ApiError("file_not_found")
    return file


def _shareable(state: State, name: str, thread_ts: str) -> None:
    channel = existing(state, name)
    if channel.is_archived:
        raise ApiError("is_archived")
    if state.workspace.bot_user_id not in channel.members:
        raise ApiError("not_in_channel")
    if thread_ts and channel.find(thread_ts) is None:
        raise ApiError("thread_not_found")
