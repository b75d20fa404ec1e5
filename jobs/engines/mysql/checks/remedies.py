"""The exact GRANTs that a finding asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from jobs.engines.mysql import quote
from jobs.engines.mysql.facts import Fact, Server, Unread

T = TypeVar("T")

WHO = "-- run by an administrator (GRANT OPTION on what is granted), on the {}"
_NEEDED = re.compile(r"at least one of\) the (.+?) privilege")
_ALTERNATIVES = re.compile(r", | or ")


def grant(privileges: Iterable[str], server: Server, table: str = "") -> str:
    """On the server's database, or on one of its tables."""
    return f"GRANT {', '.join(privileges)} ON {_place(server, table)} TO {quote.account(server.account)};"


def grant_everywhere(privileges: Iterable[str], server: Server) -> str:
    return f"GRANT {', '.join(privileges)} ON *.* TO {quote.account(server.account)};"


def _place(server: Server, table: str) -> str:
    if table:
        return quote.qualified(server.database, table)
    if server.on("partial_revokes"):
        return f"{quote.name(server.database)}.*"
    # A database's name is a pattern here.
    escaped = server.database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
    return f"{quote.name(escaped)}.*"


def who(side: str) -> str:
    return WHO.format(side)


def asked(fact: Fact[T], server: Server, side: str) -> T:
    """The fact's value. Raises `Unread` with the GRANT that the server itself named."""
    if fact.value is not None:
        return fact.value
    needed = _NEEDED.search(fact.reason)
    if needed is None:
        raise Unread(fact.reason)
    # Of the alternatives the last is the narrowest: the first is SUPER.
    privilege = [word for word in _ALTERNATIVES.split(needed[1]) if word != "SUPER"] or ["SUPER"]
    remedy = f"{grant_everywhere(privilege[-1:], server)}\n{who(side)}; or acknowledge that nobody looked"
    raise Unread(f"{fact.reason} (on the {side})", remedy)
