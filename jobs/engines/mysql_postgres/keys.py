"""Foreign keys: whether PostgreSQL can hold one, and the rows that break it. Pure."""

from __future__ import annotations

from jobs.engines.mysql_postgres.shape import MovedColumn, MovedTable
from jobs.engines.postgres import quote

IDENTITIES = frozenset({"smallint", "integer", "bigint"})
"""Whole numbers, of any of which an identity can be."""


def spoken(column: MovedColumn) -> str:
    kind = "an enum type of its own" if column.form.native else column.form.type
    return f"{kind} collate {column.form.collation}" if column.form.collation else kind


def unlike(ours: MovedColumn, theirs: MovedColumn) -> bool:
    """PostgreSQL compares whole numbers of any size, texts of any length; else types must be one."""
    if ours.form.native or theirs.form.native or ours.form.collation != theirs.form.collation:
        return True
    families = [IDENTITIES, frozenset({"text", "varchar"})]
    a, b = (column.form.type.partition("(")[0] for column in (ours, theirs))
    return a != b and not any(a in family and b in family for family in families)


def unique(table: MovedTable, columns: tuple[str, ...]) -> bool:
    wanted = {column.lower() for column in columns}
    return any(
        index.unique
        and all(part.column and part.prefix is None for part in index.parts)
        and {part.column.lower() for part in index.parts} == wanted
        for index in table.source.indexes
    )


def orphans(table: MovedTable, ours: list[MovedColumn], other: MovedTable, theirs: list[MovedColumn]) -> str:
    """The rows that break the key: what follows `select …`."""
    pairs = list(zip(ours, theirs, strict=True))
    same = " and ".join(f"o.{quote.name(b.name)} = t.{quote.name(a.name)}" for a, b in pairs)
    filled = " and ".join(f"t.{quote.name(a.name)} is not null" for a, _ in pairs)
    return f"from {table.quoted} t where {filled} and not exists (select from {other.quoted} o where {same})"
