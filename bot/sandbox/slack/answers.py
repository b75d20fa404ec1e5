"""What the app puts into its acknowledgements, and what Slack makes of it."""

from __future__ import annotations

from typing import Any

from bot.sandbox.slack.api_chat import respond
from bot.sandbox.slack.api_views import checked
from bot.sandbox.slack.block_elements import check_options
from bot.sandbox.slack.checker import Checker
from bot.sandbox.slack.messages import Channel
from bot.sandbox.slack.records import ApiError, Json
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import View

TROUBLE = "We had some trouble connecting. Try again?"
OPTIONS_LIMIT = 100  # https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload


def apply_command_answer(state: State, channel: Channel, user_id: str, body: Json | None) -> None:
    """The answer to a slash command is a message, for one pair of eyes unless it says otherwise."""
    if not body or not (body.get("text") or body.get("blocks") or body.get("attachments")):
        return
    key = state.response_urls.issue(channel.id, user_id, None).removeprefix("hooks/")
    try:
        respond(state, key, body)
    except ApiError as refusal:
        state.problem("bad acknowledgement", f"slash command: {refusal.error}", "; ".join(refusal.messages))


def apply_submission_answer(state: State, view: View, body: Json | None) -> str | None:
    """Close, update, push, clear or mark with errors; what the person is told when the answer is no good."""
    action = (body or {}).get("response_action")
    try:
        with state.mutate():
            view.errors = {}
            _ACTIONS[action](state, view, body or {})
    except KeyError:
        return _bad(state, f"unknown response_action {action!r}")
    except ApiError as refusal:
        return _bad(state, f"response_action {action}: {refusal.error}", "; ".join(refusal.messages))
    return None


def options_of(state: State, body: Json | None, kind: str) -> list[Json]:
    """The options in an answer to block_suggestion, checked; none when it is no good."""
    answer = {name: value for name, value in (body or {}).items() if name in ("options", "option_groups")}
    check = Checker("modal")
    if len(answer) != 1:
        check.fail("", "exactly one of options and option_groups is required")
    for items in answer.values():
        if not isinstance(items, list) or len(items) > OPTIONS_LIMIT:
            check.fail("", f"no more than {OPTIONS_LIMIT} options allowed")
    if not check.mistakes and next(iter(answer.values())):
        check_options(check, answer | {"type": kind}, "", OPTIONS_LIMIT)
    if check.mistakes:
        state.problem("bad acknowledgement", "options", "; ".join(check.mistakes))
        return []
    groups = answer.get("option_groups", [])
    return list(answer.get("options", [])) + [option for group in groups for option in group["options"]]


def _bad(state: State, what: str, detail: str = "") -> str:
    state.problem("bad acknowledgement", what, detail)
    return TROUBLE


def _close(state: State, view: View, body: Json) -> None:
    state.views.pop(view)


def _clear(state: State, view: View, body: Json) -> None:
    state.views.clear(view.user_id)


def _errors(state: State, view: View, body: Json) -> None:
    """Every error must name an input block that is there."""
    errors: Any = body.get("errors")
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors:
        raise ApiError("invalid_errors", "errors must be a non-empty object")
    if strangers := set(errors) - inputs:
        raise ApiError("invalid_errors", f"{sorted(strangers)} are no input blocks of this view")
    if not all(isinstance(text, str) and text for text in errors.values()):
        raise ApiError("invalid_errors", "every error must be a text")
    view.errors = dict(errors)


def _update(state: State, view: View, body: Json) -> None:
    view.redefine(checked(body.get("view"), "modal"), state.clock.time())


def _push(state: State, view: View, body: Json) -> None:
    state.views.push(view.user_id, checked(body.get("view"), "modal"), state.clock.time())


_ACTIONS = {None: _close, "clear": _clear, "errors": _errors, "update": _update, "push": _push}
