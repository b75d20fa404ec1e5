"""A table's fingerprint: the number of its rows and the sum of their hashes, in whatever order they lie.

`hashtextextended` gives the same number on every server from 11 on: hash partitioning by text stands on it, so
PostgreSQL keeps it stable across versions and machines. A row is hashed as its text: every value as the type's
own output shows it, NULL apart from an empty string, in the order of the named columns. Sums as numeric cannot
overflow, and a lost, doubled, changed or swapped row changes the sum. Below 11, both sides use half of md5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.engines.postgres import quote


@dataclass(frozen=True)
class Compared:
    """A table as both sides are asked about it."""

    schema: str
    name: str
    columns: tuple[str, ...]
    floats: frozenset[str]


def query(tables: Sequence[Compared], oldest: int) -> str:
    """One statement over some tables: a row each of number, count and sum; `oldest` is the older server's version."""
    return "\nunion all\n".join(_one(number, table, oldest) for number, table in enumerate(tables))


def _one(number: int, table: Compared, oldest: int) -> str:
    relation = quote.qualified(table.schema, table.name)
    total = f"coalesce(sum({_hash(table, oldest)}), 0)" if table.columns else "0"
    return f"select {number}, count(*), {total}::numeric::text from only {relation} t"  # noqa: S608 - quoted above


def _hash(table: Compared, oldest: int) -> str:
    row = f'row({", ".join(_column(name, table.floats, oldest) for name in table.columns)})::text collate "C"'
    if oldest >= 110000:
        return f"hashtextextended({row}, 0)"
    return f"('x' || left(md5({row}), 16))::bit(64)::bigint"


def _column(name: str, floats: frozenset[str], oldest: int) -> str:
    """Before 12 a float's text was not its shortest exact one: there its bytes are compared."""
    quoted = f"t.{quote.name(name)}"
    return f"float8send({quoted}::float8)" if name in floats and oldest < 120000 else quoted
