"""What the work list needs to know of the source's catalogs, read under the run's snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.engines.postgres import quote
from jobs.engines.postgres.connect import Connection

PG_CLASS, PG_CONSTRAINT = 1259, 2606
"""Fixed oids of the catalogs themselves, as archives name them."""


@dataclass(frozen=True)
class Table:
    """A relation with rows or with partitions. `columns` are written by COPY, `all_columns` are compared."""

    oid: int
    schema: str
    name: str
    kind: str
    root: int
    bytes: int
    columns: tuple[str, ...]
    all_columns: tuple[str, ...]
    floats: tuple[str, ...]
    has_children: bool

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
    case when c.relispartition then coalesce((with recursive up(oid, depth) as (
            select i.inhparent, 1 from pg_inherits i where i.inhrelid = c.oid
            union all select i.inhparent, up.depth + 1 from up join pg_inherits i on i.inhrelid = up.oid)
        select oid from up order by depth desc limit 1), 0) else 0 end::bigint,
    case when c.relkind = 'r' then pg_table_size(c.oid) else 0 end,
    coalesce(array_agg(a.attname::text order by a.attnum)
        filter (where a.attnum is not null and coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''), '{{}}'),
    coalesce(array_agg(a.attname::text order by a.attnum) filter (where a.attnum is not null), '{{}}'),
    coalesce(array_agg(a.attname::text) filter (where a.atttypid in (700, 701)), '{{}}'),
    c.relhassubclass
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p') and c.relpersistence <> 't' and {_USER} and {_NOT_EXTENSION}
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

_CONFIGURED = """
select e.extname::text, c.oid::regclass::text from pg_extension e
cross join unnest(e.extconfig) t(oid) join pg_class c on c.oid = t.oid and c.relkind = 'r' order by 1, 2"""


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
    large_objects: int
    configured: tuple[str, ...]

    def by_name(self) -> dict[tuple[str, str], Table]:
        return {(table.schema, table.name): table for table in self.tables.values()}


def read(source: Connection) -> Catalog:
    """Everything in seven queries, however many tables there are."""
    tables = (
        Table(*row[:6], tuple(row[6]), tuple(row[7]), tuple(row[8]), row[9])
        for row in source.execute(_TABLES).fetchall()
    )
    constraints = (Constraint(*row[:8], tuple(row[8]), tuple(row[9])) for row in source.execute(_CONSTRAINTS).fetchall())
    matviews = (Matview(*row[:5], tuple(row[5])) for row in source.execute(_MATVIEWS).fetchall())
    count = source.execute("select count(*) from pg_largeobject_metadata").fetchone()
    return Catalog(
        tables={table.oid: table for table in tables},
        indexes={row[0]: Index(*row) for row in source.execute(_INDEXES).fetchall()},
        constraints={constraint.oid: constraint for constraint in constraints},
        sequences={row[0]: (row[1], row[2]) for row in source.execute(_SEQUENCES).fetchall()},
        matviews={matview.oid: matview for matview in matviews},
        large_objects=int(count[0]) if count else 0,
        configured=_filled(source),
    )


def _filled(source: Connection) -> tuple[str, ...]:
    """Configuration tables of extensions that hold rows: what only their extension's own means can move."""
    found = source.execute(_CONFIGURED).fetchall()
    return tuple(f"{table} of extension {extension}" for extension, table in found if _has_rows(source, table))


def _has_rows(source: Connection, quoted: str) -> bool:
    row = source.execute(f"select exists (select from {quoted})").fetchone()  # noqa: S608 - regclass output is quoted
    return bool(row and row[0])


def lock_tables(source: Connection, quoted: Iterable[str]) -> None:
    """Forbids DDL on the tables until the transaction ends; must come before the snapshot is taken.

    TRUNCATE and rewrites are not MVCC-safe: an older snapshot would see an empty table, without an error.
    """
    names = list(quoted)
    for start in range(0, len(names), 500):
        listed = ", ".join(f"only {name}" for name in names[start : start + 500])
        source.execute(f"lock table {listed} in access share mode", prepare=False)
