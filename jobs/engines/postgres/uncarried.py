"""What pg_dump carries otherwise or not at all: statements that set it right on the target.

A default that a table dropped while its parents have one is dumped as DEFAULT NULL, which PostgreSQL keeps as a
default of its own wherever the type has a length or is a domain; a domain's own default would never be used then.
Grants on the languages that PostgreSQL is born with (sql, c, internal) are in no dump.
"""

from __future__ import annotations

from collections.abc import Collection

from jobs.engines.postgres import quote
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.parts import parts

Dropped = tuple[int, str, str]
"""Oid of the table in the source, its name with the column's, and the statement."""


def dropped_defaults(source: Connection) -> list[Dropped]:
    """Of columns that have no default though a parent's has one."""
    return [
        (
            oid,
            f"default {schema}.{table}.{column}",
            f"alter table only {quote.qualified(schema, table)} alter column {quote.name(column)} drop default",
        )
        for oid, schema, table, column in source.execute(parts("uncarried")["dropped defaults"].encode())
    ]


def language_grants(source: Connection, target: Connection, to_make: Collection[str]) -> tuple[list[str], list[str]]:
    """What to grant and revoke, and how that is taken back. Roles that are not there (and not made) get nothing.

    What is as wished already is not touched, so that taking back leaves it."""
    text = parts("uncarried")["language grants"].encode()
    ours, theirs = (set(connection.execute(text).fetchall()) for connection in (source, target))
    there = {name for (name,) in target.execute("select rolname::text from pg_roles")} | {*to_make, ""}
    languages = {language for language, _, _ in ours}
    more = sorted(row for row in ours - theirs if row[1] in there)
    less = sorted(row for row in theirs - ours if row[0] in languages)
    does = [_revoke(*row) for row in less] + [_grant(*row) for row in more]
    undoes = [_revoke(*row) for row in more] + [_grant(*row) for row in less]
    return does, undoes


def _grant(language: str, role: str, grantable: bool) -> str:
    option = " with grant option" if grantable else ""
    return f"grant usage on language {quote.name(language)} to {_to(role)}{option}"


def _revoke(language: str, role: str, grantable: bool) -> str:
    return f"revoke usage on language {quote.name(language)} from {_to(role)}"


def _to(role: str) -> str:
    return quote.name(role) if role else "public"
