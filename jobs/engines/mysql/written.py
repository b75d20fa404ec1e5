"""Whether the source was written to since the snapshot, and in which tables.

Where the server stands (its binary log's end, its executed transactions) and its counts of written rows are a proof
that nothing was written. Tables are named by the time of their last write, which InnoDB keeps in memory: in whole
seconds, and forgotten when the server closes a table. So it may say a little too much, and cannot promise all.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import pymysql

from jobs.core.errors import Permanent, Transient
from jobs.core.verdict import TableWritten, Written
from jobs.engines.mysql import session
from jobs.engines.mysql.connect import Connection, connect, rows
from jobs.engines.mysql.session import Snapshot

_TIMES = (
    "select table_name, update_time from information_schema.tables"
    " where table_schema = database() and update_time >= %s order by 1"
)


def written(snapshot: Snapshot, moved: Collection[str], *, held: bool) -> Written:
    """What is known now; `moved` are the names of the tables whose rows were copied."""
    since = snapshot.taken.replace(tzinfo=UTC)
    if held:
        return Written(since=since, held=True, nothing=True)
    try:
        with connect(snapshot.endpoint, purpose="look") as now:
            place, counters = session.place_of(now), session.rows_written(now)
            if place and (place, counters) == (snapshot.place, snapshot.counters):
                return Written(since=since, nothing=True)
            tables = tuple(_tables(now, snapshot.taken, moved, snapshot.endpoint.database))
    except (pymysql.MySQLError, Permanent, Transient):
        return Written(since=since, unknown="the source's server could not be asked", counted=False)
    if not place and not tables:
        return Written(since=since, unknown="the source's server keeps no log that would say so", counted=False)
    return Written(since=since, tables=tables, counted=False)


def _tables(now: Connection, since: datetime, moved: Collection[str], database: str) -> list[TableWritten]:
    found = rows(now, _TIMES, [since.replace(microsecond=0)])
    return [TableWritten(table=f"{database}.{name}") for name, _ in found if name in moved]
