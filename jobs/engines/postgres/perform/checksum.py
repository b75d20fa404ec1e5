"""A table's fingerprint: the number of its rows and the sum of their hashes, in whatever order they lie.

Hash functions of PostgreSQL stay the same across its versions, since hash partitioning stands on them:
`hashtextextended` from 11 on, `hash_record_extended` (partitioning by composites) from 14 on. A row's hash is
that of its text, every value as its type's own output shows it, NULL apart from an empty string; columns whose
type has one binary form per value are hashed as such and go in as the seed, which halves the cost (measured on
a wide table of 700,000 rows and a narrow one of 3 million: 2.5 -> 1.1 and 2.7 -> 1.7 s; md5 would be 2.6 and
3.2). The last step is never `hash_record_extended`, which is linear in its columns: a sum over it would not see two
rows swap
values. Sums are numeric and cannot overflow. Below 11 both sides use half of md5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.engines.postgres import quote

SEEDED_FROM, EXTENDED_FROM, EXACT_FLOATS_FROM = 140000, 110000, 120000
"""Server versions: hash_record_extended; hashtextextended; floats print their shortest exact form."""


@dataclass(frozen=True)
class Compared:
    """A table as both sides are asked about it.

    `exact` and `texts` are columns with one binary form per value, `texts` those with a collation."""

    schema: str
    name: str
    columns: tuple[str, ...]
    floats: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, table: dict[str, Any]) -> Compared:
        """From a task's payload."""
        sets = (frozenset(table[key]) for key in ("floats", "exact", "texts"))
        return cls(table["schema"], table["name"], tuple(table["all"]), *sets)


def query(tables: Sequence[Compared], oldest: int) -> str:
    """One statement over some tables: a row each of number, count and sum; `oldest` is the older server's version."""
    return "\nunion all\n".join(_one(number, table, oldest) for number, table in enumerate(tables))


def of_part(table: Compared, oldest: int, where: str, number: int) -> str:
    """A row of number, count and sum of the rows of a condition."""
    return f"{_one(number, table, oldest)} where {where}"


def by_transaction(table: Compared, oldest: int) -> str:
    """A row for each transaction whose rows the table holds: its number (xmin), count and sum."""
    relation = quote.qualified(table.schema, table.name)
    total = f"sum({row_hash(table, oldest)})::numeric::text"
    return f"select t.xmin::text, count(*), {total} from only {relation} t group by t.xmin::text"  # noqa: S608 - quoted


def _one(number: int, table: Compared, oldest: int) -> str:
    relation = quote.qualified(table.schema, table.name)
    total = f"coalesce(sum({row_hash(table, oldest)}), 0)" if table.columns else "0"
    return f"select {number}, count(*), {total}::numeric::text from only {relation} t"  # noqa: S608 - quoted above


def row_hash(table: Compared, oldest: int) -> str:
    """SQL for the 64-bit hash of a row `t`, over the columns of `table`."""
    if oldest < EXTENDED_FROM:
        return f"('x' || left(md5({_text(table, table.columns, oldest)}), 16))::bit(64)::bigint"
    seeding = [c for c in table.columns if c in table.exact | table.texts] if oldest >= SEEDED_FROM else []
    rest = [column for column in table.columns if column not in seeding]
    seed = (
        f"hash_record_extended(row({', '.join(_bytes(column, table) for column in seeding)}), 0)" if seeding else "0"
    )
    return f"hashtextextended({_text(table, rest, oldest)}, {seed})" if rest else f"hashint8extended({seed}, 0)"


def _text(table: Compared, columns: Sequence[str], oldest: int) -> str:
    return f'row({", ".join(_shown(column, table, oldest) for column in columns)})::text collate "C"'


def _bytes(column: str, table: Compared) -> str:
    """Under another collation, texts that it calls equal would hash alike, and differently on another system."""
    return f't.{quote.name(column)} collate "C"' if column in table.texts else f"t.{quote.name(column)}"


def _shown(column: str, table: Compared, oldest: int) -> str:
    quoted = f"t.{quote.name(column)}"
    return f"float8send({quoted}::float8)" if column in table.floats and oldest < EXACT_FLOATS_FROM else quoted
