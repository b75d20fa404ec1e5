"""The hold: nobody else writes to the moved tables of the source while the run goes on.

A session of its own keeps each table in SHARE mode, which conflicts with every way of writing and with none of
reading. No setting of another session goes around a lock, nothing is changed for the server, and whatever dies,
the session dies with it and its locks are gone. Sequences cannot be locked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import psycopg
from psycopg import errors as pg

from jobs.core.errors import Transient
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.connect import Connection, connect, explain
from jobs.ports.engine import Asked, Watch

LOCK_SECONDS = 10
"""While the lock is waited for, new writers wait behind it: longer would be an outage of the source's users."""
TRIES = 6
BREATH_SECONDS = 2.0
"""Between two tries everybody who waited behind us gets through."""
TABLES_AT_ONCE = 500
SHOWN = 5

# Every mode that SHARE conflicts with, held on one of these tables by another session.
_IN_THE_WAY = """
select distinct a.pid, coalesce(nullif(a.application_name, ''), a.backend_type, 'no name'),
    coalesce(a.usename, ''), coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::int
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid()
  and l.database = (select oid from pg_database where datname = current_database())
  and l.mode in ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                 'AccessExclusiveLock')
  and l.relation in (select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
                     join unnest(%s::text[], %s::text[]) as t(s, r) on t.s = n.nspname and t.r = c.relname)
order by 4 desc, 1"""


class Hold:
    """Taken once, released once or lost; safe to be released from another thread."""

    def __init__(self, asked: Asked, plan: MigrationPlan) -> None:
        self._asked = asked
        self._tables = sorted((t.schema_name, t.name) for t in plan.tables if t.rows_moved)
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def take(self, watch: Watch) -> None:
        """Waits for writers, and tells who they are. Raises `Transient` when they do not make room."""
        if not self._tables:
            return
        connection = connect(self._asked.source, purpose=f"hold {self._asked.migration}")
        try:
            self._take_patiently(connection, watch)
        except BaseException as error:
            connection.close()
            if isinstance(error, psycopg.Error):
                raise explain(error, self._asked.source, doing="Holding the source") from None
            raise
        with self._lock:
            self._connection = connection

    def stands(self) -> bool:
        """Asks the server; a session that is lost holds nothing any more."""
        with self._lock:
            if self._connection is None:
                return False
            try:
                self._connection.execute("select 1")
            except psycopg.Error:
                self._connection.close()
                self._connection = None
                return False
            return True

    def release(self) -> bool:
        """The writers go on at once; False when there was nothing to release."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is None:
                return False
            stood = not connection.broken
            connection.close()
            return stood

    def _take_patiently(self, connection: Connection, watch: Watch) -> None:
        who = ""
        for attempt in range(1, TRIES + 1):
            watch.check()
            if self._tried(connection, watch):
                return
            who = self._who(connection)
            if attempt < TRIES:
                watch.note(f"The source cannot be held yet: {who}. It is tried again.", warning=True)
                _breathe(watch)
        raise Transient(
            f"The source could not be held read-only: {who}",
            meaning="Nothing was held and nothing was changed; the source takes writes as before.",
            remedy="End the transactions named here, or choose a quieter time, then press Retry; or cancel and ask"
            " without the hold.",
        )

    def _tried(self, connection: Connection, watch: Watch) -> bool:
        """All tables in one transaction and in one order; all or none."""
        connection.execute("begin")
        try:
            connection.execute("select set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS}s"])
            for text in _statements(self._tables):
                wire.run(connection, text, watch.check)
        except (pg.LockNotAvailable, pg.DeadlockDetected):
            connection.execute("rollback")
            return False
        return True

    def _who(self, connection: Connection) -> str:
        told = writers(connection, self._tables)
        if not told:
            return "writers come and go without a gap"
        more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        return f"{', '.join(told[:SHOWN])}{more} {'is' if len(told) == 1 else 'are'} writing"


def writers(connection: Connection, tables: Sequence[tuple[str, str]]) -> list[str]:
    """Who writes to these tables now: name, number and age, the eldest first; never what they run."""
    schemas, names = [schema for schema, _ in tables], [name for _, name in tables]
    found = connection.execute(_IN_THE_WAY, [schemas, names]).fetchall()
    return [f"{name[:60]} (pid {pid}, {user}, {age} s in its transaction)" for pid, name, user, age in found]


def _statements(tables: Sequence[tuple[str, str]]) -> list[str]:
    parts = (tables[start : start + TABLES_AT_ONCE] for start in range(0, len(tables), TABLES_AT_ONCE))
    return [
        f"lock table {', '.join(f'only {quote.qualified(*key)}' for key in part)} in share mode" for part in parts
    ]


def _breathe(watch: Watch) -> None:
    until = time.monotonic() + BREATH_SECONDS
    while time.monotonic() < until:
        watch.check()
        time.sleep(0.2)
