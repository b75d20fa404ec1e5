"""Values that a person names to take the place of what PostgreSQL refuses: what can be one at all. Pure.

The file is held against this when it is read; a column's own type is looked at in Validation.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping

LONGEST = 60
"""Letters: whole in the plan's choices (75 in Slack), so that nobody approves what he cannot read."""

INFINITIES = ("-infinity", "infinity")


def _date(value: str) -> str:
    return "" if value in INFINITIES or moment(value) else "write a date, YYYY-MM-DD or YYYY-MM-DD hh:mm:ss"


def moment(value: str) -> dt.datetime | None:
    """A day of the calendar with its time; None for anything else. Years 1 to 9999."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{1,6})?)?", value, re.ASCII):
        return None
    try:
        return dt.datetime.fromisoformat(_six(value))
    except ValueError:
        return None


def clock(value: str) -> dt.time | None:
    """A time of a day; None for anything else."""
    if not re.fullmatch(r"\d\d:\d\d:\d\d(\.\d{1,6})?", value, re.ASCII):
        return None
    try:
        return dt.time.fromisoformat(_six(value))
    except ValueError:
        return None


def _six(value: str) -> str:
    """Any number of digits behind the point is read since Python 3.11 only as three or six."""
    whole, point, digits = value.partition(".")
    return whole + point + digits.ljust(6, "0") if point else whole


def number(value: str) -> int | None:
    """A whole number as it is commonly written; None for anything else."""
    return int(value) if re.fullmatch(r"-?(0|[1-9]\d{0,18})", value, re.ASCII) and value != "-0" else None


def _letter(value: str) -> str:
    return "" if len(value) <= 1 else "write one letter: a longer text may not fit"


def _document(value: str) -> str:
    """Escapes could bring back what is refused; numbers beyond a double have no one text."""
    try:
        infinite = any(word in repr(json.loads(value)) for word in ("inf", "nan"))
    except (ValueError, RecursionError):
        return "write a JSON document"
    return "write a JSON document without escapes and endless numbers" if infinite or "\\u" in value else ""


def _number_or_time(value: str) -> str:
    return "" if number(value) is not None or clock(value) else "write a whole number, or a time of a day, hh:mm:ss"


def _anything(value: str) -> str:
    return ""


KINDS: Mapping[str, Callable[[str], str]] = {
    "zero dates": _date,
    "nul bytes": _letter,
    "nul escapes": _document,
    "invalid text": _anything,
    "blank enum": lambda value: "" if value else "write one of the column's words",
    "out of range": _number_or_time,
}
"""What is replaced, and what is wrong with a value in its place: empty where nothing is."""


def wrong(about: str, value: str) -> str:
    """Why `value` takes the place of nothing of this kind, in any column; empty where it could."""
    if any(ord(letter) < 32 or 127 <= ord(letter) < 160 or 0xD800 <= ord(letter) < 0xE000 for letter in value):
        return "write letters that can be seen"
    if len(value) > LONGEST:
        return f"write at most {LONGEST} letters"
    return KINDS[about](value)
