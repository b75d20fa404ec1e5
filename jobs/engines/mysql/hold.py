"""Keeping others from writing to tables: of the source while it is copied, of a target while it is saved."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress

import pymysql

from jobs.core.errors import Permanent, Transient
from jobs.core.model import Endpoint
from jobs.engines.mysql import quote
from jobs.engines.mysql.connect import Connection, code_of, connect, explain, one, run

WAIT_SECONDS = 30
"""For transactions that write; longer would make everybody behind them wait too."""


class Hold:
    """A session that holds a read lock on every moved table; it ends with the session."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._session: Connection | None = None
        self._turn = threading.Lock()

    def take(self, tables: Sequence[str]) -> None:
        """Raises `Transient` when writers do not make room, `Permanent` when this account may not lock."""
        if not tables or self.stands():
            return
        holder = connect(self._endpoint, purpose="hold")
        try:
            run(holder, f"set session lock_wait_timeout = {WAIT_SECONDS}")
            place = self._endpoint.database
            run(holder, "lock tables " + ", ".join(f"{quote.qualified(place, table)} read" for table in tables))
        except pymysql.MySQLError as error:
            holder.close()
            raise _refused(error, self._endpoint) from None
        with self._turn:
            self._session = holder

    def stands(self) -> bool:
        """Asks the server."""
        with self._turn:
            if self._session is None:
                return False
            try:
                return bool(one(self._session, "select 1"))
            except (pymysql.MySQLError, OSError):
                self._session = None
                return False

    def release(self) -> bool:
        """False when there was none."""
        with self._turn:
            holder, self._session = self._session, None
        if holder is None or not holder.open:
            return False
        with suppress(pymysql.MySQLError, OSError):
            holder.close()
        return True


def _refused(error: pymysql.MySQLError, endpoint: Endpoint) -> Permanent | Transient:
    code = code_of(error)
    if code == 1205:
        return Transient(
            f"Transactions that write to {endpoint.label} do not end",
            remedy="It is tried again by itself; end them to help it along.",
        )
    if code in (1044, 1142, 1227):
        return Permanent(
            f"The user of {endpoint.label} may not lock its tables",
            meaning="Nothing was changed.",
            remedy="Grant it LOCK TABLES on the database, or migrate without holding the source.",
        )
    explained = explain(error, endpoint, doing="Holding the source")
    return explained if isinstance(explained, Transient) else Permanent(explained.what, remedy=explained.remedy)
