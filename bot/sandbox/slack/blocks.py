"""Validation of blocks, messages' and views', as strict as Slack's: https://docs.slack.dev/reference/block-kit/blocks"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.sandbox.slack.block_elements import IN_ACTIONS, IN_INPUT, IN_SECTION, check_element
from bot.sandbox.slack.checker import ANY_TEXT, ID_LIMIT, Checker, Surface
from bot.sandbox.slack.records import ApiError, Json

BLOCKS_IN_MESSAGE = 50
BLOCKS_IN_VIEW = 100
MARKDOWN_LIMIT = 12_000  # all markdown blocks of one payload together; .../blocks/markdown-block
# Not documented. Refusals were seen from 13,172 characters, and at 11,341 counted in another way:
# https://github.com/slackapi/bolt-js/issues/2509 and /2867. Refusing above 12,000 is on the safe side.
MESSAGE_BLOCKS_LIMIT = 12_000
VIEW_BYTES = 250_000  # "view_too_large: ... greater than 250kb"; .../reference/methods/views.open
METADATA_LIMIT = 3_000  # private_metadata; .../reference/views/modal-views
TITLE_LIMIT = 24  # title, submit and close of a modal; same page
TABLE_ROWS, TABLE_CELLS = 100, 20

RICH_PARTS = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
RICH_INLINE = {"text", "link", "emoji", "user", "usergroup", "channel", "broadcast", "date", "color", "team"}


def check_message_blocks(blocks: list[Json]) -> None:
    """Refuse blocks that Slack would not take in a message."""
    check = Checker("message")
    _check_blocks(check, {"blocks": blocks}, "", BLOCKS_IN_MESSAGE, least=0)
    if check.mistakes:
        raise ApiError("invalid_blocks", *check.mistakes)
    if count_text(blocks) > MESSAGE_BLOCKS_LIMIT:
        raise ApiError("msg_blocks_too_long")


def check_view(view: Any, kinds: tuple[str, ...], size: int) -> None:
    """Refuse a view that Slack would not show; `size` is that of its JSON in bytes."""
    if not isinstance(view, dict) or view.get("type") not in kinds:
        raise ApiError("invalid_arguments", f"must be a valid view of type {' or '.join(kinds)} [json-pointer:/view]")
    if size > VIEW_BYTES:
        raise ApiError("view_too_large")
    surface: Surface = "modal" if view["type"] == "modal" else "home"
    check = Checker(surface)
    optional: tuple[str, ...] = ("callback_id", "private_metadata", "external_id", "submit", "close", "title")
    optional += ("clear_on_close", "notify_on_close", "submit_disabled") if surface == "modal" else ()
    required = ("title", "blocks") if surface == "modal" else ("blocks",)
    if check.shape(view, "/view", required, optional):
        _view_fields(check, view)
        _check_blocks(check, view, "/view", BLOCKS_IN_VIEW)
    if check.mistakes:
        raise ApiError("invalid_arguments", *check.mistakes)


def count_text(node: Any) -> int:
    """Characters of all texts in blocks."""
    if isinstance(node, list):
        return sum(count_text(item) for item in node)
    if not isinstance(node, dict):
        return 0
    return sum(len(v) if k == "text" and isinstance(v, str) else count_text(v) for k, v in node.items())


def _view_fields(check: Checker, view: Json) -> None:
    for name in ("title", "submit", "close"):
        check.text(view, name, "/view", TITLE_LIMIT)
    if check.surface == "home":
        for name in ("submit", "close"):
            if view.get(name) is not None:
                check.fail("/view", f"invalid additional property: {name}")
    check.string(view, "private_metadata", "/view", METADATA_LIMIT, least=0)
    check.string(view, "callback_id", "/view", ID_LIMIT, least=0)
    check.string(view, "external_id", "/view", ID_LIMIT, least=0)
    check.boolean(view, "/view", "clear_on_close", "notify_on_close", "submit_disabled")
    blocks = view["blocks"] if isinstance(view["blocks"], list) else []
    inputs = any(isinstance(block, dict) and block.get("type") == "input" for block in blocks)
    if check.surface == "modal" and inputs and view.get("submit") is None:
        check.fail("/view", "submit is required when an input block is within the blocks array")


def _check_blocks(check: Checker, holder: Json, at: str, most: int, least: int = 1) -> None:
    seen: set[str] = set()
    tables = 0
    for block, place in check.items(holder, "blocks", at, most, least):
        _check_block(check, block, place)
        if not isinstance(block, dict):
            continue
        tables += block.get("type") == "table"
        id = block.get("block_id")
        if isinstance(id, str) and id in seen:
            check.fail(f"{place}/block_id", f"`block_id` {id} already exists")
        seen.add(str(id) if id is not None else "")
    if tables > 1:
        check.fail(f"{at}/blocks", "only one table is allowed in a message")
    if check.focused > 1:
        check.fail(f"{at}/blocks", "only one element can have focus_on_load")
    if check.markdown_chars > MARKDOWN_LIMIT:
        check.fail(f"{at}/blocks", f"markdown blocks must be less than {MARKDOWN_LIMIT + 1} characters together")


def _check_block(check: Checker, block: Any, at: str) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    rule = BLOCKS.get(str(kind))
    if rule is None or check.surface not in rule[0]:
        check.fail(at, f"unsupported type: {kind}")
        return
    _, required, optional, details = rule
    if check.shape(block, at, required, ("block_id", *optional)):
        check.string(block, "block_id", at, ID_LIMIT)
        details(check, block, at)


def _section(check: Checker, block: Json, at: str) -> None:
    if block.get("text") is None and block.get("fields") is None:
        check.fail(at, "missing required field: text")
    check.text(block, "text", at, 3000, ANY_TEXT)
    check.boolean(block, at, "expand")
    for field, place in check.items(block, "fields", at, 10):
        check.text_object(field, place, 2000, ANY_TEXT)
    if block.get("accessory") is not None:
        check_element(check, block["accessory"], f"{at}/accessory", IN_SECTION)


def _nothing(check: Checker, block: Json, at: str) -> None:
    """A block without content of its own."""


def _header(check: Checker, block: Json, at: str) -> None:
    check.text(block, "text", at, 150)


def _context(check: Checker, block: Json, at: str) -> None:
    for element, place in check.items(block, "elements", at, 10):
        kind = element.get("type") if isinstance(element, dict) else None
        if kind == "image":
            check_element(check, element, place, {"image"})
        elif kind in ANY_TEXT:
            check.text_object(element, place, 3000, ANY_TEXT)
        else:
            check.fail(place, f"unsupported type: {kind}")


def _actions(check: Checker, block: Json, at: str) -> None:
    seen: set[str] = set()
    for element, place in check.items(block, "elements", at, 25):
        check_element(check, element, place, IN_ACTIONS)
        id = element.get("action_id") if isinstance(element, dict) else None
        if id is not None and id in seen:
            check.fail(f"{place}/action_id", f"`action_id` {id} already exists")
        seen.add(str(id))


def _input(check: Checker, block: Json, at: str) -> None:
    check.text(block, "label", at, 2000)
    check.text(block, "hint", at, 2000)
    check.boolean(block, at, "optional", "dispatch_action")
    check_element(check, block["element"], f"{at}/element", IN_INPUT)


def _image(check: Checker, block: Json, at: str) -> None:
    check.image(block, at)
    check.text(block, "title", at, 2000)


def _rich_text(check: Checker, block: Json, at: str) -> None:
    for part, place in check.items(block, "elements", at, 1000):
        _rich_part(check, part, place, RICH_PARTS)


def _rich_part(check: Checker, part: Any, at: str, allowed: set[str]) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in allowed:
        check.fail(at, f"unsupported type: {kind}")
        return
    inner = {"rich_text_section"} if kind == "rich_text_list" else RICH_INLINE
    if kind in RICH_INLINE:
        _rich_inline(check, part, at)
        return
    if kind == "rich_text_list":
        check.one_of(part, "style", at, ("bullet", "ordered"))
    if part.get("elements") is None:
        check.fail(at, "missing required field: elements")
    for item, place in check.items(part, "elements", at, 1000, least=0):
        _rich_part(check, item, place, inner)


def _rich_inline(check: Checker, item: Json, at: str) -> None:
    needs = {"text": "text", "link": "url", "emoji": "name", "user": "user_id", "channel": "channel_id"}
    name = needs.get(item["type"])
    if name and not item.get(name):
        check.fail(at, f"missing required field: {name}")


def _markdown(check: Checker, block: Json, at: str) -> None:
    check.string(block, "text", at, MARKDOWN_LIMIT)
    check.markdown_chars += len(str(block["text"]))


def _table(check: Checker, block: Json, at: str) -> None:
    check.items(block, "column_settings", at, TABLE_CELLS)
    for row, place in check.items(block, "rows", at, TABLE_ROWS):
        for cell, inner in check.items({"row": row}, "row", place, TABLE_CELLS):
            _cell(check, cell, inner)


def _cell(check: Checker, cell: Any, at: str) -> None:
    kind = cell.get("type") if isinstance(cell, dict) else None
    if kind == "raw_text":
        if check.shape(cell, at, ("text",)):
            check.string(cell, "text", at, 3000)
    elif kind == "rich_text":
        _rich_text(check, cell, at)
    else:
        check.fail(at, f"unsupported type: {kind}")


def _alert(check: Checker, block: Json, at: str) -> None:
    check.text(block, "text", at, 3000, ANY_TEXT)
    check.one_of(block, "level", at, ("default", "info", "warning", "error", "success"))


_EVERYWHERE = ("message", "modal", "home")
Details = Callable[[Checker, Json, str], None]
# type -> (surfaces, required, optional, the rest of its rules)
BLOCKS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Details]] = {
    "section": (_EVERYWHERE, (), ("text", "fields", "accessory", "expand"), _section),
    "divider": (_EVERYWHERE, (), (), _nothing),
    "header": (_EVERYWHERE, ("text",), (), _header),
    "context": (_EVERYWHERE, ("elements",), (), _context),
    "actions": (_EVERYWHERE, ("elements",), (), _actions),
    "input": (_EVERYWHERE, ("label", "element"), ("hint", "optional", "dispatch_action"), _input),
    "image": (_EVERYWHERE, ("alt_text",), ("image_url", "slack_file", "title"), _image),
    "rich_text": (_EVERYWHERE, ("elements",), (), _rich_text),
    "markdown": (("message",), ("text",), (), _markdown),
    "table": (("message",), ("rows",), ("column_settings",), _table),
    "alert": (("modal",), ("text",), ("level",), _alert),
}
