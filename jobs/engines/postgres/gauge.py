"""What else a PostgreSQL server has to do: sessions of others at work, and how far its replicas are behind.

What belongs to other users a role sees only with `pg_read_all_stats` (or `pg_monitor`); of what is hidden nothing is
guessed: `hidden` names the missing right.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import LiteralString, TypeVar

import psycopg

from jobs.core.disk import Disk
from jobs.core.model import Endpoint
from jobs.engines.postgres.connect import Connection, connect, explain
from jobs.ports.engine import Load, Standing

Answer = TypeVar("Answer")

_SESSIONS = """
select count(*) filter (where state = 'active' and backend_type = 'client backend'
                        and application_name not like 'ferrybot %'),
       count(*) filter (where query = '<insufficient privilege>')
from pg_catalog.pg_stat_activity where pid <> pg_catalog.pg_backend_pid()"""
# replay_lag is null while nothing is under way, and for who may not see it; then the state is hidden, too.
_REPLICAS = """
select count(*) filter (where state is null),
       coalesce(max(extract(epoch from replay_lag)) filter (where state in ('streaming', 'catchup')), 0)
from pg_catalog.pg_stat_replication"""
_STANDBY = """
select case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
       else coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 0) end
where pg_is_in_recovery()"""


class PostgresGauge:
    """`jobs.ports.engine.Gauge` with one session of its own, so that no snapshot is disturbed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._connection: Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()

    def read(self) -> Load:
        """The load at this moment. Raises `Transient` or `Permanent`; the next call connects anew."""
        return self._ask(_load)

    def size(self) -> int:
        """Bytes of the database's files."""
        return self._ask(_size)

    def disk(self) -> Disk:
        """With temporary files and the log where this role may list them (`pg_monitor`)."""
        return self._ask(_disk)

    def standing(self) -> Standing:
        """System and timeline, where this role may see them: a promotion begins a new timeline."""
        self.close()
        return self._ask(_standing)

    def _ask(self, question: Callable[[Connection], Answer]) -> Answer:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._endpoint, purpose="gauge")
        try:
            return question(self._connection)
        except psycopg.Error as error:
            self.close()
            raise explain(error, self._endpoint, doing="Reading the load") from None


def _size(connection: Connection) -> int:
    row = connection.execute("select pg_catalog.pg_database_size(pg_catalog.current_database())").fetchone()
    assert row
    return int(row[0])


# Parallel workers share files in folders below, which only a superuser may list.
_ALL_TEMPORARY = """
select coalesce(sum((pg_stat_file(file, true)).size), 0)::bigint from (
    select 'base/pgsql_tmp/' || f as file from pg_ls_dir('base/pgsql_tmp', true, false) f where f !~ 'fileset$'
    union all
    select 'base/pgsql_tmp/' || d || '/' || f from pg_ls_dir('base/pgsql_tmp', true, false) d,
         pg_ls_dir('base/pgsql_tmp/' || d, true, false) f where d ~ 'fileset$') files"""
_TEMPORARY = "select coalesce(sum(size), 0)::bigint from pg_ls_tmpdir()"
_LOG = "select coalesce(sum(size), 0)::bigint from pg_ls_waldir()"


def _disk(connection: Connection) -> Disk:
    temporary = _told(connection, _ALL_TEMPORARY, _TEMPORARY)
    return Disk(database=_size(connection), temporary=temporary, log=_told(connection, _LOG))


def _told(connection: Connection, *questions: LiteralString) -> int | None:
    """The first answer that this role gets; None where the server is too old or the role may ask none of them."""
    for question in questions:
        with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFunction):
            row = connection.execute(question).fetchone()
            return int(row[0]) if row else None
    return None


# The name of the log's file begins with the timeline, which a promotion makes a new one at once. Of a standby it says
# nothing: one that follows a new primary keeps its sessions and their snapshots.
_TIMELINE = """
select case when pg_catalog.pg_is_in_recovery() then ''
       else left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) end"""
_SYSTEM = "select system_identifier::text from pg_catalog.pg_control_system()"


def _standing(connection: Connection) -> Standing:
    row = connection.execute(_TIMELINE).fetchone()
    assert row
    try:
        system = connection.execute(_SYSTEM).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        system = None
    return Standing(identity=f"{system[0] if system else ''}/{row[0]}", primary=bool(row[0]))


def _load(connection: Connection) -> Load:
    busy, hidden = connection.execute(_SESSIONS).fetchone() or (0, 0)
    secret, lag = connection.execute(_REPLICAS).fetchone() or (0, 0)
    own = connection.execute(_STANDBY).fetchone()
    behind = max(float(lag), float(own[0]) if own else 0.0)
    missing = "pg_read_all_stats" if hidden or secret else ""
    return Load(sessions=int(busy), lag_seconds=behind, hidden=missing)
