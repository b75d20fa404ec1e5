"""What every view and message must keep, whatever stands in it: what Slack takes, and what can do no harm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.blocks import check_message_blocks, check_view
from bot.sandbox.slack.messages import elements_of
from bot.ui import text as t

OURS = re.compile(
    r"<@U0[A-Z0-9]+>|<!subteam\^S0GROUP\d+>|<#C0MIGRATIONS>"
    r"|<!date\^\d+\^\{date_short_pretty\} \{time(?:_secs)?\}\|[0-9: -]+UTC>"
)
"""The tokens that we write ourselves; the nasty texts hold others, and some that look the same."""


def mrkdwn_of(node: Any) -> Iterator[str]:
    """Every text that Slack would read marks and mentions in."""
    return texts_of(node, "mrkdwn")


def texts_of(node: Any, *kinds: str) -> Iterator[str]:
    """Every text of these kinds, in the order of the view; of both kinds where none is named."""
    if isinstance(node, list):
        for item in node:
            yield from texts_of(item, *kinds)
    elif isinstance(node, dict):
        if node.get("type") in (kinds or ("mrkdwn", "plain_text")):
            yield node["text"]
        for value in node.values():
            yield from texts_of(value, *kinds)


def harmless(text: str) -> None:
    """Nothing but our own tokens is between angles, and no entity was cut."""
    rest = OURS.sub("", text)
    assert "<" not in rest and ">" not in rest, rest[:200]
    assert not re.search(r"&(?!(amp|lt|gt);)", rest), rest[-200:]


def usable(blocks: list[t.Block]) -> None:
    for text in texts_of(blocks):
        assert text.strip(" \u200b\n"), "an empty text is refused or says nothing"
    for text in mrkdwn_of(blocks):
        harmless(text)
    for block, element in elements_of(blocks):
        assert re.fullmatch(r"[a-z_]+", element["action_id"]), "fixed, so that what was entered survives an update"
        if block["type"] == "input":
            assert re.fullmatch(r"[a-z_]+", block["block_id"])
        if element["type"] == "button":
            assert element["text"]["text"].strip()
            assert len(element.get("accessibility_label", "")) <= 75
            assert len(element["value"]) <= 2000


def good_view(view: t.View) -> None:
    check_view(view, ("modal", "home"), len(json.dumps(view, ensure_ascii=False).encode()))
    usable(view["blocks"])


def good_message(text: str, blocks: list[t.Block]) -> None:
    check_message_blocks(blocks)
    assert text.strip() and len(text) <= 4000
    harmless(text)
    usable(blocks)
