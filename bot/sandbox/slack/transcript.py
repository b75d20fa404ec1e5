"""Conversations as text, for people who read test failures and demos."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from bot.sandbox.slack.messages import Channel, Message, block_words, elements_of
from bot.sandbox.slack.records import Json
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import View


def transcript(state: State, channel: Channel, ts: str | None = None) -> str:
    """A thread, or a whole channel with its threads indented."""
    if ts is not None:
        return "\n".join(_lines(state, channel.thread(ts)))
    lines: list[str] = [f"#{channel.name or 'direct message'}"]
    for message in channel.messages:
        lines += _lines(state, [message])
        lines += ["    " + line for line in _lines(state, channel.replies(message.ts))]
    return "\n".join(lines)


def everything(state: State) -> str:
    """All conversations, open modals, calls that failed and problems: what a failed wait shows."""
    parts = [transcript(state, channel) for channel in state.workspace.channels.values() if channel.all_messages]
    parts += [_modal(state, view) for stack in state.views.stacks.values() for view in stack]
    parts += [f"problem: {problem}" for problem in state.problems]
    return "\n\n".join(parts) or "(nothing happened)"


def plain(state: State, text: str) -> str:
    """Slack's markup as a reader sees it: names for ids, no brackets."""
    users, groups = state.workspace.users, state.workspace.groups

    def name(match: re.Match[str]) -> str:
        kind, body, label = match["kind"] or "", match["body"], match["label"]
        if kind == "@":
            return "@" + (users[body].name if body in users else body)
        if kind == "!":
            group = body.removeprefix("subteam^")
            return "@" + groups[group].handle if group in groups else (label or "@" + body.split("^")[0])
        return ("#" if kind == "#" else "") + (label or body)

    shown = re.sub(r"<(?P<kind>[@#!])?(?P<body>[^|>]+)(?:\|(?P<label>[^>]*))?>", name, text)
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _lines(state: State, messages: Iterable[Message]) -> list[str]:
    return [line for message in messages for line in _message(state, message)]


def _message(state: State, message: Message) -> list[str]:
    user = state.workspace.users.get(message.user)
    at = datetime.fromtimestamp(float(message.ts), UTC).strftime("%H:%M:%S")
    marks = " (edited)" * message.edited + " (only for one)" * message.is_ephemeral
    head = f"{at} {user.real_name if user else message.user}{marks}:"
    body = [plain(state, line) for line in message.plain.splitlines()]
    body += [f"[file {file.title or file.name}, {file.length} bytes]" for file in message.files]
    buttons = _buttons(message.blocks)
    return [head, *("  " + line for line in body + ([buttons] if buttons else []))]


def _buttons(blocks: list[Json]) -> str:
    return " ".join(f"[{' '.join(block_words(e))}]" for _, e in elements_of(blocks) if e["type"] == "button")


def _modal(state: State, view: View) -> str:
    user = state.workspace.users[view.user_id]
    errors = "".join(f"\n  error at {block}: {text}" for block, text in view.errors.items())
    return f"modal of {user.real_name}: {plain(state, view.plain)}{errors}"
