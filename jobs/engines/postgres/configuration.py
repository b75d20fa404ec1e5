"""Rows that people added to tables of extensions, where the extension itself says which rows are theirs.

An extension marks such tables by pg_extension_config_dump. Creating it on the target brings its own rows; those
of people are added to them, and nothing is ever deleted there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import errors as pg

from jobs.core.verdict import Difference
from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.connect import Connection, first_line

_READ = """
with marked as (
    select e.extname, e.extversion, u.oid, e.extcondition[u.place] as condition
    from pg_extension e cross join unnest(e.extconfig) with ordinality u(oid, place)
), followed as (
    -- a sequence that numbers their rows goes on behind them, also where its extension forgot it (PostGIS)
    select * from marked
    union all
    select distinct m.extname, m.extversion, d.objid, '' from marked m join pg_depend d on d.refobjid = m.oid
    where d.refclassid = 'pg_class'::regclass and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
      and d.objid not in (select oid from marked)
)
select e.extname::text, e.extversion, n.nspname::text, c.relname::text, c.relkind::text,
    coalesce(e.condition, ''),
    coalesce((select array_agg(a.attname::text order by a.attnum) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          and coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''), '{}')
from followed e join pg_class c on c.oid = e.oid join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'S') order by 1, 3, 4"""


@dataclass(frozen=True)
class Configured:
    """A table (or sequence) of an extension that holds rows of people: those that meet `condition`."""

    extension: str
    version: str
    schema: str
    name: str
    kind: str
    condition: str
    columns: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        return quote.qualified(self.schema, self.name)

    @property
    def rows(self) -> str:
        """The rows of people, as a query."""
        return f"select {quote.names(self.columns)} from only {self.quoted} {self.condition}"  # noqa: S608 - quoted

    @property
    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Configured:
        return cls(**(document | {"columns": tuple(document["columns"])}))


def read(source: Connection) -> list[Configured]:
    found = source.execute(_READ).fetchall()
    return [
        Configured(extension, version, schema, name, kind, condition, tuple(columns))
        for extension, version, schema, name, kind, condition, columns in found
    ]


Added = tuple[str, str, str, int, int]
"""Relation and columns (quoted), the hash of their values, how many such rows there were, and how many came."""

_GONE = (pg.UndefinedTable, pg.UndefinedColumn, pg.InvalidSchemaName, pg.InsufficientPrivilege)


def added(target: Connection) -> list[Added]:
    """What a run added to tables of extensions so far."""
    rows = target.execute(
        "select relation, columns, hash, min(before), sum(copies)::bigint from ferrybot.added"
        " group by 1, 2, 3 order by 1, 2, 3"
    ).fetchall()
    return [(relation, columns, digest, before, copies) for relation, columns, digest, before, copies in rows]


def take_back(target: Connection, rows: Iterable[Added]) -> None:
    """Removes these rows, and none that was there before; harmless when repeated.

    Rows that are gone, or that the user may not touch any more, are left alone."""
    of_table: dict[tuple[str, str], list[Added]] = {}
    for row in rows:
        of_table.setdefault(row[:2], []).append(row)
    for (relation, columns), those in of_table.items():
        digest = f"md5(row({columns})::text)"
        statement = (
            f"delete from only {relation} where ctid in (select place from"  # noqa: S608 - quoted
            f" (select ctid as place, {digest} as hash, row_number() over (partition by {digest}) as copy"
            f"  from only {relation}) as there"
            " join unnest(%s::text[], %s::bigint[], %s::bigint[]) as given(hash, before, copies) using (hash)"
            " where copy > before and copy <= before + copies)"
        )
        try:
            with target.transaction():
                target.execute(statement.encode(), [list(values) for values in zip(*those, strict=True)][2:])
        except _GONE:
            continue


def counted(table: Configured) -> str:
    """Each different row's hash and how often it is there."""
    return f"select md5(x::text), count(*) from ({table.rows}) x group by 1"  # noqa: S608 - quoted


_VERSIONS = "select extname::text, extversion from pg_extension"


def compare(source: Connection, target: Connection) -> tuple[int, list[Difference], list[str]]:
    """How many tables agree, those that do not, and those that could not be compared.

    A row too many is one only where both sides have the same version: a newer one may bring rows of its own."""
    agreed, differences, unchecked = 0, list[Difference](), list[str]()
    versions = {row[0]: row[1] for row in wire.run(target, _VERSIONS, lambda: None)}
    for table in read(source):
        if table.kind == "S":
            continue
        answers = [_ask(connection, table) for connection in (source, target)]
        failed = [answer for answer in answers if isinstance(answer, str)]
        if failed:
            unchecked.append(f"rows that were added to {table.label} of extension {table.extension}: {failed[0]}")
            continue
        ours, theirs = (answer for answer in answers if isinstance(answer, dict))
        same = versions.get(table.extension) == table.version
        found = list(_said(ours, theirs, same))
        differences += [Difference(kind="extension's row", name=table.label, what=what) for what in found]
        agreed += not found
    return agreed, differences, unchecked


def _said(ours: dict[str, int], theirs: dict[str, int], same: bool) -> Iterator[str]:
    missing = sum(max(0, count - theirs.get(row, 0)) for row, count in ours.items())
    extra = sum(max(0, count - ours.get(row, 0)) for row, count in theirs.items())
    if missing:
        yield f"{missing} rows of the source are missing on the target"
    if extra and same:
        yield f"{extra} rows are unexpected on the target"


def _ask(connection: Connection, table: Configured) -> dict[str, int] | str:
    """The answer, or why there is none; an error does not end the snapshot's transaction."""
    inside = connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS
    if inside:
        connection.execute("savepoint configuration")
    try:
        rows: Sequence[Any] = wire.run(connection, counted(table), lambda: None)
        return {row: int(count) for row, count in rows}
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        if inside:
            connection.execute("rollback to savepoint configuration")
        return first_line(error.diag.message_primary or str(error))
