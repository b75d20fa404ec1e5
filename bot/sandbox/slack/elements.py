"""What interactive elements hold: their initial state and what a person can put into them."""

from __future__ import annotations

import re
from typing import Any

from bot.sandbox.slack.records import Json

TEXT_INPUTS = {"plain_text_input", "number_input", "email_text_input", "url_text_input"}
STATELESS = {"button", "overflow", "image", "workflow_button"}

# element type -> (key in the state, key of the initial value in the definition)
STATE_KEYS = {
    "plain_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{2}:\d{2}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class BadInput(Exception):
    """What a person could not have entered here; the text is what Slack would show beside the field."""


def is_many(kind: str) -> bool:
    """The element holds a list."""
    return STATE_KEYS[kind][0].endswith("s")


def state_of(element: Json) -> Json:
    """The state of an element that nobody has touched."""
    kind = element["type"]
    key, initial = STATE_KEYS[kind]
    return {"type": kind, key: element.get(initial, [] if is_many(kind) else None)}


def held(element: Json, state: Json) -> Any:
    """The bare value of a state."""
    return state.get(STATE_KEYS[element["type"]][0])


def all_options(element: Json) -> list[Json]:
    """Options of an element, groups flattened."""
    grouped = [option for group in element.get("option_groups", []) for option in group["options"]]
    return list(element.get("options", [])) + grouped


def entered(element: Json, value: Any, offered: list[Json] | None = None) -> Json:
    """The state after a person enters `value`; raises BadInput for what the element would not take.

    Options are named by their value. `offered` are the options of an external select as last suggested.
    """
    kind = element["type"]
    key = STATE_KEYS[kind][0]
    if value in (None, "", []):
        return {"type": kind, key: [] if is_many(kind) else None}
    if key in ("selected_option", "selected_options"):
        return {"type": kind, key: _picked(element, value, offered)}
    if kind in TEXT_INPUTS:
        return {"type": kind, key: _typed(element, str(value))}
    if kind == "datetimepicker":
        return {"type": kind, key: int(value)}
    if kind in ("datepicker", "timepicker"):
        return {"type": kind, key: _matching(_DATE if kind == "datepicker" else _TIME, str(value), kind)}
    return {"type": kind, key: list(value) if is_many(kind) else str(value)}


def is_empty(element: Json, state: Json) -> bool:
    """Nothing has been entered: a required input like this is refused before delivery."""
    return held(element, state) in (None, "", [])


def _picked(element: Json, value: Any, offered: list[Json] | None) -> Any:
    options = {option["value"]: option for option in (offered if offered is not None else all_options(element))}
    if not is_many(element["type"]):
        return _one(options, value)
    limit = element.get("max_selected_items")
    if limit is not None and len(value) > limit:
        raise BadInput(f"Choose at most {limit} items.")
    return [_one(options, one) for one in value]


def _one(options: dict[str, Json], value: Any) -> Json:
    if value not in options:
        raise BadInput(f"{value!r} is not among the options {sorted(options)}")
    return options[value]


def _typed(element: Json, value: str) -> str:
    kind = element["type"]
    longest, shortest = element.get("max_length", 3000), element.get("min_length", 0)
    if kind == "plain_text_input" and len(value) > longest:
        raise BadInput(f"Must be less than {longest + 1} characters.")
    if kind == "plain_text_input" and len(value) < shortest:
        raise BadInput(f"Must be more than {shortest - 1} characters.")
    if kind == "number_input":
        return _number(element, value)
    if kind == "email_text_input":
        return _matching(_EMAIL, value, "valid email address")
    if kind == "url_text_input" and not value.startswith(("http://", "https://")):
        raise BadInput("Enter a valid URL.")
    return value


def _number(element: Json, value: str) -> str:
    _matching(_NUMBER, value, "number")
    if "." in value and not element["is_decimal_allowed"]:
        raise BadInput("Enter a whole number.")
    if "min_value" in element and float(value) < float(element["min_value"]):
        raise BadInput(f"Enter a number of at least {element['min_value']}.")
    if "max_value" in element and float(value) > float(element["max_value"]):
        raise BadInput(f"Enter a number of at most {element['max_value']}.")
    return value


def _matching(pattern: re.Pattern[str], value: str, name: str) -> str:
    if not pattern.fullmatch(value):
        raise BadInput(f"Enter a {name}.")
    return value
