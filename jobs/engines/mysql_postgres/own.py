"""A person's own value in the place of one that PostgreSQL refuses: does it fit, and how is it written. Pure.

In questions and answers it stands behind a `=`, in the one text that both servers have for it: so it is part of the
plan and of its digest as it will be written.
"""

from __future__ import annotations

import json

from jobs.core.model import Choice
from jobs.core.replacements import INFINITIES, clock, moment, number, wrong
from jobs.engines.mysql.catalog import Column

SIGN = "="
LIMITS = {"boolean": (0, 1), "bigint": (-(2**63), 2**63 - 1)}


class Unfit(Exception):
    """The column does not take the value; the text says what would do."""


def choice(value: str) -> Choice:
    """As one of a question's choices; `value` as `fitted` gives it."""
    return Choice(value=SIGN + value, text=f"Store {value}" if value.strip() else "Store an empty text")


def value_of(answer: str) -> str | None:
    """The value that an answer names, if it names one."""
    return answer[len(SIGN) :] if answer.startswith(SIGN) else None


def fitted(about: str, column: Column, word: str, members: tuple[str, ...], value: str) -> str:
    """The value as the target will show it. `word`: the column's type, in the words of rules. Raises `Unfit`."""
    if said := wrong(about, value):
        raise Unfit(said)
    match about:
        case "zero dates":
            return _date(column, value)
        case "out of range":
            return _in_range(column, word, value)
        case "blank enum" if value not in members:
            raise Unfit("write one of the column's words")
        case "nul bytes" | "invalid text":
            _text(column, word, value)
        case "nul escapes":
            json.loads(value)
    return value


def _date(column: Column, value: str) -> str:
    if value in INFINITIES:
        return value
    found = moment(value)
    assert found is not None
    if column.data_type == "date":
        if " " in value:
            raise Unfit("write a date without a time")
        return value
    return value.partition(" ")[0] + " " + _digits(column, value.partition(" ")[2] or "00:00:00")


def _digits(column: Column, value: str) -> str:
    """A time without the zeros at its end; what the column would round is refused."""
    whole, _, fraction = value.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > (column.fraction or 0):
        raise Unfit(f"write at most {column.fraction or 0} digits behind the second")
    return f"{whole}.{fraction}" if fraction else whole


def _in_range(column: Column, word: str, value: str) -> str:
    if word == "time":
        if clock(value) is None:
            raise Unfit("write a time of a day, hh:mm:ss")
        return _digits(column, value)
    low, high = LIMITS[word]
    found = number(value)
    if found is None or not low <= found <= high:
        raise Unfit(f"write a whole number from {low} to {high}")
    return value


def _text(column: Column, word: str, value: str) -> None:
    if word == "uuid":
        raise Unfit("a UUID has no place for it: let the column become varchar")
    if column.data_type in ("char", "varchar") and len(value) > (column.length or 0):
        raise Unfit(f"write at most {column.length or 0} letters")


def written(about: str, value: str) -> str:
    """The value in SQL of the source: bytes of UTF-8, or digits: no setting of the session reads it otherwise."""
    if about == "out of range" and number(value) is not None:
        return value
    if about in ("zero dates", "out of range"):
        return f"'{value}'"
    return f"x'{value.encode().hex()}'"
