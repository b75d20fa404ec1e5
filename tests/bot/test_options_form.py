"""Step 3: what a person ticks and types there is what the options say, and the other way round."""

from __future__ import annotations

from typing import Any

import pytest

from bot.gestures import gesture
from bot.listeners.migration import options_of
from bot.ui import plan
from jobs.core.model import Options
from tests.support.tales import plan as made


def filled(options: Options) -> dict[str, Any]:
    """The values that Slack would send for the form as it is shown."""
    values: dict[str, Any] = {}
    for block in plan._options(options, made(options=options)):
        element = block.get("element")
        if element is None:
            continue
        said: dict[str, Any] = {"type": element["type"]}
        said["selected_option"] = element.get("initial_option")
        said["selected_options"] = element.get("initial_options", [])
        said["value"] = element.get("initial_value")
        values[block["block_id"]] = {element["action_id"]: said}
    return values


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(create_roles=True),
        Options(keep_owners=False, keep_grants=False),
        Options(exclude_data=("a.b", "c.*"), include=("a.*",), exclude=("x.y",), parallelism=6),
    ],
)
def test_the_form_shows_and_gives_back_the_options(options: Options) -> None:
    body = {"user": {"id": "U1"}, "view": {"type": "modal", "id": "V1", "state": {"values": filled(options)}}}
    assert options_of(gesture(body), Options()) == options


def test_the_plan_says_what_was_chosen() -> None:
    said = plan._say_options(made(options=Options(create_roles=True, exclude_data=("a.b",))))
    assert "missing roles created" in said and "without the rows of `a.b`" in said
