"""People acting. The browser page acts through this class too, so that both are judged alike."""

from __future__ import annotations

from typing import Any

from bot.sandbox.slack import payloads
from bot.sandbox.slack.answers import apply_command_answer, apply_submission_answer, options_of
from bot.sandbox.slack.api_chat import message_state
from bot.sandbox.slack.elements import STATELESS, BadInput, all_options, entered, is_empty
from bot.sandbox.slack.messages import Channel, Message
from bot.sandbox.slack.postman import Postman
from bot.sandbox.slack.records import GestureResult, Json, SubmitResult
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import Modal, View
from bot.sandbox.slack.workspace import User

# .../block-kit/block-elements/select-menu-element#external_select: "default value is 3"
MIN_QUERY = 3
REQUIRED = "Please complete this required field."
TROUBLE = "We had some trouble connecting. Try again?"
SILENT_OK = GestureResult(True)


class NotPossible(AssertionError):
    """A person could not have done this; the text says what there was instead."""


class Person:
    """A human acting. Every gesture waits for the app's acknowledgement, three seconds at most."""

    def __init__(self, state: State, postman: Postman, user: User) -> None:
        self._state = state
        self._postman = postman
        self.user = user
        self.id = user.id
        self.last_confirm: Json | None = None
        self.last_url: str | None = None

    def __repr__(self) -> str:
        return f"Person({self.user.name})"

    # -- what the person sees

    def modal(self) -> Modal | None:
        """The visible modal."""
        stack = self._state.views.stack(self.id)
        return stack[-1] if stack else None

    def home(self) -> View | None:
        """The App Home as last published for this person."""
        return self._state.views.homes.get(self.id)

    def ephemerals(self, channel: str | None = None) -> list[Message]:
        """The messages that only this person sees, in one channel or everywhere."""
        wanted = self._channel(channel).id if channel else None
        return [m for m in self._state.ephemerals(self.id) if wanted in (None, m.channel)]

    def direct_messages(self) -> list[Message]:
        """The conversation with the bot."""
        return list(self._state.workspace.direct_channel(self.id).all_messages)

    # -- what the person does

    def say(self, channel: str, text: str, thread_ts: str | None = None) -> Message:
        """Write a message; naming the bot delivers `app_mention`."""
        place = self._member_of(channel)
        message = Message(place.id, self._state.mint_ts(), self.id, text, thread_ts=thread_ts)
        self._state.post(place, message)
        bot = self._state.workspace.bot_user_id
        heard = "app_mentions:read" in self._state.scopes and bot in place.members
        if f"<@{bot}>" in text and heard:
            body: Json = {
                "type": "app_mention",
                "user": self.id,
                "text": text,
                "ts": message.ts,
                "channel": place.id,
            }
            self._postman.event(body | ({"thread_ts": thread_ts} if thread_ts else {}))
        return message

    def command(self, command: str, text: str, channel: str, *, thread_ts: str | None = None) -> GestureResult:
        """Type a slash command."""
        place = self._member_of(channel)
        if thread_ts:
            return GestureResult(False, None, f"{command} is not supported in threads. Sorry!")
        receipt = self._postman.gesture(
            "slash_commands", f"{command} {text}".strip(),
            lambda: payloads.slash_command(self._state, self.id, place, command, text),
            lambda body: apply_command_answer(self._state, place, self.id, body),
        )  # fmt: skip
        error = None if receipt.acked else f'{command} failed with the error "{receipt.error}"'
        return GestureResult(receipt.acked, receipt.body, error)

    def shortcut(self, callback_id: str) -> GestureResult:
        """Use a global shortcut."""
        return self._interact(f"shortcut {callback_id}", lambda: payloads.shortcut(self._state, self.id, callback_id))

    def message_shortcut(self, callback_id: str, channel: str, ts: str) -> GestureResult:
        """Use a shortcut in the menu of a message."""
        place = self._member_of(channel)
        message = place.find(ts)
        if message is None:
            raise NotPossible(f"no message {ts} in {place.name}")
        return self._interact(
            f"message shortcut {callback_id}",
            lambda: payloads.message_action(self._state, self.id, callback_id, place, message),
        )

    def click(
        self,
        where: Message | View,
        action_id: str,
        *,
        block_id: str | None = None,
        value: Any = None,
        index: int = 0,
    ) -> GestureResult:
        """Use an element: press a button (the one with `value`, if given), choose `value` in anything else.

        A confirmation dialog is answered with yes and kept in `last_confirm`.
        """
        block, element = self._element(where, action_id, block_id, value, index)
        self.last_confirm = element.get("confirm", self.last_confirm)
        if element["type"] == "button":
            self.last_url = element.get("url", self.last_url)
            action = payloads.action_of(block, element)
        elif element["type"] == "overflow":
            action = payloads.action_of(block, element, selected_option=_option(element, value))
        else:
            state = self._enter(where, block, element, value)
            action = payloads.action_of(block, element) | state
        return self._interact(
            f"{element['type']} {action_id}",
            lambda: payloads.block_actions(self._state, self.id, where, action),
        )

    def fill(
        self, block_id: str, value: Any, action_id: str | None = None, *, dispatch: bool | None = None
    ) -> GestureResult:
        """Enter a value in the visible modal; options go by their value, None or "" empties the field.

        The app hears of it at once if the block dispatches actions or is no input block, as at Slack;
        `dispatch=False` is typing without leaving the field.
        """
        modal = self._modal()
        try:
            block, element = modal.find(block_id, action_id)
        except KeyError as missing:
            raise NotPossible(str(missing)) from None
        tells = block["type"] != "input" or block.get("dispatch_action", False)
        if tells and dispatch is not False:
            return self.click(modal, element["action_id"], block_id=block_id, value=value)
        self._enter(modal, block, element, value)
        return SILENT_OK

    def suggest(self, action_id: str, query: str, *, where: Message | View | None = None) -> list[Json]:
        """Type into an external select (of the visible modal) and see its options, groups flattened.

        Nothing is asked or offered while the query is shorter than `min_query_length` (3 if not given).
        """
        place = where or self._modal()
        block, element = self._element(place, action_id, None, None, 0)
        block_id = block["block_id"]
        if len(query) < element.get("min_query_length", MIN_QUERY):
            return []
        receipt = self._postman.gesture(
            "interactive", f"options for {action_id}",
            lambda: payloads.block_suggestion(self._state, self.id, place, block_id, action_id, query),
            lambda body: None,
        )  # fmt: skip
        offered = options_of(self._state, receipt.body, element["type"]) if receipt.acked else []
        if isinstance(place, View):
            place.offered.setdefault(action_id, [])[:] = offered
        return offered

    def submit(self) -> SubmitResult:
        """Send the visible modal off and do what the app answers."""
        modal = self._modal()
        if modal.submit_text is None:
            raise NotPossible(f"modal {modal.title!r} has no submit button")
        if missing := self._missing(modal):
            with self._state.mutate():
                modal.errors = missing
            return SubmitResult(False, None, None, missing, delivered=False)
        outcome: list[str | None] = []
        receipt = self._postman.gesture(
            "interactive", f"submission of {modal.callback_id}",
            lambda: payloads.view_submission(self._state, modal),
            lambda body: outcome.append(apply_submission_answer(self._state, modal, body)),
        )  # fmt: skip
        error = (outcome[0] if outcome else None) if receipt.acked else TROUBLE
        return SubmitResult(receipt.acked, receipt.body, error, dict(modal.errors))

    def close(self, *, everything: bool = False) -> None:
        """Close the visible modal (or the whole stack); the app hears of it where it asked to."""
        modal = self._modal()
        cleared = everything or bool(modal.definition.get("clear_on_close"))
        with self._state.mutate():
            gone = self._state.views.clear(self.id) if cleared else [modal]
            self._state.views.pop(modal)
        for view in reversed(gone):
            if view.definition.get("notify_on_close"):
                what = f"closing of {view.callback_id}"
                self._interact(what, lambda view=view: payloads.view_closed(self._state, view, is_cleared=cleared))

    def open_home(self) -> None:
        """Look at App Home: `app_home_opened`, in the background."""
        home = self.home()
        with self._state.mutate():
            channel = self._state.workspace.direct_channel(self.id)
        body: Json = {"type": "app_home_opened", "user": self.id, "channel": channel.id, "tab": "home"}
        self._postman.event(body | ({"view": home.to_slack()} if home else {}))

    # -- how it is done

    def _interact(self, what: str, build: Any) -> GestureResult:
        receipt = self._postman.gesture("interactive", what, build, lambda body: None)
        return GestureResult(receipt.acked, receipt.body, None if receipt.acked else f"{TROUBLE} ({receipt.error})")

    def _enter(self, where: Message | View, block: Json, element: Json, value: Any) -> Json:
        """Put a value into an element of a view or a message and return its state."""
        if element["type"] in STATELESS:
            raise NotPossible(f"nothing can be entered into a {element['type']}")
        offered = self._offered(where, element, value)
        try:
            state = entered(element, value, offered)
        except BadInput as bad:
            raise NotPossible(f"{element['action_id']}: {bad}") from None
        with self._state.mutate():
            values = where.values if isinstance(where, View) else message_state(where, self.id)
            values.setdefault(block["block_id"], {})[element["action_id"]] = state
            if isinstance(where, View):
                where.errors.pop(block["block_id"], None)
        return state

    def _offered(self, where: Message | View, element: Json, value: Any) -> list[Json] | None:
        """The options of an external select: those last seen, else what typing the wanted value offers."""
        if "external" not in element["type"] or not value:
            return None
        known = list(where.offered.get(element["action_id"], [])) if isinstance(where, View) else []
        wanted = value if isinstance(value, list) else [value]
        values = where.values if isinstance(where, View) else {}
        for states in values.values():  # what is selected already may stay selected
            state = states.get(element["action_id"], {})
            known += state.get("selected_options") or [one for one in [state.get("selected_option")] if one]
        if all(any(option["value"] == one for option in known) for one in wanted):
            return known
        for one in wanted:
            known += self.suggest(element["action_id"], str(one), where=where)
        return known

    def _element(
        self, where: Message | View, action_id: str, block_id: str | None, value: Any, index: int
    ) -> tuple[Json, Json]:
        if isinstance(where, Message):
            self._member_of(where.channel)
        if isinstance(where, View) and not where.is_open:
            raise NotPossible(f"view {where.callback_id!r} is no longer open")
        found = [
            (block, element)
            for block, element in where.elements()
            if element["action_id"] == action_id and block_id in (None, block["block_id"])
            and not (element["type"] == "button" and value is not None and element.get("value") != value)
        ]  # fmt: skip
        if index >= len(found):
            there = [(element["action_id"], element.get("value")) for _, element in where.elements()]
            raise NotPossible(f"no element {action_id!r} (value {value!r}) here; there are {there}")
        return found[index]

    def _missing(self, modal: View) -> dict[str, str]:
        """Required inputs that are empty: refused in the client, the app never hears of it."""
        return {
            block["block_id"]: REQUIRED
            for block, element in modal.elements()
            if block["type"] == "input" and not block.get("optional")
            and is_empty(element, modal.values[block["block_id"]][element["action_id"]])
        }  # fmt: skip

    def _modal(self) -> View:
        modal = self.modal()
        if modal is None:
            raise NotPossible(f"{self.user.name} has no modal open")
        return modal

    def _channel(self, name: str) -> Channel:
        channel = self._state.workspace.channel(name)
        if channel is None:
            raise NotPossible(f"no channel {name!r}")
        return channel

    def _member_of(self, name: str) -> Channel:
        channel = self._channel(name)
        if self.id not in channel.members:
            raise NotPossible(f"{self.user.name} is not in {channel.name}")
        return channel


def _option(element: Json, value: Any) -> Json:
    for option in all_options(element):
        if option.get("value") == value:
            found: Json = option
            return found
    raise NotPossible(f"no option {value!r} here; there are {[o.get('value') for o in all_options(element)]}")
