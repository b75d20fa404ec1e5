"""Reads facts from one session: a refused question becomes an unread fact, a lost session is an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import pymysql
from pymysql.cursors import DictCursor

from jobs.core.model import Endpoint
from jobs.engines.mysql.connect import Connection, flavour, rows, run, said, scrub
from jobs.engines.mysql.facts import Fact, Unread
from jobs.engines.mysql.flavour import Flavour

T = TypeVar("T")

LOCK_SECONDS = 5
"""Inspection must not wait for others: names and definitions take brief shared locks."""
STATEMENT_SECONDS = 120

_LOST = (2006, 2013, 2014, 2055)
_WHO = re.compile(r"(command denied to user|Access denied for user) '[^']*'@'[^']*'")


class Reader:
    """One session of a side that only reads."""

    def __init__(self, connection: Connection, endpoint: Endpoint) -> None:
        self.connection = connection
        self.endpoint = endpoint
        self.flavour: Flavour = flavour(connection)
        run(connection, f"set session lock_wait_timeout = {LOCK_SECONDS}")
        self.limit(STATEMENT_SECONDS)
        run(connection, "set session transaction read only")

    def limit(self, seconds: float) -> None:
        """No later statement takes longer than this."""
        if self.flavour.can("max_statement_time"):
            run(self.connection, f"set session max_statement_time = {max(0.001, seconds)}")
        elif self.flavour.can("max_execution_time"):
            run(self.connection, f"set session max_execution_time = {max(1, int(seconds * 1000))}")

    def rows(self, statement: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Every row. Raises the driver's errors."""
        return rows(self.connection, statement, values)

    def dicts(self, statement: str) -> list[dict[str, Any]]:
        with self.connection.cursor(DictCursor) as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def fact(self, ask: Callable[[], T]) -> Fact[T]:
        """What `ask` gives, or why it cannot."""
        try:
            return Fact(ask())
        except Unread as error:
            return Fact(reason=str(error))
        except (pymysql.MySQLError, LookupError, UnicodeDecodeError) as error:
            return Fact(reason=self.reason(error))

    def reason(self, error: Exception) -> str:
        """Why a question was refused. Raises the error when the session is gone."""
        if isinstance(error, UnicodeDecodeError):
            return "a name in the catalog is not valid text in UTF-8"
        if not isinstance(error, pymysql.MySQLError):
            return "the server does not show it to this user"
        if isinstance(error, pymysql.InterfaceError) or (error.args and error.args[0] in _LOST):
            raise error
        return _WHO.sub(r"\1", said(scrub(str(error), self.endpoint)))
