"""Schemas that stand on a target before a run, since extensions of the target live in them.

Databases of hosting services have some, and often the source has schemas of the same names. A run makes none of them,
and nothing takes one away; what the source says of it (owner, comment, grants) is said of the target's, where the
target's user may, and put back by a rollback. Members of an extension are not meant: they come and go with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from jobs.engines.postgres import quote, settings
from jobs.engines.postgres.archive import Entry
from jobs.engines.postgres.connect import Connection

_READ = """
select n.nspname::text, pg_has_role(n.nspowner, 'usage')
from pg_namespace n
where n.nspname !~ '^pg_' and n.nspname not in ('public', 'information_schema', 'ferrybot')
  and exists (select from pg_extension e where e.extnamespace = n.oid)
  and not exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid
                  and d.deptype = 'e')
order by 1"""

_SAID = frozenset({"COMMENT", "ACL", "SECURITY LABEL"})


@dataclass(frozen=True)
class Housing:
    """A schema by its name, and whether the target's user speaks for its owner."""

    name: str
    ours: bool


def read(target: Connection) -> tuple[Housing, ...]:
    """Those of a target as it is now."""
    return tuple(Housing(*row) for row in target.execute(_READ).fetchall())


def not_made(entries: Sequence[Entry], housing: Iterable[Housing]) -> frozenset[int]:
    """Ids of the entries that make these schemas; also of what speaks of those that are not ours."""
    ours = {one.name: one.ours for one in housing}
    found = {entry.id: ours[entry.tag] for entry in entries if entry.desc == "SCHEMA" and entry.tag in ours}
    others = {number for number, mine in found.items() if not mine}
    return frozenset(found) | {e.id for e in entries if e.desc in _SAID and not others.isdisjoint(e.needs)}


def owners(
    target: Connection, entries: Sequence[Entry], housing: Iterable[Housing], made: Sequence[str]
) -> list[tuple[str, str]]:
    """What gives these schemas to the owners that they have in the source, by the schema: where the target lets us.

    `made` are statements that come before, which make roles."""
    ours = {one.name for one in housing if one.ours}
    statements = [
        (f"schema {entry.tag}", f"alter schema {quote.name(entry.tag)} owner to {quote.name(entry.owner)}")
        for entry in entries
        if entry.desc == "SCHEMA" and entry.tag in ours and entry.owner
    ]
    return [(label, text) for label, text in statements if settings.permitted(target, text, made)]


def spelled(target: Connection, names: Collection[str]) -> frozenset[str]:
    """As the census writes names."""
    rows = target.execute("select quote_ident(name) from unnest(%s::text[]) name", [list(names)]).fetchall()
    return frozenset(row[0] for row in rows)
