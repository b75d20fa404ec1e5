"""What was chosen where MySQL and PostgreSQL differ: the answers of a plan's questions, and the defaults. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jobs.core.model import Options, Question

DEFAULTS: Mapping[str, str] = {
    "schema": "public",
    "names": "lower",
    "enums": "text",
    "json": "jsonb",
    "collations": "plain",
    "fulltext": "leave",
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
