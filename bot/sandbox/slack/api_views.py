"""views.*: what the app shows in modals and in App Home."""

from __future__ import annotations

import json
from typing import Any

from bot.sandbox.slack.arguments import Args
from bot.sandbox.slack.blocks import check_view
from bot.sandbox.slack.records import ApiError, Json
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import View, fill_ids


def checked(view: Any, *kinds: str) -> Json:
    """A view definition that Slack would show, its missing ids filled in."""
    check_view(view, kinds, len(json.dumps(view, ensure_ascii=False).encode()))
    definition: Json = view
    fill_ids(definition["blocks"])
    return definition


def open_view(state: State, args: Args) -> Json:
    """views.open"""
    definition = checked(args.json("view"), "modal")
    with state.mutate():
        trigger = state.triggers.exchange(args.required("trigger_id"))
        view = state.views.open(trigger.user_id, definition, state.clock.time())
    return {"view": view.to_slack()}


def push(state: State, args: Args) -> Json:
    """views.push: only with a trigger that came from inside a modal."""
    definition = checked(args.json("view"), "modal")
    with state.mutate():
        trigger = state.triggers.exchange(args.required("trigger_id"))
        if not trigger.in_modal or not state.views.stack(trigger.user_id):
            raise ApiError("invalid_trigger_id")
        view = state.views.push(trigger.user_id, definition, state.clock.time())
    return {"view": view.to_slack()}


def update(state: State, args: Args) -> Json:
    """views.update: a hash that is not the present one is refused."""
    view = state.views.find(args.text("view_id") or None, args.text("external_id") or None)
    definition = checked(args.json("view"), view.kind)
    with state.mutate():
        _same_hash(view, args)
        view.redefine(definition, state.clock.time())
    return {"view": view.to_slack()}


def publish(state: State, args: Args) -> Json:
    """views.publish"""
    user_id = args.required("user_id")
    user = state.workspace.users.get(user_id)
    if user is None or user.deleted or user.is_bot:
        raise ApiError("user_not_found")
    definition = checked(args.json("view"), "home")
    with state.mutate():
        if home := state.views.homes.get(user_id):
            _same_hash(home, args)
        view = state.views.publish(user_id, definition, state.clock.time())
    return {"view": view.to_slack()}


def _same_hash(view: View, args: Args) -> None:
    if args.text("hash") and args.text("hash") != view.hash:
        raise ApiError("hash_conflict")
