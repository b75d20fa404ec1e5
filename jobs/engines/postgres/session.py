"""The sessions of a run: a lane's in the target, and readers of the run's one snapshot in the source."""

from __future__ import annotations

import psycopg
from psycopg.pq import TransactionStatus

from jobs.core.errors import Stopped
from jobs.core.model import Endpoint
from jobs.engines.postgres import events_off, worktable
from jobs.engines.postgres.connect import Connection, connect, explain, pin
from jobs.engines.shared.fence import FENCE_SECONDS

MAINTENANCE_KB = 512 * 1024
"""Index builds gain up to about here; never more than the server's share allows."""
LEAST_KB = 64 * 1024
SORTED_IN_ONE_PASS = 8 << 30
"""Bytes of keys that PostgreSQL merges in one pass within `LEAST_KB` (tuplesort.c: some 250 runs of half of it)."""

# A server's shared_buffers is commonly a quarter of its memory: two of them, shared by the lanes, are safe to use.
_MAINTENANCE = """
select set_config('maintenance_work_mem', greatest(
    (select setting::bigint from pg_settings where name = 'maintenance_work_mem'),
    least(%s::bigint, greatest(%s::bigint,
        2 * (select setting::bigint * 8 from pg_settings where name = 'shared_buffers') / %s))
)::text || 'kB', false)"""

_LANE = {
    # Rows and mark are lost together or not at all; the verdict begins with a commit that waits (conductor).
    "synchronous_commit": "off",
    # Nothing but an error may come in the middle of a COPY.
    "client_min_messages": "error",
}


def tune(target: Connection, parallelism: int) -> bool:
    """A lane's settings, on top of the pinned ones; whether triggers and foreign keys are silenced."""
    pin(target)
    for name, value in _LANE.items():
        target.execute("select set_config(%s, %s, false)", [name, value])
    target.execute(_MAINTENANCE, [MAINTENANCE_KB, LEAST_KB, max(1, parallelism)])
    return silence(target)


# Of what the server's owner has set nothing is taken away.
_SORTING = """
select set_config('maintenance_work_mem', greatest(setting.reset_val::bigint, %s)::text || 'kB', true)
from pg_settings setting where setting.name = 'maintenance_work_mem'"""


def sort_small(target: Connection) -> None:
    """For the rest of the transaction no more memory than a B-tree of up to `SORTED_IN_ONE_PASS` needs.

    More makes it slower: runs that outgrow the processor's cache cost more to sort than one merge costs (10 M
    integers on PostgreSQL 15: 3.2 s with 64 MB, 3.8 with 512 MB; 1.8 M texts 3.2 and 4.3)."""
    target.execute(_SORTING, [LEAST_KB])


def silence(target: Connection) -> bool:
    """Sets `session_replication_role` to replica, or says that this role may not. Event triggers sleep, too."""
    events_off.off(target)
    try:
        target.execute("set session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def calm(target: Connection, parallelism: int) -> None:
    """Undoes what a text of pg_restore set for the session."""
    target.execute("reset all")
    tune(target, parallelism)


def open_reader(endpoint: Endpoint, migration: str) -> Connection:
    """A source connection for `attach`."""
    return connect(endpoint, purpose=f"lane {migration}")


def attach(source: Connection, endpoint: Endpoint, snapshot: str) -> None:
    """Begins a transaction in the run's snapshot. Raises `Stopped` when its conductor's transaction is over.

    Ends the transaction before, so that a lane's locks do not pile up over thousands of tables."""
    before = "" if source.info.transaction_status is TransactionStatus.IDLE else "rollback; "
    begin = "begin isolation level repeatable read read only"
    try:
        source.execute(f"{before}{begin}; set transaction snapshot '{snapshot}'", prepare=False)
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.UndefinedObject):
        raise Stopped(
            "The conductor is gone, and its snapshot with it", remedy="The run resumes by itself."
        ) from None
    except psycopg.Error as error:
        raise explain(error, endpoint, doing="Entering the run's snapshot") from None


def hold_lanes_lock(target: Connection) -> None:
    """A lane's sign of life in the target; a new conductor waits for it to vanish."""
    target.execute("select pg_advisory_lock_shared(%s, %s)", [worktable.LOCK_CLASS, worktable.LANES])


# Ours alone: sessions that hold the lanes' lock in this database, and only other ones than this.
_END_LANES = """
select pg_terminate_backend(l.pid) from pg_locks l
where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())
  and l.classid = %s and l.objid = %s and l.objsubid = 2 and l.pid <> pg_backend_pid()"""


def end_lanes(target: Connection) -> None:
    """No lane of an earlier conductor is left: each is ended, its open transaction rolled back, and gone."""
    target.execute(_END_LANES, [worktable.LOCK_CLASS, worktable.LANES])
    target.execute("select pg_advisory_lock(%s, %s)", [worktable.LOCK_CLASS, worktable.LANES])
    target.execute("select pg_advisory_unlock(%s, %s)", [worktable.LOCK_CLASS, worktable.LANES])


def take_fence(target: Connection) -> bool:
    """Waits a little: the server may not yet have noticed that an earlier conductor's session has ended."""
    target.execute(f"set lock_timeout = '{FENCE_SECONDS}s'")
    try:
        target.execute("select pg_advisory_lock(%s, %s)", [worktable.LOCK_CLASS, worktable.FENCE])
    except psycopg.errors.LockNotAvailable:
        return False
    finally:
        if not target.closed:
            target.execute("set lock_timeout = 0")
    return True
