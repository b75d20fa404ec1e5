"""Words, numbers and blocks within Slack's limits. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from jobs.core.bidi import FSI, PDI, isolated

Block = dict[str, Any]
View = dict[str, Any]

# Limits from Slack's Block Kit reference (docs.slack.dev/reference/block-kit); what is longer is refused whole.
SECTION = 3000
FIELD = 2000
FIELDS = 10
HEADER = 150
BUTTON = 75
OPTION = 75
OPTION_VALUE = 150
OPTIONS = 100
PLACEHOLDER = 150
CONTEXT_ELEMENTS = 10
MESSAGE_BLOCKS = 50
MODAL_BLOCKS = 100
MESSAGE_TEXT = 3500
"""Slack advises under 4,000 characters for a message's text."""
BLOCKS_TEXT = 11_000
"""All text of a message's blocks together; near 13,200 Slack answers msg_blocks_too_long."""


def escape(text: str) -> str:
    """Text from a database or a person, unable to mention, link or call a channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_MARKS = re.compile(r"((?<![A-Za-z0-9])[*_~`]|[*_~`](?![A-Za-z0-9]))")

_EMOJI = re.compile(r"(?<![0-9]):(?=[a-z0-9_+'-]+:)")
"""The colon before an emoji's name, as in :x:, and not one of a time of day."""


def plain(text: str, limit: int = 0) -> str:
    """`escape`, and unable to format, to become an emoji, or to reorder its neighbours: a mark of mrkdwn at a word's
    edge and the colon of an emoji get a zero-width neighbour, right-to-left text is isolated.

    With a `limit` it is clipped, and what would be cut away is not looked at: escaping makes nothing shorter."""
    words = " ".join(text.split())
    shown = _EMOJI.sub(":\u200b", escape(isolated(words[: limit + 1] if limit else words)))
    # Split at the marks, which the group keeps among the parts: no call for each, as `sub` would need.
    whole = "\u200b".join(_MARKS.split(shown))
    return clip(whole, limit) if limit else whole


def code(text: str) -> str:
    """A name or a statement set as code, on one line."""
    return f"`{escape(isolated(' '.join(text.split()))).replace('`', 'ˋ')}`"


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, the cut marked; never ends inside an entity, a mention or a date."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    cut = cut[: max(0, limit - 1 - _opened(cut))]
    amp = cut.rfind("&", max(0, len(cut) - 5))
    if amp >= 0 and ";" not in cut[amp:]:
        cut = cut[:amp]
    opened = cut.rfind("<")
    if opened > cut.rfind(">") and ">" in text[len(cut) :]:
        # Only our own tokens hold a bare <: all data is escaped.
        cut = cut[:opened]
    # An isolate whose end was cut away ends here, before it takes the rest of the line with it.
    return cut + PDI * _opened(cut) + "…"


def _opened(text: str) -> int:
    return max(0, text.count(FSI) - text.count(PDI))


def size(value: float | None) -> str:
    """Bytes in decimal units, as disks are sold: 1.3 GB."""
    if value is None:
        return "unknown"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if round(abs(value)) < 1000 or unit == "TB":
            whole = unit in ("B", "kB") or round(abs(value), 1) >= 100
            return f"{value:,.0f} {unit}" if whole else f"{value:,.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable: the last unit returns")


def count(number: int, noun: str, many: str = "") -> str:
    """1 table, 2 tables."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def span(seconds: float) -> str:
    """A duration as people say it: 45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min" if whole % 3600 // 60 else f"{whole // 3600} h"


def between(low: float | None, high: float | None) -> str:
    """An estimate, which is always a range."""
    if low is None or high is None:
        return "not known yet"
    least, most = (span(max(0.0, *ends)).replace(".0 s", " s") for ends in ((low,), (low, high)))
    return f"{least} to {most}" if least != most else f"about {least}"


def when(moment: datetime) -> str:
    """A moment in each reader's own time zone; the fallback is in UTC."""
    stamp = int(moment.timestamp())
    return f"<!date^{stamp}^{{date_short_pretty}} {{time_secs}}|{moment:%Y-%m-%d %H:%M:%S} UTC>"


def due(moment: datetime) -> str:
    """A moment to come, as people agree upon it: without seconds."""
    stamp = int(moment.timestamp())
    return f"<!date^{stamp}^{{date_short_pretty}} {{time}}|{moment:%Y-%m-%d %H:%M} UTC>"


def unmarked(text: str) -> str:
    """Our own words for a place that shows plain text only: mentions become what they name."""
    return re.sub(r"<(?:!subteam\^|@|#)([A-Z0-9]+)>", r"\1", text)


def mention(user_id: str) -> str:
    """Names a person, and tells them."""
    return f"<@{user_id}>"


def section(text: str, *, block_id: str = "", accessory: Block | None = None) -> Block:
    block: Block = {"type": "section", "text": {"type": "mrkdwn", "text": clip(text, SECTION)}}
    if block_id:
        block["block_id"] = block_id
    if accessory:
        block["accessory"] = accessory
    return block


def fields(pairs: Iterable[tuple[str, str]], *, block_id: str = "") -> Block:
    """A two-column table of at most ten label and value pairs."""
    cells = [{"type": "mrkdwn", "text": clip(f"*{name}*\n{value}", FIELD)} for name, value in pairs]
    block: Block = {"type": "section", "fields": cells[:FIELDS]}
    if block_id:
        block["block_id"] = block_id
    return block


def header(text: str) -> Block:
    """Plain text, in which Slack still makes emoji of their names."""
    return {"type": "header", "text": label(_EMOJI.sub(":\u200b", " ".join(text.split())), HEADER)}


def context(*texts: str, block_id: str = "") -> Block:
    elements = [{"type": "mrkdwn", "text": clip(text, 2000)} for text in texts[:CONTEXT_ELEMENTS]]
    block: Block = {"type": "context", "elements": elements}
    if block_id:
        block["block_id"] = block_id
    return block


def divider() -> Block:
    return {"type": "divider"}


def label(text: str, limit: int = BUTTON) -> Block:
    return {"type": "plain_text", "text": clip(text, limit), "emoji": True}


def option(text: str, value: str, description: str = "") -> Block:
    made: Block = {"text": label(text, OPTION), "value": clip(value, OPTION_VALUE)}
    if description:
        made["description"] = label(description, OPTION)
    return made


def button(
    text: str,
    action_id: str,
    value: str,
    *,
    style: str = "",
    confirm: Block | None = None,
    said: str = "",
    url: str = "",
) -> Block:
    """`said` is what a screen reader says instead of the short text."""
    made: Block = {"type": "button", "text": label(text), "action_id": action_id, "value": value}
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = confirm
    if said:
        made["accessibility_label"] = clip(said, 75)
    if url:
        made["url"] = url
    return made


def confirm(title: str, text: str, yes: str, no: str = "Go back", *, danger: bool = False) -> Block:
    """A dialog before a button acts. Limits: 100, 300, 30 characters."""
    made: Block = {
        "title": label(title, 100),
        "text": {"type": "plain_text", "text": clip(text, 300)},
        "confirm": label(yes, 30),
        "deny": label(no, 30),
    }
    if danger:
        made["style"] = "danger"
    return made


def actions(block_id: str, elements: Sequence[Block]) -> Block:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)[:25]}


def field(
    block_id: str,
    text: str,
    element: Block,
    *,
    hint: str = "",
    optional: bool = False,
    dispatch: bool = False,
) -> Block:
    """An input with its label."""
    made: Block = {
        "type": "input",
        "block_id": block_id,
        "label": label(text, 2000),
        "element": element,
        "optional": optional,
    }
    if hint:
        made["hint"] = {"type": "plain_text", "text": clip(hint, 2000)}
    if dispatch:
        made["dispatch_action"] = True
    return made


def within(blocks: Sequence[Block], limit: int) -> list[Block]:
    """The first blocks that fit; says so when some do not."""
    if len(blocks) <= limit:
        return list(blocks)
    return [*blocks[: limit - 1], context(f"{len(blocks) - limit + 1} more parts are not shown here.")]
