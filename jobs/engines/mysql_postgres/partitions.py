"""Partitions of MySQL as PostgreSQL's, where they mean the same set of rows; else one plain table, and why. Pure.

A range over a function of time (`YEAR(d)`, `TO_DAYS(d)`, `UNIX_TIMESTAMP(t)`) becomes a range of the column itself,
so that keys stay possible. Partitions by HASH and KEY keep their number; which row lies where is the server's own.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jobs.engines.mysql.catalog import Partitions, Table
from jobs.engines.mysql_postgres import values
from jobs.engines.mysql_postgres.types import Form
from jobs.engines.postgres import quote


class Whole(Exception):
    """These partitions have no counterpart; the text says why."""


@dataclass(frozen=True)
class Cut:
    """`by`: range, list or hash. `columns`: the target's, quoted. `parts`: each one's name in the source and bounds.
    `note`: what is not as it was."""

    by: str
    columns: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    note: str = ""

    @property
    def clause(self) -> str:
        """What follows the columns in CREATE TABLE."""
        return f" partition by {self.by} ({', '.join(self.columns)})"


class Keyed(Protocol):
    """A column on its way, as far as it matters here."""

    @property
    def name(self) -> str: ...

    @property
    def form(self) -> Form: ...

    @property
    def nullable(self) -> bool: ...

    @property
    def computed(self) -> str: ...


def cut(table: Table, column: Callable[[str], Keyed]) -> Cut:
    """The table's partitions in the target; `column` finds one by the source's name. Raises `Whole`."""
    found = table.partitions
    assert found is not None
    method = found.method.upper().removeprefix("LINEAR ")
    function, names = _key(found.expression, table if method == "KEY" else None)
    keys = [column(name) for name in names]
    _fits(table, names, keys, method, function)
    parts = list(dict.fromkeys((name, description) for name, _, description in found.parts))
    if method in ("HASH", "KEY"):
        made = [(name, f"for values with (modulus {len(parts)}, remainder {n})") for n, (name, _) in enumerate(parts)]
    elif method.startswith("RANGE"):
        made = list(_ranges(parts, function, keys))
    elif method.startswith("LIST"):
        made = [(name, _listed(description)) for name, description in parts]
    else:
        raise Whole(f"PostgreSQL has no partitions by {found.method}")
    by = {"HASH": "hash", "KEY": "hash"}.get(method, method.split()[0].lower())
    return Cut(by, tuple(quote.name(key.name) for key in keys), tuple(made), _note(found, by))


def _note(found: Partitions, by: str) -> str:
    notes = [
        "its subpartitions are not kept" if found.submethod else "",
        "rows lie in other partitions, by PostgreSQL's own hash" if by == "hash" else "",
    ]
    return "; ".join(filter(None, notes))


_TIMES = ("year", "to_days", "to_seconds", "unix_timestamp")
_NAME = r"`((?:[^`]|``)+)`|([\w$]+)"
_CALL = re.compile(rf"\(*({'|'.join(_TIMES)})\((?:{_NAME})\)\)*", re.I)
_LIST = re.compile(rf"\s*(?:{_NAME})\s*(?:,|$)")


def _key(expression: str, by_key: Table | None) -> tuple[str, list[str]]:
    """A function of time or nothing, and the columns. `by_key`: KEY without columns means the primary key."""
    text = expression.strip()
    if not text and by_key is not None and by_key.primary_key is not None:
        return "", [part.column for part in by_key.primary_key.parts]
    if call := _CALL.fullmatch(text):
        return call[1].lower(), [(call[2] or call[3]).replace("``", "`")]
    names: list[str] = []
    at = 0
    while at < len(text):
        found = _LIST.match(text, at)
        if found is None:
            raise Whole("PostgreSQL takes no such expression beside a primary key")
        names.append((found[1] or found[2]).replace("``", "`"))
        at = found.end()
    if not names:
        raise Whole("it names no column")
    return "", names


_SORTED = ("smallint", "integer", "bigint", "numeric", "date", "timestamp")
_EQUAL = (*_SORTED, "varchar", "text", "bytea", "uuid")


def _fits(table: Table, names: Sequence[str], keys: Sequence[Keyed], method: str, function: str) -> None:
    """Whether the key's types can do it on the other side. Raises `Whole`."""
    allowed = _SORTED if method.startswith("RANGE") else _EQUAL
    for name, key in zip(names, keys, strict=True):
        source = table.column(name)
        if key.computed:
            raise Whole(f"{name} is computed")
        if key.form.type.partition("(")[0] not in allowed or key.form.native:
            raise Whole(f"{name} became {key.form.type}, which cannot be cut so")
        if source.data_type in values.TEXTS and method.startswith("LIST") and not source.collation.endswith("_bin"):
            raise Whole(f"texts of {name} are not told apart as in the source")
    if function and table.column(names[0]).data_type not in values.DATES:
        raise Whole(f"{function} of a column that is no time")
    if method.startswith("LIST") and len(names) > 1:
        raise Whole("PostgreSQL cuts lists by one column only")
    wanted = {name.lower() for name in names}
    for index in table.indexes:
        plain = {part.column.lower() for part in index.parts if part.column and part.prefix is None}
        if index.unique and not wanted <= plain:
            raise Whole(f"key {index.name} does not hold the whole of the columns it is cut by")


def _ranges(parts: Sequence[tuple[str, str]], function: str, keys: Sequence[Keyed]) -> Iterator[tuple[str, str]]:
    low = ", ".join(["minvalue"] * len(keys))
    for name, description in parts:
        values_ = [_bound(text, function, key) for text, key in zip(_split(description), keys, strict=True)]
        if "maxvalue" in values_:  # all that follow must be it too
            first = values_.index("maxvalue")
            values_ = values_[:first] + ["maxvalue"] * (len(values_) - first)
        high = ", ".join(values_)
        yield name, f"for values from ({low}) to ({high})"
        low = high
    if any(key.nullable for key in keys):
        # MySQL keeps NULL in the lowest range, PostgreSQL in none; and nothing else may lie here.
        missing = " or ".join(f"{quote.name(key.name)} is null" for key in keys if key.nullable)
        yield "nulls", f"(check ({missing})) default"


def _bound(text: str, function: str, key: Keyed) -> str:
    if text.upper() == "MAXVALUE":
        return "maxvalue"
    return quote.text(_MOMENT[function](int(text))) if function else _value(text)


def _seconds(number: int) -> str:
    day, rest = divmod(number, 86400)
    return f"{_day(day)} {dt.timedelta(seconds=rest)}"


def _day(number: int) -> str:
    try:
        return dt.date.fromordinal(number - 365).isoformat()
    except (ValueError, OverflowError):
        raise Whole("a bound is no day of the calendar") from None


def _year(number: int) -> str:
    if not 1 <= number <= 9999:
        raise Whole("a bound is no year of the calendar")
    return f"{number:04}-01-01"


def _moment(number: int) -> str:
    return (dt.datetime(1970, 1, 1) + dt.timedelta(seconds=number)).isoformat(" ")  # noqa: DTZ001 - sessions are in UTC


_MOMENT: Mapping[str, Callable[[int], str]] = {
    "year": _year,
    "to_days": _day,
    "to_seconds": _seconds,
    "unix_timestamp": _moment,
}

_VALUE = re.compile(r"\s*((?:_\w+)?'(?:[^'\\]|''|\\.)*'|[^,'()]+)\s*(?:,|$)", re.S)


def _split(description: str) -> list[str]:
    """The values of a bound or of a list."""
    found: list[str] = []
    at = 0
    while at < len(description):
        one = _VALUE.match(description, at)
        if one is None:
            raise Whole("its bounds were not understood")
        found.append(one[1].strip())
        at = one.end()
    return found


def _listed(description: str) -> str:
    if description.upper() == "DEFAULT":
        return "default"
    return f"for values in ({', '.join(_value(text) for text in _split(description))})"


def _value(text: str) -> str:
    if re.fullmatch(r"-?\d+(\.\d+)?", text) or text.upper() == "NULL":
        return text
    found = re.fullmatch(r"(?:_\w+)?'((?:[^'\\]|'')*)'", text, re.S)
    if found is None:
        raise Whole("its bounds were not understood")
    return quote.text(found[1].replace("''", "'"))
