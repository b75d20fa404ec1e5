"""Events as they are stored, and the one place that reads older forms of them.

An event is stored in an envelope, `{"form": 1, "event": {…}}`. Stories from before the envelope hold the bare
event, which is form 1. New fields with defaults and new kinds of events need no new form. When the meaning or the
shape of something stored changes, `FORM` grows by one and `UPCASTS` gets the function that makes the new form of the
old one; stored stories are never rewritten.

Two versions of Ferrybot may read one ledger, for some minutes of an upgrade or after going back: what an older one
does not know it refuses with words (`Unreadable`), and leaves it to the newer one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from jobs.core.errors import Unreadable
from jobs.core.events import EVENT, Event

FORM = 1
"""The form that is written."""

Values = dict[str, Any]
UPCASTS: Mapping[int, Callable[[Values], Values]] = {}
"""Form n -> what makes form n + 1 of it; each gets and returns the event's values as JSON has them."""

_UNKNOWN = frozenset({"union_tag_invalid", "extra_forbidden", "enum", "literal_error"})
"""pydantic's words for a kind of event, a field or a choice that is not known here: a newer writer knew it."""


def pack(event: Event) -> str:
    """The event in its envelope, as JSON."""
    return f'{{"form":{FORM},"event":{event.model_dump_json()}}}'


def unpack(text: str | bytes) -> Event:
    """The event of an envelope in this or an older form. Raises `Unreadable`."""
    form, values = _opened(text)
    if form > FORM:
        raise newer(f"form {form}, known here is {FORM}")
    try:
        return EVENT.validate_python(upcast(form, values))
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    # Outside the handler: pydantic's error quotes what is stored.
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] in _UNKNOWN:
        raise newer(f"{values.get('type')}: {where}" if where else str(values.get("type")))
    raise Unreadable(
        f"An event of this story cannot be read ({values.get('type')}: {where}).",
        meaning="Nothing was changed.",
        remedy="Show this to whoever runs Ferrybot: the ledger was changed by something else.",
    )


def upcast(form: int, values: Values, upcasts: Mapping[int, Callable[[Values], Values]] = UPCASTS) -> Values:
    """The values in the newest form."""
    while form in upcasts:
        values, form = upcasts[form](values), form + 1
    return values


def newer(what: str) -> Unreadable:
    """The refusal of what only a newer version can have written."""
    return Unreadable(
        f"This story was written by a newer Ferrybot ({what}).",
        meaning="Nothing was changed; a process of the newer version can go on with it.",
        remedy="Upgrade this process to the version that the others run.",
    )


def _opened(text: str | bytes) -> tuple[int, Values]:
    try:
        kept: Values = json.loads(text)
        if "form" in kept:
            return int(kept["form"]), dict(kept["event"])
        return 1, dict(kept)
    except (ValueError, TypeError, KeyError):
        pass
    raise Unreadable(
        "An event of this story is not readable at all.",
        meaning="Nothing was changed.",
        remedy="Show this to whoever runs Ferrybot: the ledger was changed by something else.",
    )
