"""Validation of interactive elements: https://docs.slack.dev/reference/block-kit/block-elements"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bot.sandbox.slack.checker import ANY_TEXT, ID_LIMIT, PLAIN, URL_LIMIT, Checker
from bot.sandbox.slack.elements import all_options
from bot.sandbox.slack.records import Json

SINGLE_SELECTS = {
    "static_select",
    "external_select",
    "users_select",
    "conversations_select",
    "channels_select",
}
MULTI_SELECTS = {
    "multi_static_select",
    "multi_external_select",
    "multi_users_select",
    "multi_conversations_select",
}
SELECTS = SINGLE_SELECTS | MULTI_SELECTS
CHOICES = {"checkboxes", "radio_buttons"}
PICKERS = {"datepicker", "timepicker"}
TYPED = {"plain_text_input", "number_input", "email_text_input", "url_text_input"}

IN_SECTION = {"button", "overflow", "image"} | CHOICES | SELECTS | PICKERS
IN_ACTIONS = {"button", "overflow", "datetimepicker"} | CHOICES | SELECTS | PICKERS
IN_INPUT = {"datetimepicker"} | CHOICES | SELECTS | PICKERS | TYPED

TRIGGERS = ("on_enter_pressed", "on_character_entered")
DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def check_element(check: Checker, element: Any, at: str, allowed: set[str]) -> None:
    """One element where only the `allowed` kinds may stand."""
    kind = element.get("type") if isinstance(element, dict) else None
    if kind not in allowed:
        check.fail(at, f"unsupported type: {kind}")
        return
    required, optional, details = RULES[kind]
    if not check.shape(element, at, required, {*optional, *COMMON[kind]}):
        return
    check.string(element, "action_id", at, ID_LIMIT)
    check.confirm(element, at)
    check.boolean(element, at, "focus_on_load")
    check.focused += element.get("focus_on_load") is True
    check.text(element, "placeholder", at, 150)
    details(check, element, at)


def check_options(check: Checker, element: Json, at: str, most: int, kinds: tuple[str, ...] = PLAIN) -> None:
    """The options of an element, grouped or not."""
    values: list[Any] = []
    for option, place in check.items(element, "options", at, most):
        _option(check, option, place, kinds, element["type"] == "overflow")
        values.append(option.get("value") if isinstance(option, dict) else None)
    for group, place in check.items(element, "option_groups", at, 100):
        if check.shape(group, place, ("label", "options")):
            check.text(group, "label", place, 75)
            for option, inner in check.items(group, "options", place, 100):
                _option(check, option, inner, kinds, False)


def _option(check: Checker, option: Any, at: str, kinds: tuple[str, ...], with_url: bool) -> None:
    if check.shape(option, at, ("text", "value"), ("description", *(("url",) if with_url else ()))):
        check.text(option, "text", at, 75, kinds)
        check.string(option, "value", at, 150)
        check.text(option, "description", at, 75, kinds)
        check.string(option, "url", at, URL_LIMIT)


def _initial(check: Checker, element: Json, at: str) -> None:
    """Initial options must be options, word for word."""
    options = all_options(element)
    one = element.get("initial_option")
    if one is not None and one not in options:
        check.fail(f"{at}/initial_option", "must match one of the provided options")
    for option, place in check.items(element, "initial_options", at, 100):
        if option not in options:
            check.fail(place, "must match one of the provided options")


def _button(check: Checker, element: Json, at: str) -> None:
    check.text(element, "text", at, 75)
    check.string(element, "value", at, 2000)
    check.string(element, "url", at, URL_LIMIT)
    check.string(element, "accessibility_label", at, 75)
    check.one_of(element, "style", at, ("primary", "danger"))


def _overflow(check: Checker, element: Json, at: str) -> None:
    check_options(check, element, at, 5)


def _choices(check: Checker, element: Json, at: str) -> None:
    check_options(check, element, at, 10, ANY_TEXT)
    _initial(check, element, at)


def _static_select(check: Checker, element: Json, at: str) -> None:
    if (element.get("options") is None) == (element.get("option_groups") is None):
        check.fail(at, "exactly one of options and option_groups is required")
    check_options(check, element, at, 100)
    _initial(check, element, at)
    check.whole(element, "max_selected_items", at, 1, 100)


def _external_select(check: Checker, element: Json, at: str) -> None:
    check.whole(element, "min_query_length", at, 0, 3000)
    check.whole(element, "max_selected_items", at, 1, 100)
    if element.get("initial_option") is not None:
        _option(check, element["initial_option"], f"{at}/initial_option", PLAIN, False)
    for option, place in check.items(element, "initial_options", at, 100):
        _option(check, option, place, PLAIN, False)


def _ids_select(check: Checker, element: Json, at: str) -> None:
    check.whole(element, "max_selected_items", at, 1, 100)
    check.boolean(element, at, "default_to_current_conversation", "response_url_enabled")
    for name in ("initial_user", "initial_conversation", "initial_channel"):
        check.string(element, name, at, ID_LIMIT)
    if element.get("response_url_enabled") and check.surface != "modal":
        check.fail(f"{at}/response_url_enabled", "only allowed in modals")


def _picker(pattern: re.Pattern[str], name: str, form: str) -> Callable[[Checker, Json, str], None]:
    def details(check: Checker, element: Json, at: str) -> None:
        if element.get(name) is not None and not pattern.fullmatch(str(element[name])):
            check.fail(f"{at}/{name}", f"must be in format {form}")

    return details


def _datetime(check: Checker, element: Json, at: str) -> None:
    check.whole(element, "initial_date_time", at, 10**9, 10**10 - 1)


def _dispatch(check: Checker, element: Json, at: str) -> None:
    config = element.get("dispatch_action_config")
    if config is not None and check.shape(config, f"{at}/dispatch_action_config", (), ("trigger_actions_on",)):
        for trigger, place in check.items(config, "trigger_actions_on", f"{at}/dispatch_action_config", 2):
            if trigger not in TRIGGERS:
                check.fail(place, f"must be one of: {', '.join(TRIGGERS)}")


def _text_input(check: Checker, element: Json, at: str) -> None:
    _dispatch(check, element, at)
    check.string(element, "initial_value", at, 3000, least=0)
    check.boolean(element, at, "multiline")
    check.whole(element, "min_length", at, 0, 3000)
    check.whole(element, "max_length", at, 1, 3000)


def _number_input(check: Checker, element: Json, at: str) -> None:
    _dispatch(check, element, at)
    check.boolean(element, at, "is_decimal_allowed")
    for name in ("initial_value", "min_value", "max_value"):
        value = element.get(name)
        if value is not None and not (isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value)):
            check.fail(f"{at}/{name}", "must be a string holding a number")


def _image(check: Checker, element: Json, at: str) -> None:
    check.image(element, at)


_ACTION = ("action_id", "confirm")
_FIELD = ("action_id", "confirm", "focus_on_load", "placeholder")
_TYPING = ("action_id", "focus_on_load", "placeholder", "dispatch_action_config")
_IDS: tuple[str, ...] = (
    "initial_user",
    "initial_conversation",
    "initial_channel",
    "default_to_current_conversation",
)
_IDS += ("response_url_enabled", "filter")
_OFFERED = ("initial_options", "min_query_length", "max_selected_items")
_OPTIONS = ("options", "option_groups")
_MANY = (
    "initial_users",
    "initial_conversations",
    "default_to_current_conversation",
    "filter",
    "max_selected_items",
)

Details = Callable[[Checker, Json, str], None]
# type -> (required, optional, the rest of its rules)
RULES: dict[str, tuple[tuple[str, ...], tuple[str, ...], Details]] = {
    "button": (("text",), ("value", "url", "style", "accessibility_label"), _button),
    "overflow": (("options",), (), _overflow),
    "checkboxes": (("options",), ("initial_options",), _choices),
    "radio_buttons": (("options",), ("initial_option",), _choices),
    "static_select": ((), (*_OPTIONS, "initial_option"), _static_select),
    "multi_static_select": ((), (*_OPTIONS, "initial_options", "max_selected_items"), _static_select),
    "external_select": ((), ("initial_option", "min_query_length"), _external_select),
    "multi_external_select": ((), _OFFERED, _external_select),
    "users_select": ((), _IDS[:1], _ids_select),
    "conversations_select": ((), _IDS, _ids_select),
    "channels_select": ((), ("initial_channel", "response_url_enabled"), _ids_select),
    "multi_users_select": ((), _MANY, _ids_select),
    "multi_conversations_select": ((), _MANY, _ids_select),
    "datepicker": ((), ("initial_date",), _picker(DATE, "initial_date", "YYYY-MM-DD")),
    "timepicker": ((), ("initial_time", "timezone"), _picker(TIME, "initial_time", "HH:mm")),
    "datetimepicker": ((), ("initial_date_time",), _datetime),
    "plain_text_input": ((), ("initial_value", "multiline", "min_length", "max_length"), _text_input),
    "number_input": (("is_decimal_allowed",), ("initial_value", "min_value", "max_value"), _number_input),
    "email_text_input": ((), ("initial_value",), _text_input),
    "url_text_input": ((), ("initial_value",), _text_input),
    "image": (("alt_text",), ("image_url", "slack_file"), _image),
}
COMMON: dict[str, tuple[str, ...]] = {
    kind: _TYPING if kind in TYPED else _FIELD for kind in RULES if kind not in ("button", "overflow", "image")
}
COMMON |= {"button": _ACTION, "overflow": _ACTION, "image": ()}
for _kind in ("checkboxes", "radio_buttons", "datetimepicker"):  # these have no placeholder
    COMMON[_kind] = ("action_id", "confirm", "focus_on_load")
