"""Reads facts from one session: a refused question becomes an unread fact, a lost session is an error."""

from __future__ import annotations

from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import dict_row

from jobs.core.model import Endpoint, Frozen
from jobs.engines.postgres.connect import Connection, first_line, scrub
from jobs.engines.postgres.facts import Fact
from jobs.engines.postgres.queries import query

M = TypeVar("M", bound=Frozen)

_SESSION = {
    # A SQL_ASCII database would send bytes instead of text.
    "client_encoding": "UTF8",
    # Inspection must never make others wait nor wait for them: sizes and definitions take brief shared locks.
    "lock_timeout": "5s",
    # A catalog of 100,000 tables takes some ten seconds; what takes longer is reported as not read.
    "statement_timeout": "120s",
    "default_transaction_read_only": "on",
}


class Reader:
    """One read-only session of a side. Each question is a transaction of its own: no lock outlives it."""

    def __init__(self, connection: Connection, endpoint: Endpoint) -> None:
        self.connection = connection
        self.endpoint = endpoint
        for name, value in _SESSION.items():
            connection.execute("select set_config(%s, %s, false)", [name, value])

    def rows(self, name: str, model: type[M]) -> Fact[tuple[M, ...]]:
        """Every row of the named query."""
        try:
            return Fact(value=tuple(model(**row) for row in self._ask(query(name))))
        except (psycopg.Error, UnicodeDecodeError) as error:
            return Fact(reason=self._reason(error))

    def row(self, name: str, model: type[M]) -> Fact[M]:
        """The only row of the named query."""
        read = self.rows(name, model)
        return Fact(value=read.value[0]) if read.value else Fact(reason=read.reason)

    def texts(self, name: str, column: str) -> Fact[tuple[str, ...]]:
        """One column of the named query."""
        try:
            return Fact(value=tuple(str(row[column]) for row in self._ask(query(name))))
        except (psycopg.Error, UnicodeDecodeError) as error:
            return Fact(reason=self._reason(error))

    def allowed(self, statement: LiteralString) -> bool:
        """Whether this role may do what `statement` says; it is taken back at once."""
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    def _ask(self, text: bytes) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(text).fetchall()

    def _reason(self, error: psycopg.Error | UnicodeDecodeError) -> str:
        if isinstance(error, UnicodeDecodeError):
            return "a name in the catalog is not valid text in UTF-8"
        if self.connection.broken or self.connection.closed:
            raise error
        return first_line(scrub(error.diag.message_primary or str(error), self.endpoint))
