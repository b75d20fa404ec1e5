"""Whether the source was written to since the snapshot, and in which tables.

Two witnesses. The server's transaction ids are a proof: whoever writes takes one, holds a lock on it until the end,
and then moves the server's snapshot on. So a server on which nobody holds such a lock, and whose snapshot afterwards
still reads as the run's did, wrote nothing at all. The statistics' counters name tables; they are
read before the snapshot is taken, so that nothing between the two is missed, and a session may hold them back for
some seconds (at most a minute): they may say a little too much, and at the end a little too little.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from jobs.core.verdict import TableWritten, Written
from jobs.engines.postgres.connect import Connection

_COUNTERS = """
select s.schemaname::text, s.relname::text, s.n_tup_ins, s.n_tup_upd, s.n_tup_del
from pg_stat_all_tables s where s.schemaname !~ '^pg_' and s.schemaname <> 'information_schema'"""

_SERVER = """
select pg_is_in_recovery(), current_setting('track_counts')::boolean,
    (select stats_reset::text from pg_stat_database where datname = current_database()),
    txid_current_snapshot()::text, clock_timestamp()::text"""

_BUSY = "select exists (select from pg_locks where locktype = 'transactionid' and mode = 'ExclusiveLock' and granted)"

_REMEMBER = "update ferrybot.run set written = %s"
_RECALL = "select written from ferrybot.run"

Mark = dict[str, Any]
"""What is kept in the run's row: busy, standby, counting, reset, snapshot, at, and for each table as `schema.table`
the rows inserted, updated and deleted so far."""


def look(source: Connection, moved: Collection[tuple[str, str]]) -> Mark:
    """The counters of now; outside of a transaction, in which statistics stand still."""
    tables = {
        f"{schema}.{name}": [inserted, updated, deleted]
        for schema, name, inserted, updated, deleted in source.execute(_COUNTERS).fetchall()
        if (schema, name) in moved
    }
    return {**_server(source), "tables": tables}


def at_snapshot(source: Connection, before: Mark) -> Mark:
    """`before` with the snapshot of this transaction, which is the run's."""
    now = _server(source)
    return {**before, "snapshot": now["snapshot"], "at": now["at"]}


def _server(source: Connection) -> Mark:
    # The locks first: whoever begins between the two looks had not written at the first.
    busy, row = source.execute(_BUSY).fetchone(), source.execute(_SERVER).fetchone()
    assert busy and row
    return dict(zip(("busy", "standby", "counting", "reset", "snapshot", "at"), (*busy, *row), strict=True))


def remember(target: Connection, mark: Mark) -> None:
    """Into the run's row, in the caller's transaction."""
    target.execute(_REMEMBER, [Jsonb(mark)])


def recall(target: Connection) -> Mark:
    """What `remember` wrote; empty when nothing was."""
    row = target.execute(_RECALL).fetchone()
    return dict(row[0]) if row and row[0] else {}


def between(before: Mark, now: Mark) -> Written:
    """What happened between two looks."""
    if not before:
        return Written(unknown="the run does not remember how its source stood")
    since = datetime.fromisoformat(before["at"])
    if before["snapshot"] == now["snapshot"] and not now["busy"] and not now["standby"]:
        return Written(since=since, nothing=True)
    tables = tuple(_moved(before["tables"], now["tables"]))
    unknown = _doubt(before, now)
    return Written(since=since, unknown=unknown) if unknown else Written(since=since, tables=tables)


def _doubt(before: Mark, now: Mark) -> str:
    """Why the counters say nothing."""
    if now["standby"] or before["standby"]:
        return "the source is a standby, which does not count what is written"
    if not (now["counting"] and before["counting"]):
        return "the source counts no writes (track_counts is off)"
    shrunk = any(
        new < old
        for table, counts in before["tables"].items()
        for old, new in zip(counts, now["tables"].get(table, counts), strict=True)
    )
    if shrunk or before["reset"] != now["reset"]:
        return "the source's counters were reset meanwhile"
    return ""


def _moved(before: dict[str, list[int]], now: dict[str, list[int]]) -> Iterator[TableWritten]:
    for table in sorted(before.keys() & now.keys()):
        inserted, updated, deleted = (new - old for old, new in zip(before[table], now[table], strict=True))
        if inserted or updated or deleted:
            yield TableWritten(table=table, inserted=inserted, updated=updated, deleted=deleted)
