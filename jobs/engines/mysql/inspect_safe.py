"""Reads what overwriting a target needs to know; nothing is asked where it is not wished. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import pymysql

from jobs.core.errors import FerrybotError, Permanent
from jobs.engines.mysql import quote, tools
from jobs.engines.mysql.connect import Connection, connect, explain, flavour, one, rows
from jobs.engines.mysql.facts import Fact
from jobs.engines.mysql.inventory import Inventory, Replacement
from jobs.engines.shared.room import room
from jobs.ports.engine import Asked


def with_safety(asked: Asked, inventory: Inventory) -> Inventory:
    """The inventory with the facts that the chosen options need."""
    if not asked.options.overwrite:
        return inventory
    return replace(inventory, replacement=_read(asked))


def _read(asked: Asked) -> Fact[Replacement]:
    try:
        with closing(connect(asked.target, purpose="inspect")) as connection:
            return Fact(_replacement(connection, asked))
    except FerrybotError as error:
        return Fact(reason=error.what)
    except (pymysql.MySQLError, OSError) as error:
        return Fact(reason=explain(error, asked.target, doing="Looking").what)


_SIZE = "select coalesce(sum(data_length), 0) from information_schema.tables where table_schema = database()"
_SESSIONS = """
select distinct concat(user, '@', substring_index(host, ':', 1)) from information_schema.processlist
where db = database() and id <> connection_id() order by 1"""


_VIEWS = "select table_name from information_schema.views where table_schema = database() order by 1"


def _broken(connection: Connection) -> Iterator[str]:
    """Views that the dump program would stumble over: it asks each the same."""
    for (name,) in rows(connection, _VIEWS):
        try:
            rows(connection, f"show fields from {quote.name(name)}")
        except pymysql.MySQLError:
            if not connection.open:
                raise
            yield str(name)


@dataclass(frozen=True)
class _Tool:
    text: str = ""
    problem: str = ""
    remedy: str = ""


def _replacement(connection: Connection, asked: Asked) -> Replacement:
    tool = _tool(connection)
    return Replacement(
        room=room(asked.restore_folder),
        bytes=int(one(connection, _SIZE)[0]),
        sessions=tuple(str(name)[:60] for (name,) in rows(connection, _SESSIONS)),
        broken_views=tuple(_broken(connection)),
        tool=tool.text,
        tool_problem=tool.problem,
        tool_remedy=tool.remedy,
    )


def _tool(connection: Connection) -> _Tool:
    try:
        return _Tool(tools.fitting(flavour(connection)).text)
    except Permanent as error:
        return _Tool(problem=error.what, remedy=error.remedy)
