"""Every limit of Block Kit: one case that trips it, one that just passes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.models.blocks import SectionBlock
from slack_sdk.models.views import View as SdkView

from bot.sandbox.slack.answers import options_of
from bot.sandbox.slack.blocks import check_message_blocks, check_view
from bot.sandbox.slack.records import ApiError
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Workspace
from tests.bot.sandbox_support import Json, button, modal, mrkdwn, option, plain, section, text_input

Build = Callable[[int], Json]


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def select(options: list[Json], **more: Any) -> Json:
    return {"type": "static_select", "action_id": "s", "options": options} | more


def options(count: int) -> list[Json]:
    return [option(f"Option {n}", str(n)) for n in range(count)]


def field_of(element: Json, **more: Any) -> Json:
    return {"type": "input", "block_id": "b", "label": plain("L"), "element": element} | more


def confirm(**lengths: int) -> Json:
    sizes = {"title": 5, "text": 5, "confirm": 3, "deny": 3} | lengths
    return {name: plain("x" * size) for name, size in sizes.items()}


def table(rows: int, cells: int) -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "c"}] * cells for _ in range(rows)]}


def refusal(blocks: list[Json]) -> ApiError | None:
    try:
        check_message_blocks(copy.deepcopy(blocks))
    except ApiError as refused:
        return refused
    return None


def view_refusal(view: Json, *kinds: str, size: int = 0) -> ApiError | None:
    try:
        check_view(copy.deepcopy(view), kinds or ("modal",), size)
    except ApiError as refused:
        return refused
    return None


# what, limit, a block with the thing of that size, the pointer of the mistake
BLOCK_LIMITS: list[tuple[str, int, Build, str]] = [
    ("section text", 3000, lambda n: section("x" * n), "/blocks/0/text/text"),
    (
        "section field",
        2000,
        lambda n: {"type": "section", "fields": [mrkdwn("x" * n)]},
        "/blocks/0/fields/0/text",
    ),
    ("section fields", 10, lambda n: {"type": "section", "fields": [mrkdwn("x")] * n}, "/blocks/0/fields"),
    ("header", 150, lambda n: {"type": "header", "text": plain("x" * n)}, "/blocks/0/text/text"),
    (
        "context elements",
        10,
        lambda n: {"type": "context", "elements": [mrkdwn("x")] * n},
        "/blocks/0/elements",
    ),
    ("actions elements", 25, lambda n: actions(*[button(str(i)) for i in range(n)]), "/blocks/0/elements"),
    ("button text", 75, lambda n: actions(button(text=plain("x" * n))), "/blocks/0/elements/0/text/text"),
    ("button value", 2000, lambda n: actions(button(value="x" * n)), "/blocks/0/elements/0/value"),
    ("button url", 3000, lambda n: actions(button(url="x" * n)), "/blocks/0/elements/0/url"),
    ("action_id", 255, lambda n: actions(button("x" * n)), "/blocks/0/elements/0/action_id"),
    ("block_id", 255, lambda n: section() | {"block_id": "x" * n}, "/blocks/0/block_id"),
    ("select options", 100, lambda n: actions(select(options(n))), "/blocks/0/elements/0/options"),
    (
        "option text",
        75,
        lambda n: actions(select([option("x" * n, "v")])),
        "/blocks/0/elements/0/options/0/text/text",
    ),
    (
        "option value",
        150,
        lambda n: actions(select([option("t", "x" * n)])),
        "/blocks/0/elements/0/options/0/value",
    ),
    (
        "overflow",
        5,
        lambda n: actions({"type": "overflow", "options": options(n)}),
        "/blocks/0/elements/0/options",
    ),
    (
        "radio",
        10,
        lambda n: actions({"type": "radio_buttons", "options": options(n)}),
        "/blocks/0/elements/0/options",
    ),
    (
        "placeholder",
        150,
        lambda n: actions(select(options(1), placeholder=plain("x" * n))),
        "/blocks/0/elements/0/placeholder/text",
    ),
    (
        "confirm title",
        100,
        lambda n: actions(button(confirm=confirm(title=n))),
        "/blocks/0/elements/0/confirm/title/text",
    ),
    (
        "confirm text",
        300,
        lambda n: actions(button(confirm=confirm(text=n))),
        "/blocks/0/elements/0/confirm/text/text",
    ),
    (
        "confirm yes",
        30,
        lambda n: actions(button(confirm=confirm(confirm=n))),
        "/blocks/0/elements/0/confirm/confirm/text",
    ),
    (
        "confirm no",
        30,
        lambda n: actions(button(confirm=confirm(deny=n))),
        "/blocks/0/elements/0/confirm/deny/text",
    ),
    ("input label", 2000, lambda n: text_input(label=plain("x" * n)), "/blocks/0/label/text"),
    ("input hint", 2000, lambda n: text_input(hint=plain("x" * n)), "/blocks/0/hint/text"),
    (
        "image alt_text",
        2000,
        lambda n: {"type": "image", "image_url": "https://a/b", "alt_text": "x" * n},
        "/blocks/0/alt_text",
    ),
    ("table rows", 100, lambda n: table(n, 2), "/blocks/0/rows"),
    ("table cells", 20, lambda n: table(2, n), "/blocks/0/rows/0/row"),
    ("markdown", 12_000, lambda n: {"type": "markdown", "text": "x" * n}, "/blocks/0/text"),
]


@pytest.mark.parametrize(("what", "limit", "build", "pointer"), BLOCK_LIMITS, ids=[case[0] for case in BLOCK_LIMITS])
def test_block_limits(what: str, limit: int, build: Build, pointer: str) -> None:
    assert refusal([build(limit)]) is None
    refused = refusal([build(limit + 1)])
    assert refused is not None and refused.error == "invalid_blocks"
    assert any(f"[json-pointer:{pointer}" in message for message in refused.messages), refused.messages


MISTAKES: list[tuple[str, Json, str]] = [
    ("unknown block", {"type": "carousel2"}, "unsupported type: carousel2"),
    ("no type", {"text": "x"}, "unsupported type: None"),
    ("alert in a message", {"type": "alert", "text": plain("x")}, "unsupported type: alert"),
    ("unknown element", actions({"type": "knob"}), "unsupported type: knob"),
    ("button in input", field_of(button()), "unsupported type: button"),
    ("text input in actions", actions({"type": "plain_text_input"}), "unsupported type: plain_text_input"),
    ("datetimepicker in section", section() | {"accessory": {"type": "datetimepicker"}}, "unsupported type"),
    ("button in context", {"type": "context", "elements": [button()]}, "unsupported type: button"),
    ("empty text", section(""), "must be more than 0 characters"),
    ("empty section", {"type": "section"}, "missing required field: text"),
    ("mrkdwn header", {"type": "header", "text": mrkdwn("x")}, "must be a valid plain_text text object"),
    ("mrkdwn button", actions(button(text=mrkdwn("x"))), "must be a valid plain_text text object"),
    ("bare string", {"type": "section", "text": "x"}, "must be a valid"),
    (
        "emoji with mrkdwn",
        {"type": "section", "text": mrkdwn("x") | {"emoji": True}},
        "invalid additional property: emoji",
    ),
    ("unknown field", section() | {"colour": "red"}, "invalid additional property: colour"),
    ("no elements", actions(), "no fewer than 1 items allowed"),
    ("same action_id twice", actions(button("a"), button("a")), "`action_id` a already exists"),
    ("bad style", actions(button(style="loud")), "must be one of: danger, primary"),
    ("no options at all", actions({"type": "static_select"}), "exactly one of options and option_groups"),
    ("no options", actions(select([])), "no fewer than 1 items allowed"),
    ("strange initial", actions(select(options(2), initial_option=option("No", "9"))), "must match one of"),
    ("bad date", actions({"type": "datepicker", "initial_date": "1.2.2026"}), "must be in format YYYY-MM-DD"),
    ("bad time", actions({"type": "timepicker", "initial_time": "25:00"}), "must be in format HH:mm"),
    (
        "number without decimals",
        field_of({"type": "number_input"}),
        "missing required field: is_decimal_allowed",
    ),
    ("image without alt", {"type": "image", "image_url": "https://a/b"}, "missing required field: alt_text"),
    (
        "input without label",
        {"type": "input", "element": {"type": "plain_text_input"}},
        "missing required field: label",
    ),
    (
        "confirm without deny",
        actions(button(confirm={"title": plain("t"), "text": plain("t"), "confirm": plain("c")})),
        "missing required field: deny",
    ),
    (
        "empty table cell",
        {"type": "table", "rows": [[{"type": "raw_text", "text": ""}]]},
        "must be more than 0",
    ),
    (
        "rich text of nonsense",
        {"type": "rich_text", "elements": [{"type": "rich_text_poem"}]},
        "unsupported type",
    ),
]


@pytest.mark.parametrize(("what", "block", "message"), MISTAKES, ids=[case[0] for case in MISTAKES])
def test_mistakes(what: str, block: Json, message: str) -> None:
    refused = refusal([block])
    assert refused is not None and any(message in one for one in refused.messages), refused and refused.messages


def test_every_mistake_is_named() -> None:
    refused = refusal([section(""), actions(), {"type": "nonsense"}])
    assert refused is not None and len(refused.messages) == 3


GOOD: list[Json] = [
    section() | {"accessory": button()},
    section() | {"accessory": {"type": "users_select", "action_id": "u"}},
    {"type": "section", "fields": [plain("a"), mrkdwn("b")]},
    {"type": "divider"},
    {"type": "header", "text": plain("H")},
    {
        "type": "context",
        "elements": [mrkdwn("x"), {"type": "image", "image_url": "https://a/b", "alt_text": "a"}],
    },
    actions(
        {"type": "datetimepicker", "initial_date_time": 1_700_000_000},
        {"type": "checkboxes", "options": options(10)},
    ),
    actions({"type": "static_select", "option_groups": [{"label": plain("G"), "options": options(3)}]}),
    actions(
        {
            "type": "radio_buttons",
            "options": [{"text": mrkdwn("*a*"), "value": "a", "description": plain("d")}],
        }
    ),
    actions({"type": "multi_external_select", "min_query_length": 0, "max_selected_items": 3}),
    actions(
        {
            "type": "conversations_select",
            "default_to_current_conversation": True,
            "filter": {"include": ["public"]},
        }
    ),
    text_input(dispatch_action=True),
    field_of({"type": "number_input", "is_decimal_allowed": False, "min_value": "1"}),
    field_of({"type": "email_text_input"}),
    field_of({"type": "url_text_input"}),
    field_of({"type": "multi_static_select", "options": options(2), "initial_options": options(1)}),
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [{"type": "text", "text": "a", "style": {"bold": True}}],
            },
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [{"type": "rich_text_section", "elements": []}],
            },
        ],
    },
    {"type": "markdown", "text": "# T"},
    table(3, 3),
]


@pytest.mark.parametrize("block", GOOD, ids=range(len(GOOD)))
def test_good_blocks_pass(block: Json) -> None:
    assert refusal([block]) is None


def test_what_counts_over_a_whole_message() -> None:
    assert refusal([{"type": "divider"}] * 50) is None
    assert refusal([{"type": "divider"}] * 51) is not None
    assert refusal([section("x" * 3000)] * 4) is None
    too_long = refusal([section("x" * 3000)] * 4 + [section("x")])
    assert too_long is not None and too_long.error == "msg_blocks_too_long"
    markdown = [{"type": "markdown", "text": "x" * 6001}] * 2
    assert (refused := refusal(markdown)) is not None and refused.error == "invalid_blocks"
    assert refusal([section() | {"block_id": "a"}, section() | {"block_id": "b"}]) is None
    assert (refused := refusal([section() | {"block_id": "a"}] * 2)) and "already exists" in refused.messages[0]
    assert (refused := refusal([table(1, 1), table(1, 1)])) and "only one table" in refused.messages[0]


# what, a view with the thing of that size, limit
VIEW_LIMITS: list[tuple[str, int, Build]] = [
    ("title", 24, lambda n: modal(title=plain("x" * n))),
    ("submit", 24, lambda n: modal(submit=plain("x" * n))),
    ("close", 24, lambda n: modal(close=plain("x" * n))),
    ("private_metadata", 3000, lambda n: modal(private_metadata="x" * n)),
    ("callback_id", 255, lambda n: modal(callback_id="x" * n)),
    ("external_id", 255, lambda n: modal(external_id="x" * n)),
    ("blocks", 100, lambda n: modal(*[{"type": "divider"}] * n)),
]


@pytest.mark.parametrize(("what", "limit", "build"), VIEW_LIMITS, ids=[case[0] for case in VIEW_LIMITS])
def test_view_limits(what: str, limit: int, build: Build) -> None:
    assert view_refusal(build(limit)) is None
    refused = view_refusal(build(limit + 1))
    assert refused is not None and refused.error == "invalid_arguments"
    assert f"/view/{what}" in refused.messages[0]


VIEW_MISTAKES: list[tuple[str, Json, str]] = [
    (
        "inputs without submit",
        {"type": "modal", "title": plain("T"), "blocks": [text_input()]},
        "submit is required",
    ),
    ("no title", {"type": "modal", "blocks": [section()]}, "missing required field: title"),
    ("no blocks", {"type": "modal", "title": plain("T"), "blocks": []}, "no fewer than 1 items"),
    ("markdown in a modal", modal({"type": "markdown", "text": "x"}), "unsupported type: markdown"),
    ("table in a modal", modal(table(1, 1)), "unsupported type: table"),
    ("mrkdwn title", modal(title=mrkdwn("T")), "must be a valid plain_text"),
    ("unknown field", modal(colour="red"), "invalid additional property: colour"),
    (
        "two focused",
        modal(*[field_of({"type": "plain_text_input", "focus_on_load": True}, block_id=b) for b in "ab"]),
        "only one element can have focus_on_load",
    ),
]


@pytest.mark.parametrize(("what", "view", "message"), VIEW_MISTAKES, ids=[case[0] for case in VIEW_MISTAKES])
def test_view_mistakes(what: str, view: Json, message: str) -> None:
    refused = view_refusal(view)
    assert refused is not None and message in " ".join(refused.messages)


def test_surfaces_and_size_of_views() -> None:
    assert view_refusal(modal({"type": "alert", "level": "warning", "text": mrkdwn("x")})) is None
    home = {"type": "home", "blocks": [section()]}
    assert view_refusal(home, "home") is None
    assert view_refusal(home) is not None and view_refusal(modal(), "home") is not None
    assert view_refusal(home | {"submit": plain("S")}, "home") is not None
    assert view_refusal(modal(section(), submit=None)) is None
    assert view_refusal(modal(), size=250_000) is None
    assert (refused := view_refusal(modal(), size=250_001)) is not None and refused.error == "view_too_large"


def test_what_slack_sdk_builds_passes() -> None:
    block = SectionBlock(text="words", fields=["*a*", "b"]).to_dict()
    assert refusal([block]) is None
    view = SdkView(type="modal", title=plain("T"), blocks=[SectionBlock(text="words")], close=plain("C"))
    assert view_refusal(view.to_dict()) is None


def test_suggested_options_are_checked() -> None:
    state = State(Workspace.default())
    assert len(options_of(state, {"options": options(100)}, "external_select")) == 100
    assert options_of(state, {"option_groups": [{"label": plain("G"), "options": options(2)}]}, "x") == options(2)
    assert options_of(state, {"options": []}, "external_select") == [] and state.problems == []
    assert options_of(state, {"options": options(101)}, "external_select") == []
    assert options_of(state, None, "external_select") == [] and len(state.problems) == 2
