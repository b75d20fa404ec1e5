"""Modals and App Homes as they stand, and the stack each person has open."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.slack.elements import STATELESS, held, state_of
from bot.sandbox.slack.messages import block_words, elements_of
from bot.sandbox.slack.records import ApiError, Json

STACK_LIMIT = 3  # https://docs.slack.dev/surfaces/modals


def fill_ids(blocks: list[Json]) -> list[Json]:
    """Give blocks and elements without an id a random one, as Slack does."""
    for block in blocks:
        block.setdefault("block_id", secrets.token_hex(3))
    for _, element in elements_of(blocks):
        element.setdefault("action_id", secrets.token_hex(3))
    return blocks


def initial_states(blocks: list[Json]) -> dict[str, dict[str, Json]]:
    """`state.values` of blocks that nobody has touched."""
    values: dict[str, dict[str, Json]] = {}
    for block, element in elements_of(blocks):
        if element["type"] not in STATELESS:
            values.setdefault(block["block_id"], {})[element["action_id"]] = state_of(element)
    return values


@dataclass(eq=False)
class View:
    """A modal or an App Home, in front of one person; it changes in place when the app updates it."""

    id: str
    user_id: str
    definition: Json
    app: Json
    hash: str = ""
    values: dict[str, dict[str, Json]] = field(default_factory=dict)
    root_view_id: str | None = None
    previous_view_id: str | None = None
    errors: dict[str, str] = field(default_factory=dict)
    offered: dict[str, list[Json]] = field(default_factory=dict)
    is_open: bool = True

    def redefine(self, definition: Json, clock_time: float) -> None:
        """Show another definition; what was entered stays where block_id, action_id and type are the same."""
        before = self.values
        self.definition = definition
        self.values = initial_states(self.blocks)
        for block, element in elements_of(self.blocks):
            old = before.get(block["block_id"], {}).get(element["action_id"])
            if old and old["type"] == element["type"] and _still_possible(element, old):
                self.values[block["block_id"]][element["action_id"]] = old
        self.errors = {}
        self.hash = f"{int(clock_time)}.{secrets.token_hex(4)}"

    @property
    def kind(self) -> str:
        """`modal` or `home`."""
        return str(self.definition["type"])

    @property
    def blocks(self) -> list[Json]:
        """The blocks shown."""
        blocks: list[Json] = self.definition["blocks"]
        return blocks

    @property
    def title(self) -> str:
        """The words of the title bar."""
        return str(self.definition.get("title", {}).get("text", ""))

    @property
    def submit_text(self) -> str | None:
        """The words on the submit button, if there is one."""
        submit = self.definition.get("submit")
        return str(submit["text"]) if submit else None

    @property
    def callback_id(self) -> str:
        """The app's name for this view."""
        return str(self.definition.get("callback_id", ""))

    @property
    def private_metadata(self) -> str:
        """What the app hid in the view."""
        return str(self.definition.get("private_metadata", ""))

    @property
    def plain(self) -> str:
        """All the words a person would read."""
        return "\n".join([self.title, *block_words(self.blocks)])

    def elements(self) -> list[tuple[Json, Json]]:
        """Every (block, interactive element) in order."""
        return list(elements_of(self.blocks))

    def action_ids(self) -> list[str]:
        """The action ids that a person could use here."""
        return [element["action_id"] for _, element in self.elements()]

    def find(self, block_id: str, action_id: str | None = None) -> tuple[Json, Json]:
        """The block and element with this id; KeyError tells which there are."""
        for block, element in self.elements():
            if block["block_id"] == block_id and action_id in (None, element["action_id"]):
                return block, element
        there = [(block["block_id"], element["action_id"]) for block, element in self.elements()]
        raise KeyError(f"no element {block_id!r}/{action_id!r} in view {self.callback_id!r}; there are {there}")

    def value(self, block_id: str, action_id: str | None = None) -> Any:
        """What an element holds now, bare."""
        block, element = self.find(block_id, action_id)
        return held(element, self.values[block["block_id"]][element["action_id"]])

    def to_slack(self) -> Json:
        """The view object of answers and payloads."""
        definition = dict(self.definition)
        base: Json = {
            "id": self.id, "team_id": self.app["team_id"], "type": self.kind, "blocks": self.blocks,
            "private_metadata": self.private_metadata, "callback_id": self.callback_id,
            "state": {"values": self.values}, "hash": self.hash, "title": definition.get("title"),
            "clear_on_close": bool(definition.get("clear_on_close")),
            "notify_on_close": bool(definition.get("notify_on_close")), "close": definition.get("close"),
            "submit": definition.get("submit"), "previous_view_id": self.previous_view_id,
            "root_view_id": self.root_view_id or self.id, "app_id": self.app["app_id"],
            "external_id": definition.get("external_id", ""), "app_installed_team_id": self.app["team_id"],
            "bot_id": self.app["bot_id"],
        }  # fmt: skip
        return base


Modal = View


class ViewStore:
    """All views: per person a stack of modals and one App Home."""

    def __init__(self, app: Json) -> None:
        self._app = app
        self.by_id: dict[str, View] = {}
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}

    def stack(self, user_id: str) -> list[View]:
        """A person's open modals, the visible one last."""
        return self.stacks.setdefault(user_id, [])

    def open(self, user_id: str, definition: Json, now: float) -> View:
        """Show a new modal as the only one."""
        view = self._new(user_id, definition, now)
        for old in self.stack(user_id):
            old.is_open = False
        self.stacks[user_id] = [view]
        return view

    def push(self, user_id: str, definition: Json, now: float) -> View:
        """Show a new modal on top of the others."""
        stack = self.stack(user_id)
        if len(stack) >= STACK_LIMIT:
            raise ApiError("push_limit_reached")
        view = self._new(user_id, definition, now)
        view.root_view_id, view.previous_view_id = stack[0].id, stack[-1].id
        stack.append(view)
        return view

    def publish(self, user_id: str, definition: Json, now: float) -> View:
        """Show a new App Home, or another definition of the one there is."""
        view = self.homes.get(user_id)
        if view is None:
            view = self.homes[user_id] = self._new(user_id, definition, now)
        else:
            view.redefine(definition, now)
        return view

    def find(self, view_id: str | None, external_id: str | None) -> View:
        """A view that is still shown; else `not_found`, as Slack names it."""
        shown = [view for stack in self.stacks.values() for view in stack] + list(self.homes.values())
        for view in shown:
            if view_id and view.id == view_id:
                return view
            if external_id and view.definition.get("external_id") == external_id:
                return view
        raise ApiError("not_found")

    def pop(self, view: View) -> None:
        """Take a view (and what lies on it) off its stack."""
        stack = self.stack(view.user_id)
        if view in stack:
            for gone in stack[stack.index(view) :]:
                gone.is_open = False
            del stack[stack.index(view) :]

    def clear(self, user_id: str) -> list[View]:
        """Close a person's modals, all of them."""
        gone = self.stacks.pop(user_id, [])
        for view in gone:
            view.is_open = False
        return gone

    def _new(self, user_id: str, definition: Json, now: float) -> View:
        external = definition.get("external_id")
        if external and any(v.is_open and v.definition.get("external_id") == external for v in self.by_id.values()):
            raise ApiError("duplicate_external_id")
        view = View("V" + secrets.token_hex(5).upper(), user_id, definition, self._app)
        view.redefine(definition, now)
        self.by_id[view.id] = view
        return view


def _still_possible(element: Json, state: Json) -> bool:
    """An option that the new definition no longer offers cannot stay selected."""
    if "options" not in element and "option_groups" not in element:
        return True
    from_groups = [option for group in element.get("option_groups", []) for option in group["options"]]
    possible = {option["value"] for option in [*element.get("options", []), *from_groups]}
    chosen = state.get("selected_options") or [state.get("selected_option")]
    return all(option is None or option["value"] in possible for option in chosen)
