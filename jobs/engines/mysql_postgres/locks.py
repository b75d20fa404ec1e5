"""Small statements on the source beside the snapshot: the hold that keeps writers away, and the keys' bounds."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress

import pymysql

from jobs.core.errors import Transient
from jobs.core.model import Endpoint
from jobs.engines.mysql import quote
from jobs.engines.mysql.connect import Connection, code_of, connect, explain, run
from jobs.engines.mysql_postgres import reader
from jobs.engines.mysql_postgres.shape import MovedTable
from jobs.engines.mysql_postgres.worklist import key_column
from jobs.ports.engine import Watch

PATIENCE_SECONDS = 60
"""How long the hold waits for writers; longer, and all who come after would wait with it."""
_WAITED = 1205
CUT_BYTES = 64 << 20


class Hold:
    """A session with read locks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def stands(self) -> bool:
        """Whether the session is there; asks the server."""
        with self._lock, suppress(pymysql.MySQLError, OSError):
            if self._connection.open:
                run(self._connection, "do 0")
                return True
        return False

    def release(self) -> bool:
        """False when it was gone."""
        with self._lock:
            held = self._connection.open
            if held:
                with suppress(pymysql.MySQLError, OSError):
                    self._connection.close()
            return held


def take(endpoint: Endpoint, migration: str, tables: Sequence[str], watch: Watch) -> Hold:
    """Read locks on all tables at once."""
    connection = connect(endpoint, purpose=f"hold {migration}")
    try:
        watch.check()
        run(connection, f"set session lock_wait_timeout = {PATIENCE_SECONDS}")
        if tables:
            listed = ", ".join(f"{quote.qualified(endpoint.database, table)} read" for table in tables)
            run(connection, f"lock tables {listed}")
    except pymysql.MySQLError as error:
        connection.close()
        if code_of(error) == _WAITED:
            raise Transient(
                f"Writers of the source did not make room within {PATIENCE_SECONDS} seconds",
                remedy="End long transactions on the source; it is tried again by itself.",
            ) from None
        raise explain(error, endpoint, doing="Holding the source") from None
    return Hold(connection)


def bounds(
    connection: Connection, endpoint: Endpoint, tables: Sequence[MovedTable], watch: Watch
) -> dict[str, tuple[int, int]]:
    """The least and the greatest key of tables that are large enough to be cut."""
    found = {}
    for table in tables:
        column = key_column(table)
        if column is None or table.source.data_bytes < CUT_BYTES:
            continue
        name = quote.name(column.source.name)
        relation = quote.qualified(table.database, table.source.name)
        query = f"select min({name}), max({name}) from {relation}"  # noqa: S608 - quoted
        least, greatest = reader.ask(connection, endpoint, query, watch.check)[0]
        if least is not None:
            found[table.label] = (int(least), int(greatest))
    return found


def alive(connection: Connection) -> None:
    """Raises `Transient` when the session is gone."""
    try:
        run(connection, "do 0")
    except (pymysql.MySQLError, OSError):
        raise Transient(
            "The conductor lost its connection to the source", remedy="The run resumes by itself."
        ) from None
