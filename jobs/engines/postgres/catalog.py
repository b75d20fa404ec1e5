"""What the work list needs to know of the source's catalogs, read under the run's snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.engines.postgres import quote
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.select import selected

PG_CLASS, PG_CONSTRAINT = 1259, 2606
"""Fixed oids of the catalogs themselves, as archives name them."""


@dataclass(frozen=True)
class Table:
    """A table, partitioned or foreign table. `columns` are written by COPY, `all_columns` are compared.

    `above` is the partitioned table of a partition, else 0."""

    oid: int
    schema: str
    name: str
    kind: str
    above: int
    bytes: int
    columns: tuple[str, ...]
    all_columns: tuple[str, ...]
    floats: tuple[str, ...]

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
    """A constraint. `plain` says that it may be built as an index first and then take that index."""

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


_USER = "n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')"
_NOT_EXTENSION = """not exists (select from pg_depend e where e.classid = 'pg_class'::regclass
    and e.objid = c.oid and e.deptype = 'e')"""

# attgenerated exists since 12: through jsonb an older catalog simply has no such key.
_TABLES = f"""
select c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text,
    case when c.relispartition then (select i.inhparent from pg_inherits i where i.inhrelid = c.oid) else 0 end::bigint,
    case when c.relkind = 'r' then pg_table_size(c.oid) else 0 end,
    coalesce(array_agg(a.attname::text order by a.attnum)
        filter (where a.attnum is not null and coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''), '{{}}'),
    coalesce(array_agg(a.attname::text order by a.attnum) filter (where a.attnum is not null), '{{}}'),
    coalesce(array_agg(a.attname::text) filter (where a.atttypid in (700, 701)), '{{}}')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and {_USER} and {_NOT_EXTENSION}
group by c.oid, n.nspname order by c.oid"""

_INDEXES = f"""
select c.oid::bigint, i.indrelid::bigint, pg_relation_size(c.oid), pg_get_indexdef(c.oid)
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where {_USER}"""

_CONSTRAINTS = f"""
select k.oid::bigint, k.contype::text, k.conrelid::bigint, k.confrelid::bigint, k.conname::text, k.conindid::bigint,
    k.contype in ('p', 'u') and not k.condeferrable and c.relkind = 'r' and k.conislocal
        and coalesce(to_jsonb(k) ->> 'conperiod', 'false') = 'false',
    c.relkind = 'p',
    array(select a.attname::text from unnest(k.conkey) with ordinality u(n, o)
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.n order by u.o),
    array(select a.attname::text from unnest(k.confkey) with ordinality u(n, o)
          join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.n order by u.o)
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype in ('p', 'u', 'x', 'f') and {_USER}"""

_SEQUENCES = f"""
select c.oid::bigint, n.nspname::text, c.relname::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and c.relpersistence <> 't' and {_USER} and {_NOT_EXTENSION} order by 2, 3"""

# Materialized views that hold rows, and the others that each one reads, directly or through views.
_MATVIEWS = f"""
with recursive reads(matview, relation) as (
    select c.oid, d.refobjid from pg_class c join pg_rewrite r on r.ev_class = c.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_class'::regclass and d.refobjid <> c.oid
    where c.relkind = 'm'
    union
    select reads.matview, d.refobjid from reads join pg_class v on v.oid = reads.relation and v.relkind = 'v'
    join pg_rewrite r on r.ev_class = v.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_class'::regclass and d.refobjid <> v.oid)
select c.oid::bigint, n.nspname::text, c.relname::text, c.relispopulated, pg_table_size(c.oid),
    array(select distinct m.oid::bigint from reads join pg_class m on m.oid = reads.relation and m.relkind = 'm'
          where reads.matview = c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and {_USER} and {_NOT_EXTENSION} order by c.oid"""

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
    rows = source.execute(_TABLES).fetchall()
    return [
        Table(oid, schema, name, kind, above or 0, size, tuple(columns), tuple(every), tuple(floats))
        for oid, schema, name, kind, above, size, columns, every, floats in rows
    ]


def large_objects(source: Connection) -> tuple[int, ...]:
    """Their numbers, in order."""
    return tuple(row[0] for row in source.execute("select oid::bigint from pg_largeobject_metadata order by 1").fetchall())


def read(source: Connection) -> Catalog:
    """Everything in six queries, however many tables there are."""
    constraints = [
        Constraint(oid, kind, table, other, name, index, plain, partitioned, tuple(columns), tuple(others))
        for oid, kind, table, other, name, index, plain, partitioned, columns, others in source.execute(_CONSTRAINTS)
    ]
    matviews = [
        Matview(oid, schema, name, populated, size, tuple(reads))
        for oid, schema, name, populated, size, reads in source.execute(_MATVIEWS)
    ]
    return Catalog(
        tables={table.oid: table for table in read_tables(source)},
        indexes={row[0]: Index(*row) for row in source.execute(_INDEXES).fetchall()},
        constraints={constraint.oid: constraint for constraint in constraints},
        sequences={row[0]: (row[1], row[2]) for row in source.execute(_SEQUENCES).fetchall()},
        matviews={matview.oid: matview for matview in matviews},
    )


def lock_tables(source: Connection, quoted: Iterable[str]) -> None:
    """Forbids DDL on the tables until the transaction ends; must come before the snapshot is taken.

    TRUNCATE and rewrites are not MVCC-safe: an older snapshot would see an empty table, without an error.
    """
    names = list(quoted)
    for start in range(0, len(names), 500):
        listed = ", ".join(f"only {name}" for name in names[start : start + 500])
        source.execute(f"lock table {listed} in access share mode", prepare=False)
