"""The first and the last tasks of a run: roles before everything, rows of extensions, settings after everything."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jobs.core.model import Options, Scope
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres import configuration, housing, quote, roles, settings, uncarried
from jobs.engines.postgres.configuration import Configured
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.housing import Housing
from jobs.engines.postgres.uncarried import Dropped


@dataclass(frozen=True)
class Edges:
    """What pg_dump does not carry, as it was read under the snapshot; statements for the target."""

    public_stays: bool = False
    housing: tuple[Housing, ...] = ()
    roles: tuple[str, ...] = ()
    role_names: tuple[str, ...] = ()
    configured: tuple[Configured, ...] = ()
    settings: tuple[str, ...] = ()
    settings_back: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    defaults: tuple[Dropped, ...] = ()
    grants: tuple[str, ...] = ()
    grants_back: tuple[str, ...] = ()


class _Work(Protocol):
    def add(self, kind: str, phase: int, title: str, **more: Any) -> int: ...


def read(source: Connection, target: Connection, plan: MigrationPlan, options: Options) -> Edges:
    """What this run has to do at its edges."""
    rows = () if options.scope is Scope.schema_only else tuple(configuration.read(source))
    looks = tuple(settings.looks(source, target))
    if options.scope is Scope.data_only:
        return Edges(configured=rows, looks=looks)
    made = roles.creations(source, target, plan.roles)
    wanted = settings.wanted(settings.read(source), roles=options.keep_grants)
    does, undoes = settings.changes(target, wanted, made)
    kept = options.keep_grants
    grants, back = uncarried.language_grants(source, target, plan.roles) if kept else ([], [])
    return Edges(
        public_stays=_public_stays(source, target, made),
        housing=housing.read(target),
        roles=tuple(made),
        role_names=plan.roles,
        configured=rows,
        settings=tuple(does),
        settings_back=tuple(undoes),
        looks=looks,
        defaults=tuple(uncarried.dropped_defaults(source)),
        grants=tuple(grants),
        grants_back=tuple(back),
    )


_OWNER_OF_PUBLIC = "select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = 'public'"


def _public_stays(source: Connection, target: Connection, made: Sequence[str]) -> bool:
    """Schema public of a source up to 14 is the first superuser's, by nobody's choice, and pg_dump says so.

    Where the target's user may not give it away, it stays whose it is; the plan tells."""
    row = source.execute(_OWNER_OF_PUBLIC).fetchone()
    if source.info.server_version >= 150000 or row is None:
        return False
    return not settings.permitted(target, f"alter schema public owner to {quote.name(row[0])}", made)


def first(work: _Work, edges: Edges, owners: Sequence[tuple[str, str]]) -> int:
    """Roles, and owners of schemas that are there: the id of the last; 0 when there are none to make."""
    made = 0
    if edges.roles:
        payload = {"sql": list(edges.roles), "roles": list(edges.role_names)}
        made = work.add("roles", 5, ", ".join(edges.role_names)[:200], payload=payload)
    if owners:
        payload = {"sql": [sql for _, sql in owners], "names": [label for label, _ in owners]}
        made = work.add("schema", 10, "schema", payload=payload, needs=(made,))
    return made


def defaults(work: _Work, edges: Edges, stays: Collection[int], made: int) -> int:
    """Defaults that pg_dump makes and the source does not have; the id of the task that all tables are made with."""
    dropped = [(label, sql) for oid, label, sql in edges.defaults if oid not in stays]
    if not dropped:
        return made
    payload = {"sql": [sql for _, sql in dropped], "names": [label for label, _ in dropped]}
    return work.add("schema", 10, "schema", payload=payload, needs=(made,))


def last(work: _Work, edges: Edges, made: int) -> None:
    """Rows in tables of extensions once those are there, and settings when all else is done."""
    tables = [table.document for table in edges.configured if table.kind == "r"]
    if tables:
        work.add("configuration", 20, "rows added to tables of extensions", payload={"tables": tables}, needs=(made,))
    names = [[table.schema, table.name] for table in edges.configured if table.kind == "S"]
    if names:
        work.add("sequences", 48, "sequences of extensions", payload={"names": names}, needs=(made,), barrier=48)
    if edges.grants:
        payload = {"sql": list(edges.grants), "drops": list(edges.grants_back)}
        # In no dump, so they are taken back like settings; before event triggers, which a GRANT would wake.
        work.add("settings", 64, "grants on languages of the server", payload=payload, barrier=64)
    if edges.settings:
        payload = {"sql": list(edges.settings), "drops": list(edges.settings_back)}
        work.add("settings", 95, "settings of the database", payload=payload, barrier=95)
