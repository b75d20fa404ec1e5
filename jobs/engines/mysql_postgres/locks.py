"""Small statements on the source beside the snapshot: the keys' bounds, a sign of life."""

from __future__ import annotations

from collections.abc import Sequence

import pymysql

from jobs.core.errors import Transient
from jobs.core.model import Endpoint
from jobs.engines.mysql import quote
from jobs.engines.mysql.connect import Connection, run
from jobs.engines.mysql_postgres import reader
from jobs.engines.mysql_postgres.shape import MovedTable
from jobs.engines.mysql_postgres.worklist import key_column
from jobs.ports.engine import Watch

CUT_BYTES = 64 << 20


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
