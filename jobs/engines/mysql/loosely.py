"""What two kinds of server, or two major versions of one, write differently for the same column, brought to one form.
Pure.
"""

from __future__ import annotations

import re

from jobs.engines.mysql.conditional import MINE
from jobs.engines.mysql.objects import CheckConstraint, Column, Table
from jobs.engines.mysql.quote import unescaped

_WIDTH = re.compile(r"\b((?:tiny|small|medium|big)?int|year)\(\d+\)")
_VALID = re.compile(r"json_valid\(`((?:[^`]|``)*)`\)", re.I)


def is_json(table: Table, column: Column) -> bool:
    """MySQL's own type, or MariaDB's LONGTEXT with the check that its JSON is short for."""
    return column.data_type == "json" or (
        column.data_type == "longtext" and any(_of(check) == column.name for check in table.checks)
    )


def comes_with_json(check: CheckConstraint) -> bool:
    """Whether it says no more than that a column is JSON, which `is_json` compares."""
    return bool(_of(check))


def _of(check: CheckConstraint) -> str:
    found = _VALID.fullmatch(check.clause.strip())
    return found[1].replace("``", "`") if found else ""


def kind(column: Column, json: bool) -> str:
    """Type, character set and collation. Widths of numbers are only shown, and some servers leave them away."""
    if json:
        return "json"
    collation = f" COLLATE {column.collation}" if column.collation else ""
    plain = MINE.sub("", _WIDTH.sub(r"\1", column.column_type))
    return f"{plain} {column.charset}{collation}"


def attributes(column: Column) -> str:
    """ON UPDATE, AUTO_INCREMENT, GENERATED and INVISIBLE, in one way of writing."""
    words = re.sub(r"(?i)default_generated|\(\)|,", " ", column.extra)
    return " ".join(words.lower().split())


def default(column: Column) -> str:
    """MariaDB writes an expression, MySQL a value: both without quotes, and NULL as none."""
    text = column.default
    if text is None or text == "NULL":
        return "none"
    plain = unescaped(text[1:-1].replace("''", "'")) if len(text) > 1 and text[0] == text[-1] == "'" else text
    return re.sub(r"\(\)$", "", plain).lower()
