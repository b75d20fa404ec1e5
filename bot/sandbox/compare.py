"""An independent comparison of two PostgreSQL databases: shares no code with Ferrybot's own verification."""

from __future__ import annotations

import hashlib

import psycopg
from psycopg import sql

_TABLES = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema)' order by 1, 2
"""
_SEQUENCES = "select schemaname, sequencename, last_value, increment_by from pg_sequences order by 1, 2"
_KINDS = """
    select c.relkind::text, count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^(pg_|information_schema)' group by 1 order by 1
"""
_CONSTRAINTS = """
    select c.contype::text, c.conrelid::regclass::text, c.conname, c.convalidated, pg_get_constraintdef(c.oid)
    from pg_constraint c where c.contype in ('p', 'u', 'f', 'c', 'x') and c.conparentid = 0 and c.connamespace not in
    (select oid from pg_namespace where nspname ~ '^(pg_|information_schema)') order by 2, 3
"""
_TRIGGERS = """
    select tgrelid::regclass::text, tgname, tgenabled::text from pg_trigger where not tgisinternal order by 1, 2
"""


def compare(source: str, target: str) -> list[str]:
    """Differences in one line each, empty when both databases hold the same."""
    with psycopg.connect(source, autocommit=True) as a, psycopg.connect(target, autocommit=True) as b:
        for connection in (a, b):
            connection.execute("set timezone to 'UTC'")
            connection.execute("set search_path to ''")
        found = [
            f"{what} differ: {sorted(set(left) ^ set(right))[:5]}"
            for what, query in (
                ("tables", _TABLES),
                ("sequences", _SEQUENCES),
                ("kinds of relations", _KINDS),
                ("constraints", _CONSTRAINTS),
                ("triggers", _TRIGGERS),
            )
            if (left := _rows(a, query)) != (right := _rows(b, query))
        ]
        for schema, name in _rows(a, _TABLES):
            if (left_hash := _content(a, schema, name)) != (right_hash := _content(b, schema, name)):
                found.append(f"{schema}.{name}: {left_hash[0]} and {right_hash[0]} rows, or other contents")
        return found


def _rows(connection: psycopg.Connection, query: str) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in connection.execute(query).fetchall()]


def _content(connection: psycopg.Connection, schema: str, name: str) -> tuple[int, str]:
    """Number of rows and a hash over all of them, sorted here in Python, not by either server."""
    table = sql.Identifier(schema, name)
    try:
        rows = connection.execute(sql.SQL("select md5(t::text) from only {} t").format(table)).fetchall()
    except psycopg.errors.UndefinedTable:
        return -1, "missing"
    digest = hashlib.sha256("".join(sorted(row[0] for row in rows)).encode())
    return len(rows), digest.hexdigest()
