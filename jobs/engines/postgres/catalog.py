"""What the work list needs to know of the source's catalogs, read under the run's snapshot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.parts import parts
from jobs.engines.postgres.select import selected

PG_CLASS, PG_CONSTRAINT = 1259, 2606
"""Fixed oids of the catalogs themselves, as archives name them."""
TID_RANGES_FROM = 140000
"""Server version with TID range scans (release notes of 14)."""


@dataclass(frozen=True)
class Table:
    """A table, partitioned or foreign table. `columns` are written by COPY, `all_columns` are compared;
    `floats`, `exact` and `texts` say how (see checksum). `padded` are of type char(n), filled up with blanks.

    `above` is the partitioned table of a partition, else 0; `pages` are those of the heap alone, `rows` the planner's
    estimate (-1: unknown). `key_column` and `bounds` (histogram bounds) are read where they are needed to cut it."""

    oid: int
    schema: str
    name: str
    kind: str
    above: int
    bytes: int
    pages: int
    rows: int
    columns: tuple[str, ...]
    all_columns: tuple[str, ...]
    floats: tuple[str, ...]
    exact: tuple[str, ...]
    texts: tuple[str, ...]
    padded: tuple[str, ...] = ()
    key_column: str = ""
    bounds: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.schema, self.name

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        return quote.qualified(self.schema, self.name)


@dataclass(frozen=True)
class Index:
    """An index: the relation it belongs to, its size, and its definition as the source writes it."""

    oid: int
    table: int
    bytes: int
    definition: str


@dataclass(frozen=True)
class Constraint:
    """A constraint. `plain` says that it may be built as an index first and then take that index.

    `definition` is read of a partitioned table's foreign key alone."""

    oid: int
    kind: str
    table: int
    other: int
    name: str
    index: int
    plain: bool
    partitioned: bool
    columns: tuple[str, ...]
    other_columns: tuple[str, ...]
    definition: str = ""


_WORDS = {
    "{user}": "n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')",
    "{own}": """not exists (select from pg_depend e
        where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')""",
}


def _query(name: str) -> bytes:
    text = parts("catalog")[name]
    for word, meaning in _WORDS.items():
        text = text.replace(word, meaning)
    return text.encode()


@dataclass(frozen=True)
class Matview:
    oid: int
    schema: str
    name: str
    populated: bool
    bytes: int
    reads: tuple[int, ...]

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Catalog:
    """The source's relations by oid."""

    tables: dict[int, Table]
    indexes: dict[int, Index]
    constraints: dict[int, Constraint]
    sequences: dict[int, tuple[str, str]]
    matviews: dict[int, Matview]

    def left_out(self, include: Sequence[str], exclude: Sequence[str]) -> set[int]:
        """The tables that a person's patterns leave out."""
        places = [_Place(table.key, self._key(table.above)) for table in self.tables.values()]
        chosen = {place.key for place in selected(places, include, exclude)}
        return {table.oid for table in self.tables.values() if table.key not in chosen}

    def leaves(self, oid: int) -> list[Table]:
        """The tables that hold a partitioned table's rows."""
        below = self._below.get(oid, [])
        return [leaf for table in below for leaf in ([table] if table.kind == "r" else self.leaves(table.oid))]

    @cached_property
    def _below(self) -> dict[int, list[Table]]:
        below: dict[int, list[Table]] = defaultdict(list)
        for table in self.tables.values():
            below[table.above].append(table)
        return below

    def top(self, table: Table) -> Table:
        """The partitioned table above all others, or the table itself."""
        while table.above in self.tables:
            table = self.tables[table.above]
        return table

    def _key(self, oid: int) -> tuple[str, str] | None:
        return self.tables[oid].key if oid in self.tables else None


@dataclass(frozen=True)
class _Place:
    """What `select` needs to know of a table."""

    key: tuple[str, str]
    parent: tuple[str, str] | None


def read_tables(source: Connection) -> list[Table]:
    """Every table of the database."""
    rows = source.execute(_query("tables"))
    return [
        Table(oid, schema, name, kind, above or 0, *sizes[:3], *map(tuple, sizes[3:]))
        for oid, schema, name, kind, above, *sizes in rows
    ]


def _with_bounds(source: Connection, tables: list[Table]) -> list[Table]:
    """Where to cut, for servers that cannot read a range of addresses."""
    if source.info.server_version >= TID_RANGES_FROM:
        return tables
    found = {oid: (name, tuple(bounds)) for oid, name, bounds in source.execute(_query("key bounds"))}
    return [
        replace(table, key_column=found[table.oid][0], bounds=found[table.oid][1]) if table.oid in found else table
        for table in tables
    ]


def large_objects(source: Connection) -> tuple[int, ...]:
    """Their numbers, in order."""
    return tuple(
        row[0] for row in source.execute("select oid::bigint from pg_largeobject_metadata order by 1").fetchall()
    )


def read(source: Connection, *, quoted: bool = False) -> Catalog:
    """Everything in six queries, however many tables there are; `quoted`: definitions with every name in quotes."""
    source.execute(f"set quote_all_identifiers = {'on' if quoted else 'off'}")
    constraints = [
        Constraint(oid, kind, table, other, name, index, plain, partitioned, tuple(columns), tuple(others), text)
        for oid, kind, table, other, name, index, plain, partitioned, columns, others, text in source.execute(
            _query("constraints")
        )
    ]
    matviews = [
        Matview(oid, schema, name, populated, size, tuple(reads))
        for oid, schema, name, populated, size, reads in source.execute(_query("materialized views"))
    ]
    catalog = Catalog(
        tables={table.oid: table for table in _with_bounds(source, read_tables(source))},
        indexes={row[0]: Index(*row) for row in source.execute(_query("indexes"))},
        constraints={constraint.oid: constraint for constraint in constraints},
        sequences={row[0]: (row[1], row[2]) for row in source.execute(_query("sequences"))},
        matviews={matview.oid: matview for matview in matviews},
    )
    source.execute("set quote_all_identifiers = off")
    return catalog


_PLAIN = """
select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r'"""


def plain_tables(source: Connection) -> list[tuple[str, str]]:
    """Schema and name of every table that holds rows. Asks for no size, which would wait for somebody's DDL."""
    return [(str(schema), str(name)) for schema, name in source.execute(_PLAIN)]


def lock_tables(source: Connection, quoted: Iterable[str], check: Callable[[], None]) -> None:
    """Forbids DDL on the tables until the transaction ends; must come before the snapshot is taken.

    TRUNCATE and rewrites are not MVCC-safe: an older snapshot would see an empty table, without an error.
    Somebody's own DDL is waited for as long as pg_dump does; `check` may raise meanwhile, and the wait is over.
    """
    names = list(quoted)
    source.execute("set local lock_timeout = '60s'")
    for start in range(0, len(names), 500):
        listed = ", ".join(f"only {name}" for name in names[start : start + 500])
        wire.run(source, f"lock table {listed} in access share mode", check)
