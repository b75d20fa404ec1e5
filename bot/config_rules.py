"""What ferrybot.yaml says of a MySQL or MariaDB service whose rows go to PostgreSQL: the defaults give way to it.

The words are the engine's (a test holds them against it); what they mean is a table in docs/mysql-to-postgresql.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from jobs.core.model import Frozen
from jobs.core.replacements import wrong

WORDS: Mapping[str, tuple[str, ...]] = {
    "names": ("lower", "keep"),
    "enums": ("text", "type"),
    "json": ("jsonb", "json"),
    "collations": ("plain", "icu", "icu keys", "citext", "citext keys"),
    "partitions": ("keep", "one"),
    "fulltext": ("leave", "gin"),
}
COLUMN_WORDS = (
    *("boolean", "smallint", "bit", "bigint", "numeric(20)", "time", "interval", "timestamp", "timestamptz"),
    *(
        "text",
        "type",
        "text[]",
        "jsonb",
        "json",
        "varchar",
        "uuid",
        "bytea",
        "wkb",
        "geometry",
        "plain",
        "icu",
        "citext",
    ),
)
MOST_RULES = 500
"""They travel with every story of the service."""


def _one_of(words: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"write one of: {', '.join(words)}")
        return value

    return AfterValidator(check)


def _place(value: str) -> str:
    if not re.fullmatch(r"[^\x00-\x1f]+\.[^\x00-\x1f]+", value):
        raise ValueError("write TABLE.COLUMN; * stands for any letters")
    return value


def _replaces(about: str) -> AfterValidator:
    def check(value: str | None) -> str | None:
        if value is not None and (said := wrong(about, value)):
            raise ValueError(said)
        return value

    return AfterValidator(check)


class ReplacementsEntry(Frozen):
    """What takes the place of values that PostgreSQL refuses, in the columns of one pattern."""

    model_config = ConfigDict(hide_input_in_errors=True)

    zero_dates: Annotated[str | None, _replaces("zero dates")] = Field(default=None, alias="zero dates")
    nul_bytes: Annotated[str | None, _replaces("nul bytes")] = Field(default=None, alias="nul bytes")
    nul_escapes: Annotated[str | None, _replaces("nul escapes")] = Field(default=None, alias="nul escapes")
    invalid_text: Annotated[str | None, _replaces("invalid text")] = Field(default=None, alias="invalid text")
    blank_enum: Annotated[str | None, _replaces("blank enum")] = Field(default=None, alias="blank enum")
    out_of_range: Annotated[str | None, _replaces("out of range")] = Field(default=None, alias="out of range")


class RulesEntry(Frozen):
    """The rules of one service; a key that is left out leaves its question's default."""

    model_config = ConfigDict(hide_input_in_errors=True)

    names: Annotated[str, _one_of(WORDS["names"])] = ""
    enums: Annotated[str, _one_of(WORDS["enums"])] = ""
    json_: Annotated[str, _one_of(WORDS["json"])] = Field(default="", alias="json")
    collations: Annotated[str, _one_of(WORDS["collations"])] = ""
    partitions: Annotated[str, _one_of(WORDS["partitions"])] = ""
    fulltext: Annotated[str, _one_of(WORDS["fulltext"])] = ""
    columns: Mapping[Annotated[str, AfterValidator(_place)], Annotated[str, _one_of(COLUMN_WORDS)]] = Field(
        default_factory=dict, max_length=MOST_RULES
    )

    values: Mapping[Annotated[str, AfterValidator(_place)], ReplacementsEntry] = Field(
        default_factory=dict, max_length=MOST_RULES
    )

    def pairs(self) -> Iterator[tuple[str, str]]:
        """As a service carries them: a question's key, or `column:` and a pattern, with the word; or
        `value:` with what is replaced and a pattern, and the value."""
        for name in WORDS:
            word = getattr(self, "json_" if name == "json" else name)
            if word:
                yield name, word
        yield from ((f"column:{pattern}", word) for pattern, word in self.columns.items())
        for pattern, entry in self.values.items():
            for about, value in entry.model_dump(by_alias=True, exclude_none=True).items():
                yield f"value:{about}:{pattern}", value
