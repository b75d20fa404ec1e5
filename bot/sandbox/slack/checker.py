"""The tools of block validation: it collects every mistake, each with a JSON pointer, and stops at none."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from bot.sandbox.slack.records import Json

Surface = Literal["message", "modal", "home"]

ID_LIMIT = 255  # block_id, action_id, callback_id; https://docs.slack.dev/reference/block-kit/blocks
URL_LIMIT = 3000
PLAIN = ("plain_text",)
ANY_TEXT = ("plain_text", "mrkdwn")


class Checker:
    """Mistakes found in one payload, in Slack's words."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.mistakes: list[str] = []
        self.focused = 0
        self.markdown_chars = 0

    def fail(self, at: str, message: str) -> None:
        """Note a mistake at a place."""
        self.mistakes.append(f"{message} [json-pointer:{at}]")

    def shape(self, node: Any, at: str, required: Collection[str], optional: Collection[str] = ()) -> bool:
        """`node` is an object with these fields and no others; True when the required ones are there."""
        if not isinstance(node, dict):
            self.fail(at, "must be an object")
            return False
        missing = [name for name in required if node.get(name) is None]
        for name in missing:
            self.fail(at, f"missing required field: {name}")
        for name in node:
            if name not in required and name not in optional and name != "type":
                self.fail(at, f"invalid additional property: {name}")
        return not missing

    def string(self, node: Json, name: str, at: str, most: int, least: int = 1) -> None:
        """An optional string field within its length."""
        value = node.get(name)
        if value is None:
            return
        if not isinstance(value, str):
            self.fail(f"{at}/{name}", "must be a string")
            return
        if len(value) > most:
            self.fail(f"{at}/{name}", f"must be less than {most + 1} characters")
        if len(value) < least:
            self.fail(f"{at}/{name}", f"must be more than {least - 1} characters")

    def text(self, node: Json, name: str, at: str, most: int, kinds: Collection[str] = PLAIN) -> None:
        """An optional text object of one of these kinds, within its length."""
        value = node.get(name)
        if value is not None:
            self.text_object(value, f"{at}/{name}", most, kinds)

    def text_object(self, value: Any, at: str, most: int, kinds: Collection[str] = PLAIN) -> None:
        """A text object of one of these kinds, within its length."""
        if not isinstance(value, dict) or value.get("type") not in kinds:
            self.fail(at, f"must be a valid {' or '.join(kinds)} text object")
            return
        extra = "emoji" if value["type"] == "plain_text" else "verbatim"
        if self.shape(value, at, ("text",), (extra,)):
            self.string(value, "text", at, most)

    def one_of(self, node: Json, name: str, at: str, choices: Collection[str]) -> None:
        """An optional field with one of these values."""
        if node.get(name) is not None and node[name] not in choices:
            self.fail(f"{at}/{name}", f"must be one of: {', '.join(sorted(choices))}")

    def boolean(self, node: Json, at: str, *names: str) -> None:
        """Optional fields that are true or false."""
        for name in names:
            if node.get(name) is not None and not isinstance(node[name], bool):
                self.fail(f"{at}/{name}", "must be a boolean")

    def whole(self, node: Json, name: str, at: str, least: int, most: int) -> None:
        """An optional whole number within its bounds."""
        value = node.get(name)
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.fail(f"{at}/{name}", f"must be an integer between {least} and {most}")

    def items(self, node: Json, name: str, at: str, most: int, least: int = 1) -> list[tuple[Any, str]]:
        """A list within its length, each item with its place; empty when it is no list."""
        value = node.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fail(f"{at}/{name}", "must be an array")
            return []
        if len(value) > most:
            self.fail(f"{at}/{name}", f"no more than {most} items allowed")
        if len(value) < least:
            self.fail(f"{at}/{name}", f"no fewer than {least} items allowed")
        return [(item, f"{at}/{name}/{index}") for index, item in enumerate(value)]

    def image(self, node: Json, at: str) -> None:
        """The fields that an image block and an image element share."""
        if node.get("image_url") is None and node.get("slack_file") is None:
            self.fail(at, "missing required field: image_url")
        if node.get("image_url") is not None and node.get("slack_file") is not None:
            self.fail(at, "only one of image_url and slack_file is allowed")
        self.string(node, "image_url", at, URL_LIMIT)
        self.string(node, "alt_text", at, 2000, least=0)
        url = node.get("image_url")
        if isinstance(url, str) and not url.startswith(("http://", "https://")):
            self.fail(f"{at}/image_url", "must be a valid URL")

    def confirm(self, node: Json, at: str) -> None:
        """An optional confirmation dialog."""
        if node.get("confirm") is None:
            return
        dialog, at = node["confirm"], f"{at}/confirm"
        if self.shape(dialog, at, ("title", "text", "confirm", "deny"), ("style",)):
            self.text(dialog, "title", at, 100)
            self.text(dialog, "text", at, 300, ANY_TEXT)
            self.text(dialog, "confirm", at, 30)
            self.text(dialog, "deny", at, 30)
            self.one_of(dialog, "style", at, ("primary", "danger"))
