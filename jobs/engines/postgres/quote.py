"""The one place where names and values become SQL text. Everything else asks here."""

from __future__ import annotations

from psycopg import sql


def name(identifier: str) -> str:
    """`identifier` in double quotes, whatever it holds."""
    return sql.Identifier(identifier).as_string(None)


def qualified(schema: str, relation: str) -> str:
    """`"schema"."relation"`."""
    return sql.Identifier(schema, relation).as_string(None)


def names(identifiers: list[str] | tuple[str, ...]) -> str:
    """A comma-separated list of quoted names."""
    return ", ".join(name(identifier) for identifier in identifiers)


def text(value: str) -> str:
    """A string literal; right with `standard_conforming_strings` on or off."""
    return str(sql.Literal(value).as_string(None))
