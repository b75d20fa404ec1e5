"""Conditions that cut a large table into ranges of its primary key, each row in exactly one, alike on both sides.

Boundaries are values of the source, written in the key's own charset, so its own collation compares them. A key whose
order the two sides may not agree on leaves the table whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from pymysql.charset import charset_by_name

from jobs.core.chunks import chunk_count
from jobs.engines.mysql import quote
from jobs.engines.mysql.catalog import Column, Table
from jobs.engines.mysql.columns import boundary, key_type, literal
from jobs.engines.mysql.connect import Connection, one, rows

_MIN_ROWS = 1000


def conditions(
    source: Connection, database: str, table: Table, others: dict[str, Column], total: int, lanes: int
) -> list[str]:
    """SQL conditions of the parts; none where the table stays whole. `total` is the bytes of all tables."""
    count = chunk_count(table.data_bytes, total, lanes)
    key = key_of(table) if count > 1 and table.engine == "InnoDB" else None
    if key is None or any(column.generated for column in key.columns):
        return []
    columns, kinds = key.columns, key.kinds
    if not all(key_type(column, others.get(column.name)) for column in columns):
        return []
    place = quote.qualified(database, table.name)
    if len(columns) == 1 and kinds == ("digits",) and columns[0].data_type != "decimal":
        bounds = _even(source, place, columns[0], count)
    else:
        bounds = _walked(source, place, columns, kinds, table.rows, count)
    return _ranges(columns, kinds, bounds)


@dataclass(frozen=True)
class Key:
    """A primary key whose ranges can be written down."""

    columns: tuple[Column, ...]
    kinds: tuple[str, ...]

    @property
    def listed(self) -> str:
        """A select list of its values as text that `literal` takes."""
        return ", ".join(boundary(column, kind) for column, kind in zip(self.columns, self.kinds, strict=True))

    def shown(self, values: Sequence[str]) -> str:
        """The values as a person reads them; bytes stay hexadecimal."""
        return ", ".join(map(_shown, self.columns, self.kinds, values))


def _shown(column: Column, kind: str, value: str) -> str:
    if kind != "text":
        return value
    with suppress(ValueError, LookupError, UnicodeDecodeError):
        return bytes.fromhex(value).decode(charset_by_name(column.charset).encoding)
    return value


def key_of(table: Table) -> Key | None:
    """The key by which rows are named; None where there is none that both sides order alike."""
    key = table.primary_key
    if key is None or table.versioned or any(part.prefix or part.descending for part in key.parts):
        return None
    columns = tuple(table.column(part.column) for part in key.parts)
    kinds = tuple(key_type(column, column) for column in columns)
    return Key(columns, kinds) if all(kinds) else None


def from_key(key: Key, values: Sequence[str]) -> str:
    """A condition of the rows at a boundary and above it."""
    return _from(key.columns, key.kinds, values)


def between_keys(key: Key, bounds: list[tuple[str, ...]]) -> list[str]:
    """A condition for each part that the boundaries make, each row in exactly one; none without a boundary."""
    return _ranges(key.columns, key.kinds, bounds)


def halves(side: Connection, place: str, key: Key, condition: str, count: int) -> list[str]:
    """The range in two, at the key in its middle."""
    where = f"where {condition} " if condition else ""
    order = quote.names(column.name for column in key.columns)
    found = rows(side, f"select {key.listed} from {place} {where}order by {order} limit 1 offset {count // 2}")  # noqa: S608 - quoted
    if not found:
        return []
    middle = tuple(str(value) for value in found[0])
    below, above = _below(key.columns, key.kinds, middle), _from(key.columns, key.kinds, middle)
    inside = f"({condition}) and " if condition else ""
    return [f"{inside}({below})", f"{inside}({above})"]


def _even(source: Connection, place: str, column: Column, count: int) -> list[tuple[str, ...]]:
    """Equal spans between the smallest and the largest number: two looks into the index."""
    name = quote.name(column.name)
    low, high = one(source, f"select min({name}), max({name}) from {place}")  # noqa: S608 - quoted
    if low is None or high - low < count:
        return []
    return [(str(low + (high - low) * number // count),) for number in range(1, count)]


def _walked(
    source: Connection, place: str, columns: Sequence[Column], kinds: Sequence[str], count_rows: int, count: int
) -> list[tuple[str, ...]]:
    """Every n-th key of the index, by as many steps as there are parts."""
    step = max(_MIN_ROWS, count_rows // count)
    listed = ", ".join(boundary(column, kind) for column, kind in zip(columns, kinds, strict=True))
    order = quote.names(column.name for column in columns)
    bounds: list[tuple[str, ...]] = []
    while True:
        where = f"where {_from(columns, kinds, bounds[-1])} " if bounds else ""
        found = rows(
            source,
            f"select {listed} from {place} force index (primary) {where}order by {order} limit 1 offset {step}",  # noqa: S608 - quoted
        )
        if not found:
            return bounds
        bounds.append(tuple(str(value) for value in found[0]))


def _ranges(columns: Sequence[Column], kinds: Sequence[str], bounds: list[tuple[str, ...]]) -> list[str]:
    if not bounds:
        return []
    inner = [f"({_from(columns, kinds, low)}) and ({_below(columns, kinds, high)})" for low, high in pairwise(bounds)]
    return [_below(columns, kinds, bounds[0]), *inner, _from(columns, kinds, bounds[-1])]


def _from(columns: Sequence[Column], kinds: Sequence[str], values: Sequence[str]) -> str:
    return _compared(columns, kinds, values, ">", ">=")


def _below(columns: Sequence[Column], kinds: Sequence[str], values: Sequence[str]) -> str:
    return _compared(columns, kinds, values, "<", "<")


def _compared(columns: Sequence[Column], kinds: Sequence[str], values: Sequence[str], strict: str, last: str) -> str:
    """Key against boundary, written out: the optimizer finds no range in a comparison of row constructors."""
    name, value = quote.name(columns[0].name), literal(columns[0], kinds[0], values[0])
    if len(columns) == 1:
        return f"{name} {last} {value}"
    rest = _compared(columns[1:], kinds[1:], values[1:], strict, last)
    return f"{name} {strict} {value} or ({name} = {value} and ({rest}))"
