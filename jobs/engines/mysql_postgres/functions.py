"""Functions that sqlglot passes on and PostgreSQL has not, or not for a column that it computes. Pure.

What is listed was tried on PostgreSQL 15: such a text would end a run at its first statement, or be a difference of
a view after the copy; so it is said before, in the plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MISSING = frozenset(
    {"HEX", "UNHEX", "SHA", "SHA256", "SUBSTRING_INDEX", "ELT", "NUMBER_TO_STR", "SOUNDEX", "COMPRESS", "COLLATION"}
    | {"WEEK", "WEEK_OF_YEAR", "HOUR", "MINUTE", "SECOND", "TIME", "TIMESTAMPDIFF", "DAYNAME", "ADD_MONTHS"}
    | {"JSON_KEYS", "JSON_OBJECT", "JSON_TYPE", "JSON_SET", "TO_BASE64", "FROM_BASE64", "BITWISE_COUNT"}
    | {"WEIGHT_STRING", "CURRENT_TIME"}
)
"""As sqlglot writes them: with another name, or for other types."""

CHANGING = frozenset(
    {"CONCAT_WS", "TO_CHAR", "TO_DATE", "TO_TIMESTAMP", "RANDOM", "GEN_RANDOM_UUID", "VERSION", "NOW"}
)
"""PostgreSQL does not take them as immutable, as a generated column's must be."""

_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""", re.S)
_CALL = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]*)\s*\(")
_CHANGING_WORD = re.compile(r"\bCURRENT_(?:TIMESTAMP|DATE|TIME|SCHEMA|USER)\b")


def called(sql: str) -> set[str]:
    """The functions in a text, in capitals; what is quoted is none."""
    return {name.upper() for name in _CALL.findall(_QUOTED.sub("''", sql))}


def missing(sql: str) -> str:
    """One that PostgreSQL lacks; empty where it has all."""
    if "CHARACTER SET" in _QUOTED.sub("''", sql):
        return "convert … using"
    return _first(called(sql) & MISSING)


def changing(sql: str) -> str:
    """One that a computed column cannot have; empty where it can have all."""
    word = _CHANGING_WORD.search(_QUOTED.sub("''", sql))
    return word[0].lower() if word else _first(called(sql) & CHANGING)


def _first(names: Iterable[str]) -> str:
    return min(names, default="").lower()
