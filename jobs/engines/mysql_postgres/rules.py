"""What was chosen where MySQL and PostgreSQL differ: the answers of a plan's questions, and the defaults. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jobs.core.model import Options, Question
from jobs.engines.shared.select import matches

DEFAULTS: Mapping[str, str] = {
    "schema": "public",
    "names": "lower",
    "enums": "text",
    "json": "jsonb",
    "collations": "plain",
    "fulltext": "leave",
    "partitions": "keep",
    "columns": "none",
    "unsearched": "stop",
}
"""Questions about the whole database, and what holds while nobody answers them."""


@dataclass(frozen=True)
class Rules:
    """Answers by key; an answer of a column (`type:table.column`) goes before its kind's default."""

    answers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, questions: Iterable[Question], options: Options) -> Rules:
        """Every question's default, under the given decisions."""
        asked = {question.key: question.default for question in questions}
        return cls(asked | dict(options.decisions))

    def whole(self, key: str) -> str:
        """The answer for the whole database."""
        return self.answers.get(key) or DEFAULTS[key]

    def of_column(self, about: str, table: str, column: str) -> str:
        """The answer for one column; empty where there is none."""
        return self.answers.get(key(about, table, column), "")


def key(about: str, table: str, column: str) -> str:
    """A question's key for one column."""
    return f"{about}:{table}.{column}"


OF_COLUMNS = "column:"
OF_VALUES = "value:"
"""Then what is replaced, a colon, and a pattern `table.column`."""


@dataclass(frozen=True)
class Stated:
    """The rules of ferrybot.yaml for a source: they take the place of a question's default.

    `pairs`: a key of `DEFAULTS` and its value, or `column:` with a pattern `table.column`, and what such a column
    becomes, or `value:` with what takes the place of such values. Of several patterns the first that fits and offers
    something for the column holds."""

    pairs: tuple[tuple[str, str], ...] = ()

    def whole(self, key: str) -> str:
        """The value for the whole database; empty where there is none."""
        return dict(self.pairs).get(key, "")

    def of_column(self, table: str, column: str, words: Iterable[str]) -> str:
        """One of `words`, or nothing."""
        offered = list(words)
        names = (table.lower(), column.lower())
        for at, value in self.pairs:
            fits = at.startswith(OF_COLUMNS) and matches(at.removeprefix(OF_COLUMNS).lower(), names)
            if fits and (found := offer(value, offered)):
                return found
        return ""

    def replacements(self, about: str, table: str, column: str) -> list[str]:
        """What a person wants in the place of such values of this column, in the file's order."""
        start, names = f"{OF_VALUES}{about}:", (table.lower(), column.lower())
        return [
            value
            for at, value in self.pairs
            if at.startswith(start) and matches(at.removeprefix(start).lower(), names)
        ]


def offer(value: str, words: Iterable[str]) -> str:
    """The word by which `value` is offered: what is not in the target yet is called `new …` there."""
    return next((word for word in words if word in (value, f"new {value}")), "")
