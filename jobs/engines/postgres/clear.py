"""Empties a target whose contents are safe in a restore point: everything that somebody made goes.

Many small transactions, since a lock is needed for everything that is dropped; each statement is harmless when
repeated, so after a crash it is done again. Schema `ferrybot` stays: it says that this was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import psycopg

from jobs.core.errors import Permanent
from jobs.engines.postgres import found, quote
from jobs.engines.postgres.connect import Connection, first_line

DROPS_AT_ONCE = 100
"""A dropped table locks its indexes and its overflow table too; a default server has room for 6,400 locks."""
UNLINKS_AT_ONCE = 500


def everything(target: Connection, kept: Collection[str], check: Callable[[], None]) -> int:
    """Drops all but the extensions in `kept`; how many objects. Raises `Permanent` when something stays."""
    target.execute("set client_min_messages = error")
    doomed = _doomed(target, kept)
    for start in range(0, len(doomed), DROPS_AT_ONCE):
        check()
        part = doomed[start : start + DROPS_AT_ONCE]
        with target.transaction():
            for thing in part:
                _drop(target, thing)
    numbers = found.large_objects(target)
    for start in range(0, len(numbers), UNLINKS_AT_ONCE):
        check()
        target.execute("select lo_unlink(oid) from unnest(%s::oid[]) oid", [numbers[start : start + UNLINKS_AT_ONCE]])
    _default_privileges(target)
    left = _doomed(target, kept)
    if left:
        shown = ", ".join(thing.label for thing in left[:5])
        raise Permanent(f"The target could not be emptied: {shown}", remedy="Drop it by hand, then press Retry.")
    return len(doomed) + len(numbers)


# Made by people of the target for people of the target: an extension whose rows or whose schema are part of it.
_STAY = """
select e.extname::text from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where e.oid >= 16384 and n.nspname in ('public', 'pg_catalog') and e.extconfig is null
  and not exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.refobjid = e.oid
                  and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e')
order by 1"""


def extensions_that_stay(target: Connection, of_source: Collection[str]) -> list[str]:
    """Those that the source has too: dropping one to make it again may need more rights than the move."""
    return [row[0] for row in target.execute(_STAY).fetchall() if row[0] in of_source]


def _doomed(target: Connection, kept: Collection[str]) -> list[found.Thing]:
    names = {quote.name(name) for name in kept} | set(kept)
    return [t for t in found.things(target) if not (t.type == "extension" and t.identity in names)]


def _drop(target: Connection, thing: found.Thing) -> None:
    try:
        target.execute(thing.drop.encode(), prepare=False)
    except psycopg.errors.InsufficientPrivilege as error:
        raise Permanent(
            f"The target could not be emptied: {first_line(error.diag.message_primary or thing.label)}",
            meaning="What the target held is in the restore point; some of it is removed from the target already.",
            remedy="Cancel brings it back. Or give the target's user the right to drop it, then press Retry.",
            object=thing.label,
        ) from None


# Privileges by default that belong to no schema: those of a schema go with it.
_DEFAULTS = """
select pg_get_userbyid(d.defaclrole), d.defaclobjtype::text,
    array(select distinct case when a.grantee = 0 then '' else pg_get_userbyid(a.grantee)::text end
          from aclexplode(d.defaclacl) a),
    coalesce((select n.nspname::text from pg_namespace n where n.oid = d.defaclnamespace), '')
from pg_default_acl d"""
_WORDS = {"r": "tables", "S": "sequences", "f": "functions", "T": "types", "n": "schemas", "L": "large objects"}
_USUAL = {"f": "execute", "T": "usage"}


def _default_privileges(target: Connection) -> None:
    """Back to the built-in ones, which the server then forgets."""
    for role, kind, grantees, schema in target.execute(_DEFAULTS).fetchall():
        alter = f"alter default privileges for role {quote.name(role)}"
        alter += f" in schema {quote.name(schema)}" if schema else ""
        with target.transaction():
            for statement in _usual(alter, kind, grantees, role, schema):
                target.execute(statement.encode(), prepare=False)


def _usual(alter: str, kind: str, grantees: Sequence[str], role: str, schema: str) -> list[str]:
    on = _WORDS[kind]
    made = [f"{alter} revoke all on {on} from {quote.name(name) if name else 'public'}" for name in grantees]
    if not schema:
        made.append(f"{alter} grant all on {on} to {quote.name(role)}")
        made += [f"{alter} grant {_USUAL[kind]} on {on} to public"] if kind in _USUAL else []
    return made
