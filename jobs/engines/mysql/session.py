"""The sessions of a run: the fence and the lanes' signs of life in the target, one snapshot in many source sessions.

A snapshot of MySQL lives in its session and cannot be joined. So all sessions that will read the source are opened
together, in the conductor's process, and are known to see the same: MariaDB tells each snapshot's place in the binary
log; elsewhere the executed transactions are compared before and after; and where neither is to be had, the moved
tables are locked for the moment it takes, or one session reads everything.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

import pymysql

from jobs.core.errors import Stopped, Transient
from jobs.core.model import Endpoint
from jobs.engines.mysql import quote
from jobs.engines.mysql.connect import Connection, connect, explain, flavour, one, rows, run
from jobs.engines.shared.fence import FENCE_SECONDS

SLOTS = 96
"""Signs of life: two sessions for each of at most 32 lanes, and room for those that are just ending."""
TRIES = 200
"""Of taking equal snapshots: each costs a round trip a session, and only a commit in between spoils one."""
GONE_SECONDS = 600.0
"""A killed lane first rolls back what it had loaded."""


def lock_name(database: str, what: str) -> str:
    """Of at most 64 letters, whatever the database is called; locks belong to the whole server."""
    return f"ferrybot:{hashlib.sha256(database.encode()).hexdigest()[:24]}:{what}"


def take_fence(target: Connection, database: str) -> bool:
    """Waits a little: the server may not yet have noticed that an earlier conductor's session has ended."""
    return bool(one(target, "select get_lock(%s, %s)", [lock_name(database, "fence"), FENCE_SECONDS])[0])


def fence_holder(target: Connection, database: str) -> int | None:
    """The session that conducts; None when nobody does."""
    found = one(target, "select is_used_lock(%s)", [lock_name(database, "fence")])[0]
    return None if found is None else int(found)


def sign_of_life(target: Connection, database: str) -> None:
    """Takes a free slot, so that the next conductor finds this session and ends it."""
    for slot in range(SLOTS):
        if one(target, "select get_lock(%s, 0)", [lock_name(database, f"lane:{slot}")])[0]:
            return
    raise Transient("Too many lanes are at work in this database", remedy="It is tried again by itself.")


def living(target: Connection, database: str) -> list[int]:
    """The sessions of lanes."""
    names = [lock_name(database, f"lane:{slot}") for slot in range(SLOTS)]
    found = one(target, "select " + ", ".join(["is_used_lock(%s)"] * SLOTS), names)
    return [int(session) for session in found if session is not None]


def end_lanes(target: Connection, database: str, check: Callable[[], None] = lambda: None) -> None:
    """No lane of an earlier conductor is left: each is ended, its transaction rolled back, and gone.

    Only sessions that hold one of our locks are touched."""
    killed = set(living(target, database))
    for session in killed:
        with suppress(pymysql.MySQLError):
            run(target, f"kill {session}")
    deadline = time.monotonic() + GONE_SECONDS
    while killed and time.monotonic() < deadline:
        check()
        there = {int(row[0]) for row in rows(target, "select id from information_schema.processlist")}
        killed &= there
        if killed:
            run(target, "do sleep(0.05)")
    if killed or living(target, database):
        raise Transient("Lanes of the earlier run do not end", remedy="It is tried again by itself.")


# An account may not change some of these, and older servers do not know them: each is tried alone.
_LANE_OPTIONAL: dict[str, str | int] = {
    "check_constraint_checks": 0,
    "sql_require_primary_key": 0,
    "sql_generate_invisible_primary_key": 0,
    "restrict_fk_on_non_standard_key": 0,
    "system_versioning_insert_history": 1,
    "explicit_defaults_for_timestamp": 1,
    "innodb_ft_enable_stopword": "ON",
    "default_storage_engine": "InnoDB",
    "tmp_table_size": 64 << 20,
}


def tune(target: Connection) -> None:
    """A lane's settings in the target, on top of the pinned ones; never server-wide."""
    run(target, "set session foreign_key_checks = 0, session sql_notes = 0")
    run(target, "set session transaction isolation level read committed")
    for name, value in _LANE_OPTIONAL.items():
        with suppress(pymysql.MySQLError):  # unknown here, or not for this account: the census sees what it meant
            run(target, f"set session {name} = %s", [value])


def open_target(endpoint: Endpoint, migration: str) -> Connection:
    """A lane's session in the target, with its sign of life."""
    target = connect(endpoint, purpose=f"lane {migration}", loads=True)
    try:
        sign_of_life(target, endpoint.database)
        tune(target)
    except BaseException:
        target.close()
        raise
    return target


def restoring(database: str, *, mariadb: bool) -> str:
    """What the program that restores says first: a sign of life, and takes what was there, whatever the rules are."""
    words = [f"@ferrybot = get_lock('{lock_name(database, f'lane:{SLOTS - 1}')}', 0)"]
    if mariadb:
        words += ["SESSION check_constraint_checks = 0", "SESSION innodb_strict_mode = 0"]
    return f"SET {', '.join(words)}"


class Snapshot:
    """Source sessions that all see the same instant; `how` says by what that is known."""

    def __init__(
        self, endpoint: Endpoint, sessions: Sequence[Connection], how: str, counters: str, taken: datetime
    ) -> None:
        self.endpoint = endpoint
        self.how = how
        self.lost = False
        self.place = place_of_snapshot(sessions[0])
        self.counters = counters
        """rows that the server had written before the snapshot"""
        self.taken = taken
        """a moment before the snapshot, by the server's clock, in UTC"""
        self.first = sessions[0]
        """the conductor's own"""
        self._all = list(sessions)
        self._free = list(sessions[1:])
        self._lock = threading.Lock()

    @property
    def readers(self) -> int:
        return len(self._all) - 1

    def borrow(self) -> Connection:
        """A reader for one lane. Raises `Stopped` when all are taken, `Transient` when the snapshot is lost."""
        with self._lock:
            if self.lost:
                raise Transient("A session of the source's snapshot is lost", remedy="The run resumes by itself.")
            if not self._free:
                raise Stopped("Every reader of the snapshot is at work already")
            return self._free.pop()

    def give_back(self, session: Connection) -> None:
        """Free for another lane; a session that is closed has lost the snapshot, and with it the run."""
        with self._lock:
            if session.open:
                self._free.append(session)
            else:
                self.lost = True

    def close(self) -> None:
        for session in self._all:
            with suppress(pymysql.MySQLError, OSError):
                session.close()


def take_snapshot(endpoint: Endpoint, migration: str, readers: int, tables: Sequence[str]) -> Snapshot:
    """Opens `readers` + 1 sessions in one snapshot and keeps DDL from `tables` until they end."""
    sessions: list[Connection] = []
    try:
        for number in range(readers + 1):
            sessions.append(connect(endpoint, purpose=f"reader {number} {migration}"))
            run(sessions[-1], "set session transaction isolation level repeatable read")
        counters = rows_written(sessions[0])
        taken = one(sessions[0], "select utc_timestamp(6)")[0]
        how = _align(sessions, endpoint, tables)
        if how is None:
            for session in sessions[2:]:
                session.close()
            # One reader sees one instant; the conductor's own session reads catalogs only.
            sessions, how = sessions[:2], "one session's snapshot"
            _begin(sessions)
        for session in sessions[1:]:
            # Rows leave as the bytes that are stored, whatever their character set.
            run(session, "set session character_set_results = null")
        for session in sessions:
            _keep_ddl_away(session, endpoint.database, tables)
    except BaseException as error:
        for session in sessions:
            session.close()
        if isinstance(error, pymysql.MySQLError):
            raise explain(error, endpoint, doing="Taking the snapshot") from None
        raise
    return Snapshot(endpoint, sessions, how, counters, taken)


def _begin(sessions: Iterable[Connection]) -> None:
    for session in sessions:
        run(session, "rollback")
        run(session, "start transaction with consistent snapshot, read only")


def _align(sessions: Sequence[Connection], endpoint: Endpoint, tables: Sequence[str]) -> str | None:
    known = flavour(sessions[0])
    if known.can("binlog snapshot") and _positions(sessions[:1], begin=True):
        for _ in range(TRIES):
            if len(set(_positions(sessions, begin=True))) == 1:
                return "one place in the binary log for every session"
    elif known.can("gtid executed") and _gtid(sessions[0]):
        for _ in range(TRIES):
            before = _gtid(sessions[0])
            _begin(sessions)
            if _gtid(sessions[0]) == before:
                return "one set of executed transactions for every session"
    return _locked(sessions, endpoint, tables)


def _positions(sessions: Sequence[Connection], *, begin: bool) -> list[str]:
    """Where each session's snapshot stands in MariaDB's binary log; empty without one."""
    if begin:
        _begin(sessions)
    places = [dict(rows(session, "show status like 'binlog_snapshot%'")) for session in sessions]
    found = [
        f"{place.get('Binlog_snapshot_file')}:{place.get('Binlog_snapshot_position')}"
        for place in places
        if place.get("Binlog_snapshot_file") not in (None, "", "none")
    ]
    return found if len(found) == len(sessions) else []


def rows_written(session: Connection) -> str:
    """The server's counts of written rows: they see unfinished work, and what a filter keeps from the binary log."""
    found = rows(
        session, "show global status where variable_name in ('Handler_write', 'Handler_update', 'Handler_delete')"
    )
    return " ".join(sorted(f"{name}={value}" for name, value in found))


def place_of_snapshot(session: Connection) -> str:
    """Where the server stood when this session's snapshot was taken."""
    if flavour(session).can("binlog snapshot"):
        found = _positions([session], begin=False)
        return found[0] if found else ""
    return _gtid(session)


def place_of(session: Connection) -> str:
    """Where the server stands now: its binary log's end, or its executed transactions; else empty."""
    if flavour(session).can("binlog snapshot"):
        found = _positions([session], begin=True)
        return found[0] if found else ""
    return _gtid(session)


def _gtid(session: Connection) -> str:
    """Executed transactions of a MySQL server that numbers them; empty elsewhere."""
    try:
        mode, executed = one(session, "select @@global.gtid_mode, @@global.gtid_executed")
    except pymysql.MySQLError:
        return ""
    return str(executed) if mode == "ON" else ""


def _locked(sessions: Sequence[Connection], endpoint: Endpoint, tables: Sequence[str]) -> str | None:
    """Holds writers off the moved tables while the sessions begin; None when this account may not."""
    if not tables:
        _begin(sessions)
        return "no table, no snapshot"
    locker = connect(endpoint, purpose="snapshot lock")
    try:
        run(locker, "set session lock_wait_timeout = 30")
        listed = ", ".join(f"{quote.qualified(endpoint.database, table)} read" for table in tables)
        run(locker, f"lock tables {listed}")
        _begin(sessions)
    except pymysql.MySQLError as error:
        if not locker.open:
            raise
        if error.args and error.args[0] in (1044, 1142, 1205, 1227):
            return None
        raise
    finally:
        locker.close()
    return "a moment without writers for every session"


def _keep_ddl_away(session: Connection, database: str, tables: Sequence[str]) -> None:
    """A table that was read stays as it is until the transaction ends; one altered since the snapshot is refused."""
    for table in tables:
        rows(session, f"select 1 from {quote.qualified(database, table)} limit 0")  # noqa: S608 - quoted
