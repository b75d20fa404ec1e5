"""Column defaults as PostgreSQL's. Pure."""

from __future__ import annotations

import re

from jobs.engines.mysql.catalog import Column
from jobs.engines.mysql.flavour import Flavour
from jobs.engines.mysql_postgres import expressions, values
from jobs.engines.mysql_postgres.expressions import Untranslated, Words
from jobs.engines.mysql_postgres.types import BYTES, Form
from jobs.engines.postgres import quote

_NOW = re.compile(r"(?:current_timestamp|now|localtime|localtimestamp)(?:\((\d*)\))?", re.I)
_TODAY = re.compile(r"\(?(?:curdate\(\)|current_date(?:\(\))?)\)?", re.I)
_TEXT = re.compile(r"(?:_\w+)?'((?:[^'\\]|''|\\.)*)'", re.S)
_BITS = re.compile(r"b'([01]*)'", re.I)
_HEX = re.compile(r"(?:0x|x')([0-9a-f]*)'?", re.I)
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.I)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "Z": "\x1a"}


def default(column: Column, form: Form, server: Flavour, words: Words) -> str:
    """SQL of the target's default; empty without one. Raises `Untranslated`."""
    text = column.default
    if text is None or column.generated or column.auto_increment:
        return ""
    if server.kind == "mariadb":
        return "" if text.upper() == "NULL" else _of_expression(text.strip(), column, form, words)
    if column.default_is_expression or (column.data_type in values.DATES and _NOW.fullmatch(text)):
        return _of_expression(text.strip(), column, form, words)
    return _of_expression(text, column, form, words) if _BITS.fullmatch(text) else _of_value(text, column, form)


def _of_expression(text: str, column: Column, form: Form, words: Words) -> str:
    if found := _NOW.fullmatch(text):
        return now(column, form, found[1] or "")
    if _TODAY.fullmatch(text):
        return "current_date"
    if found := _BITS.fullmatch(text):
        return _of_bits(found[1], form)
    if _NUMBER.fullmatch(text):
        return _of_value(text, column, form)
    if found := _TEXT.fullmatch(text):
        return _of_value(_unescaped(found[1]), column, form)
    if column.data_type in BYTES and form.type != "bytea":
        raise Untranslated("bytes that become something else")
    if (found := _HEX.fullmatch(text)) and column.data_type in BYTES:
        return f"'\\x{found[1]}'::bytea"
    if form.type == "text[]" or form.type in ("boolean", "jsonb", "json"):
        raise Untranslated("an expression for a type that changes")
    return f"({expressions.constant(text, words)})"


def now(column: Column, form: Form, digits: str = "") -> str:
    """The present moment as the column's type has it; a timestamp without its zone stays one in UTC."""
    if column.data_type == "date":
        return "current_date"
    digits = digits or str(column.fraction or 0)
    if form.type.endswith("with time zone"):
        return f"current_timestamp({digits})"
    if column.data_type == "timestamp":
        return f"(current_timestamp({digits}) at time zone 'UTC')"
    return f"localtimestamp({digits})"


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text.replace("''", "'"), flags=re.S)


def _of_bits(bits: str, form: Form) -> str:
    if form.type == "boolean":
        return "true" if "1" in bits else "false"
    width = int(form.type.partition("(")[2].rstrip(")") or 1) if form.type.startswith("bit") else len(bits)
    return f"B'{bits.zfill(width)}'"


def _of_value(text: str, column: Column, form: Form) -> str:
    if form.type == "boolean":
        return "false" if float(text or 0) == 0 else "true"
    if column.data_type in values.DATES and not _calendar(text):
        raise Untranslated("a date that no calendar has")
    if form.type == "text[]":
        members = ", ".join(quote.text(member) for member in text.split(",") if member)
        return f"array[{members}]::text[]"
    if column.data_type in BYTES:
        if form.type != "bytea":
            raise Untranslated("bytes that become something else")
        return f"'\\x{text.encode().hex()}'::bytea"
    if "\0" in text:
        raise Untranslated("a NUL byte")
    if _NUMBER.fullmatch(text) and form.type.partition("(")[0] in _NUMBERS:
        return text
    return quote.text(text)


_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})


def _calendar(text: str) -> bool:
    found = re.match(r"(\d{4})-(\d\d)-(\d\d)", text)
    return found is not None and all(int(part) for part in found.groups())
