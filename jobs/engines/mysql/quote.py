"""The one place where names and values become SQL text. Everything else asks here.

Values are quoted for sessions that `connect.pin` made: backslash escapes are on."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pymysql.converters import escape_string


def name(identifier: str) -> str:
    """`identifier` in backticks, whatever it holds."""
    return "`" + identifier.replace("`", "``") + "`"


def qualified(database: str, relation: str) -> str:
    """`database`.`relation`, each in backticks."""
    return f"{name(database)}.{name(relation)}"


def names(identifiers: Iterable[str]) -> str:
    """A comma-separated list of quoted names."""
    return ", ".join(name(identifier) for identifier in identifiers)


def text(value: str) -> str:
    """A string literal."""
    return f"'{escape_string(value)}'"


def account(definer: str) -> str:
    """`user@host` as catalogs write it, as an account name; the user may hold `@`, a host never does.

    A MariaDB role is a name without a host."""
    user, at, host = definer.rpartition("@")
    if not at:
        return name(definer)
    return f"{name(user)}@{name(host)}" if host else name(user)


def binary(value: bytes) -> str:
    """A literal of bytes."""
    return f"x'{value.hex()}'"


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "Z": "\x1a", "b": "\b"}


def unescaped(text: str) -> str:
    """What the content of a quoted text means, but for doubled quotes."""
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text, flags=re.S)
