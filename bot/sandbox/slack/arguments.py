"""The arguments of an API call, whatever encoding they came in."""

from __future__ import annotations

import copy
import json
from typing import Any

from bot.sandbox.slack.records import ApiError, Json


class Args:
    """Typed access to the arguments of one call; values may be JSON in a string, as in forms."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def text(self, name: str) -> str:
        """A string; empty when it is absent."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def required(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if not value:
            raise ApiError("invalid_arguments", f"missing required field: {name} [json-pointer:/{name}]")
        return value

    def flag(self, name: str) -> bool:
        """A boolean in any of the forms that clients send."""
        return self.values.get(name) in (True, 1, "1", "true", "True")

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        try:
            return int(self.values.get(name) or default)
        except ValueError:
            raise ApiError("invalid_arguments", f"must be an integer [json-pointer:/{name}]") from None

    def json(self, name: str) -> Any:
        """A structure, parsed if it came as a string; None when it is absent."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return copy.deepcopy(value)
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise ApiError("invalid_blocks_format" if name == "blocks" else "invalid_arguments") from None

    def array(self, name: str) -> list[Json] | None:
        """A list of objects; None when it is absent."""
        value = self.json(name)
        if value is not None and not isinstance(value, list):
            raise ApiError("invalid_blocks_format" if name == "blocks" else "invalid_arguments")
        return value
