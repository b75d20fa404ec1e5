"""What the target was like before the run, kept in the target beside the task table: what an undo puts back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from psycopg.types.json import Jsonb

from jobs.engines.postgres import housing, quote
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.queries import query

DDL = files("jobs.engines.postgres").joinpath("sql/found.sql").read_text()
SEQUENCES_AT_ONCE = 200


@dataclass(frozen=True)
class Found:
    """The one row of `ferrybot.found`. `public` is None where there was no such schema.

    `extensions` were there, and `schemas` that housed some of them."""

    migration: str
    replaced: bool
    kept: tuple[str, ...]
    public: dict[str, Any] | None
    sequences: tuple[tuple[str, str, int, bool], ...] = ()
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thing:
    """An object that somebody made: `type` and `identity` are the words of its DROP, class and oid its proof."""

    class_name: str
    oid: int
    type: str
    identity: str
    owner: str
    ours: bool

    @property
    def label(self) -> str:
        return f"{self.type} {self.identity}"

    @property
    def drop(self) -> str:
        """Takes what depends on it along; harmless when it is gone."""
        word = "foreign data wrapper" if self.type == "foreign-data wrapper" else self.type
        return f"drop {word} if exists {self.identity} cascade"


def things(target: Connection) -> list[Thing]:
    """Every object that somebody made, in an order in which they can be dropped."""
    rows = target.execute(query("found_objects")).fetchall()
    return [Thing(name, oid, kind, identity, owner, ours) for name, oid, kind, identity, _, owner, ours in rows]


def large_objects(target: Connection) -> list[int]:
    rows = target.execute("select oid::bigint from pg_largeobject_metadata order by 1").fetchall()
    return [row[0] for row in rows]


def look(target: Connection, migration: str, *, replaced: bool, kept: Sequence[str], data_only: bool) -> Found:
    """Reads what must be put back: values of sequences that are there, and schemas that others must find again."""
    values = () if replaced else tuple(_sequences(target))
    if data_only or replaced:
        return Found(migration, replaced, tuple(kept), _schema(target, "public"), values)
    names = [one.name for one in housing.read(target)]
    schemas = {name: said for name in names if (said := _schema(target, name))}
    extensions = tuple(
        row[0] for row in target.execute("select extname::text from pg_extension order by 1").fetchall()
    )
    return Found(migration, replaced, tuple(kept), _schema(target, "public"), values, schemas, extensions)


def write(target: Connection, found: Found) -> None:
    """For the caller's transaction."""
    target.execute(DDL, prepare=False)
    values = [found.migration, found.replaced, Jsonb(found.kept), found.public and Jsonb(found.public)]
    target.execute(
        "insert into ferrybot.found (migration, replaced, kept, public, sequences, schemas, extensions)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        [*values, Jsonb(found.sequences), Jsonb(found.schemas), Jsonb(found.extensions)],
    )


def read(target: Connection) -> Found | None:
    """What was written; None where no run has begun."""
    there = target.execute("select to_regclass('ferrybot.found') is not null").fetchone()
    if not (there and there[0]):
        return None
    row = target.execute(
        "select migration, replaced, kept, public, sequences, schemas, extensions from ferrybot.found"
    ).fetchone()
    return of(*row) if row else None


def of(
    migration: str,
    replaced: bool,
    kept: Sequence[str],
    public: dict[str, Any] | None,
    sequences: Sequence[Any],
    schemas: dict[str, dict[str, Any]],
    extensions: Sequence[str],
) -> Found:
    """From what JSON makes of it."""
    values = tuple((str(s), str(n), int(v), bool(c)) for s, n, v, c in sequences)
    return Found(migration, replaced, tuple(kept), public, values, schemas, tuple(extensions))


def put_back(target: Connection, found: Found) -> None:
    """Schemas that were there and the sequences' values as they were; what is as it was is not touched."""
    for name, before in {"public": found.public, **found.schemas}.items():
        _put_schema(target, name, before)
    for start in range(0, len(found.sequences), SEQUENCES_AT_ONCE):
        part = found.sequences[start : start + SEQUENCES_AT_ONCE]
        calls = (
            f"setval(to_regclass({quote.text(quote.qualified(schema, name))}), {value}, {str(called).lower()})"
            for schema, name, value, called in part
        )
        target.execute(f"select {', '.join(calls)}", prepare=False)


_SEQUENCES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
  and case when c.relkind = 'S' then has_sequence_privilege(c.oid, 'select')
      and has_sequence_privilege(c.oid, 'update') and has_schema_privilege(n.oid, 'usage') end
order by 1, 2"""


def _sequences(target: Connection) -> list[tuple[str, str, int, bool]]:
    names = target.execute(_SEQUENCES).fetchall()
    values: list[tuple[str, str, int, bool]] = []
    for schema, name in names:
        row = target.execute(
            f"select last_value, is_called from {quote.qualified(schema, name)}",  # noqa: S608 - quoted
            prepare=False,
        ).fetchone()
        assert row
        values.append((schema, name, row[0], row[1]))
    return values


_SCHEMA = """
select pg_get_userbyid(n.nspowner), obj_description(n.oid, 'pg_namespace'),
    (select jsonb_agg(jsonb_build_array(case when a.grantee = 0 then null else pg_get_userbyid(a.grantee) end,
                                        a.privilege_type, a.is_grantable) order by a.grantee, a.privilege_type)
     from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a)
from pg_namespace n where n.nspname = %s"""


def _schema(target: Connection, name: str) -> dict[str, Any] | None:
    row = target.execute(_SCHEMA, [name]).fetchone()
    return {"owner": row[0], "comment": row[1], "grants": row[2] or []} if row else None


def _put_schema(target: Connection, name: str, before: dict[str, Any] | None) -> None:
    now = _schema(target, name)
    if before is None or now is None or now == before:
        return
    schema = f"schema {quote.name(name)}"
    with target.transaction():
        if now["owner"] != before["owner"]:
            target.execute(f"alter {schema} owner to {quote.name(before['owner'])}", prepare=False)
        if now["comment"] != before["comment"]:
            said = "null" if before["comment"] is None else quote.text(before["comment"])
            target.execute(f"comment on {schema} is {said}", prepare=False)
        if now["grants"] != before["grants"]:
            for role in {grant[0] for grant in (_schema(target, name) or now)["grants"]}:
                target.execute(f"revoke all on {schema} from {_role(role)} cascade", prepare=False)
            for role, privilege, grantable in before["grants"]:
                tail = " with grant option" if grantable else ""
                target.execute(f"grant {privilege} on {schema} to {_role(role)}{tail}", prepare=False)


def _role(name: str | None) -> str:
    return "public" if name is None else quote.name(name)
