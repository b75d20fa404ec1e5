"""Roles that the target lacks: which of the source's they are, and how the run makes them, without a password.

A role keeps LOGIN, INHERIT and its limit of connections; CREATEDB and CREATEROLE only where the target's user has
them to give; SUPERUSER, REPLICATION and BYPASSRLS never. Memberships among the new roles come along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from jobs.engines.postgres import quote
from jobs.engines.postgres.connect import Connection

_READ = """
select rolname::text, rolcanlogin, rolinherit, rolcreatedb, rolcreaterole, rolconnlimit
from pg_roles where rolname = any(%s) order by 1"""
# The options of a membership are three since 16; an older server's NULL means its only way.
_MEMBERS = """
select g.rolname::text, m.rolname::text, a.admin_option,
    (to_jsonb(a) ->> 'inherit_option')::boolean, (to_jsonb(a) ->> 'set_option')::boolean
from pg_auth_members a join pg_roles g on g.oid = a.roleid join pg_roles m on m.oid = a.member
where g.rolname = any(%s) and m.rolname = any(%s) order by 1, 2"""
_OURS = "select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user"


@dataclass(frozen=True)
class _Giver:
    """What the target's user may pass on."""

    superuser: bool
    createdb: bool
    createrole: bool


def creations(source: Connection, target: Connection, names: Sequence[str]) -> list[str]:
    """The statements that make the roles and their memberships."""
    if not names:
        return []
    row = target.execute(_OURS).fetchone()
    assert row
    giver, version = _Giver(*row), target.info.server_version
    made = [_creation(role, giver) for role in source.execute(_READ, [list(names)]).fetchall()]
    members = source.execute(_MEMBERS, [list(names), list(names)]).fetchall()
    made += [_membership(member, version) for member in members]
    # To give away what it makes, the user must be a member; a superuser need not.
    ours = "" if version < 160000 else " with inherit true, set true"
    made += [] if giver.superuser else [f"grant {quote.name(name)} to current_user{ours}" for name in names]
    return made


def _creation(role: tuple[str, bool, bool, bool, bool, int], giver: _Giver) -> str:
    name, login, inherit, createdb, createrole, limit = role
    words = ["login" if login else "nologin", "inherit" if inherit else "noinherit"]
    words += ["createdb"] if createdb and (giver.superuser or giver.createdb) else []
    words += ["createrole"] if createrole and (giver.superuser or giver.createrole) else []
    words += [f"connection limit {limit}"] if limit >= 0 else []
    return f"create role {quote.name(name)} {' '.join(words)}"


def _membership(member: tuple[str, str, bool, bool | None, bool | None], version: int) -> str:
    group, name, admin, inherit, sets = member
    text = f"grant {quote.name(group)} to {quote.name(name)}"
    if version >= 160000 and inherit is not None:
        return f"{text} with admin {admin}, inherit {inherit}, set {sets}"
    return text + (" with admin option" if admin else "")


# Of what belongs to a role, default privileges and grants go with it; anything else is somebody's work.
_OWNS = """
select exists (select from pg_shdepend d join pg_roles r on r.oid = d.refobjid
    where r.rolname = %s and d.refclassid = 'pg_authid'::regclass and d.deptype = 'o'
      and not (d.classid = 'pg_default_acl'::regclass
               and d.dbid = (select oid from pg_database where datname = current_database())))"""


def drop_roles(target: Connection, names: Sequence[str]) -> list[str]:
    """Drops those that own nothing and are used nowhere else; the names of those that are gone. Idempotent."""
    gone = []
    for name in names:
        row = target.execute(_OWNS, [name]).fetchone()
        if row and row[0]:
            continue
        try:
            with target.transaction():
                if target.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone():
                    target.execute(f"drop owned by {quote.name(name)}; drop role {quote.name(name)}", prepare=False)
                    gone.append(name)
        except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.ObjectInUse):
            continue
    return gone
