"""Values that MySQL holds and PostgreSQL refuses: how they are found, and what may become of them. Pure.

Without an answer nothing is changed: such a value then ends the copy with an error. An answer changes the source's
rendering, by which rows are both copied and proven, so that the proof speaks of what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jobs.core.model import Choice
from jobs.engines.mysql import quote
from jobs.engines.mysql.catalog import Column
from jobs.engines.mysql_postgres import own
from jobs.engines.mysql_postgres.rules import Rules

DATES = frozenset({"date", "datetime", "timestamp"})
TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
UNICODE = frozenset({"utf8", "utf8mb3", "utf8mb4", "ascii"})

EPOCH: Mapping[str, str] = {
    "date": "1970-01-01",
    "datetime": "1970-01-01 00:00:00",
    "timestamp": "1970-01-01 00:00:00",
}


@dataclass(frozen=True)
class Fault:
    """A kind of value that one column may hold. `condition` is SQL of the source, true for such a value."""

    about: str
    condition: str
    noun: str
    nouns: str
    choices: tuple[Choice, ...]


_NULL = Choice(value="null", text="Store NULL")
_ZERO = (
    _NULL,
    Choice(value="epoch", text="Store 1970-01-01"),
    Choice(value="-infinity", text="Store -infinity"),
)
_NUL = (Choice(value="strip", text="Leave the NUL bytes out"), _NULL)
_INVALID = (Choice(value="replace", text="Store ? for what is not text"), _NULL)
_BLANK = (_NULL, Choice(value="keep", text="Allow an empty text"))
_ESCAPED = (_NULL,)


def faults(column: Column, members: tuple[str, ...] = (), *, json: bool = False) -> Iterator[Fault]:
    """Every fault that a column of this type can have."""
    name = quote.name(column.name)
    if column.data_type in DATES:
        condition = (
            f"(year({name}) = 0 or month({name}) = 0 or dayofmonth({name}) = 0"
            f" or dayofmonth({name}) > dayofmonth(last_day({name})))"
        )
        yield Fault("zero dates", condition, "date that no calendar has", "dates that no calendar has", _ZERO)
    if json:
        condition = f"locate(_binary'\\\\u0000', {_bytes(name, column.charset)}) > 0"
        yield Fault("nul escapes", condition, "document with \\u0000", "documents with \\u0000", _ESCAPED)
    elif column.data_type in TEXTS:
        yield Fault(
            "nul bytes",
            f"locate(x'00', {_bytes(name, column.charset)}) > 0",
            "text with a NUL byte",
            "texts with NUL bytes",
            _NUL,
        )
        yield Fault("invalid text", _invalid(name, column.charset), "invalid text", "invalid texts", _INVALID)
    if column.data_type == "enum" and "" not in members:
        yield Fault("blank enum", f"{name} = ''", "blank value", "blank values", _BLANK)


def said(fault: Fault, answer: str) -> str:
    """An answer in words; empty where it is none."""
    named = own.value_of(answer)
    if named is not None:
        return own.choice(named).text
    return next((choice.text for choice in fault.choices if choice.value == answer), "")


def _bytes(name: str, charset: str) -> str:
    """The text as bytes of UTF-8: in UCS-2 and its kin every second byte of plain letters is NUL."""
    same = not charset or charset in UNICODE
    return f"cast({name} as binary)" if same else f"cast(convert({name} using utf8mb4) as binary)"


def _invalid(name: str, charset: str) -> str:
    """Bytes that are no text of their character set, or do not come back from Unicode as they were."""
    if charset in UNICODE:
        checked = f"convert(cast({name} as binary) using utf8mb4)"
    else:
        checked = f"convert(convert({name} using utf8mb4) using {charset})"
    return f"({name} is not null and not (cast({checked} as binary) <=> cast({name} as binary)))"


IN_TEXTS = frozenset({"nul bytes", "invalid text"})
"""A value named for these is written into the text itself, before it is hashed or measured."""

_MENDED: Mapping[str, tuple[str, str]] = {
    "zero dates": ("null", "epoch"),
    "nul bytes": ("strip", "strip"),
    "nul escapes": ("null", ""),
    "invalid text": ("replace", "replace"),
    "blank enum": ("keep", "keep"),
}
"""What "mend whatever is there" means for a column that takes NULL, and for one that does not."""


def answers(table: str, column: Column, found: Iterable[Fault], rules: Rules) -> dict[str, str]:
    """What was said about each fault of a column, by `Fault.about`; empty where nothing was."""
    mend = rules.whole("unsearched") == "mend"
    return {
        fault.about: rules.of_column(fault.about, table, column.name)
        or (_MENDED.get(fault.about, ("", ""))[not column.nullable] if mend else "")
        for fault in found
    }


def answered(expression: str, column: Column, faults: Iterable[Fault], answers: Mapping[str, str]) -> str:
    """The source's expression with what was answered; `answers` by `Fault.about`."""
    for fault in faults:
        answer = answers.get(fault.about, "")
        named = own.value_of(answer)
        became = {
            "null": "null",
            "epoch": f"'{EPOCH.get(column.data_type, '')}'",
            "-infinity": "'-infinity'",
        }.get(answer)
        if named is not None and fault.about not in IN_TEXTS:
            became = own.written(fault.about, named)
        if became is not None:
            expression = f"case when {fault.condition} then {became} else {expression} end"
    return expression
