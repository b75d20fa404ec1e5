"""One look at a PostgreSQL server for the overview: a session of some milliseconds that only reads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, LiteralString, TypeVar

import psycopg

from jobs.core.model import Endpoint
from jobs.core.services import Replica, ServiceFacts, Slot
from jobs.engines.postgres.connect import Connection, connect, explain, first_line, scrub
from jobs.engines.postgres.inspect_disk import room

CONNECT_SECONDS = 5
STATEMENT = "5s"
"""Catalog questions take milliseconds; only the size of a database with very many files may take longer."""
MOST = 20
"""Replicas and slots that are kept of one server."""

Answer = TypeVar("Answer")

_SERVER = """
select split_part(current_setting('server_version'), ' ', 1), pg_catalog.pg_is_in_recovery(),
       coalesce((select reset_val = 'on' from pg_catalog.pg_settings where name = 'default_transaction_read_only'),
                false)"""
_REPLICAS = """
select coalesce(nullif(r.application_name, ''), host(r.client_addr), 'a replica'), r.state,
       extract(epoch from r.replay_lag)::float8,
       pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
                       r.replay_lsn)::bigint
from pg_catalog.pg_stat_replication r order by 1"""
_SLOTS = """
select s.slot_name::text, s.active,
       pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
                       s.restart_lsn)::bigint
from pg_catalog.pg_replication_slots s where not s.temporary order by s.active, 1"""
_BEHIND = """
select case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
       else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end::float8"""
# sender_host came with PostgreSQL 11; a column that is not there reads as null through to_jsonb.
_UPSTREAM = "select to_jsonb(w) ->> 'sender_host' from pg_catalog.pg_stat_wal_receiver w"
_SIZE = "select pg_catalog.pg_database_size(pg_catalog.current_database())"


def observe(endpoint: Endpoint) -> ServiceFacts:
    """What the server says of itself. Raises `Transient` or `Permanent` when it cannot be asked at all."""
    try:
        with closing(connect(endpoint, purpose="overview", seconds=CONNECT_SECONDS)) as connection:
            connection.execute("select set_config('statement_timeout', %s, false)", [STATEMENT])
            connection.execute("select set_config('default_transaction_read_only', 'on', false)")
            facts = _facts(connection, endpoint)
    except psycopg.Error as error:
        raise explain(error, endpoint, doing="Looking at the server") from None
    if facts.role == "replica":
        return facts.model_copy(update={"free_unknown": "a replica cannot run the measurement"})
    measured = room(endpoint)
    return facts.model_copy(update={"free": measured.free, "free_unknown": measured.unknown})


def _facts(connection: Connection, endpoint: Endpoint) -> ServiceFacts:
    version, recovery, read_only = _rows(connection, _SERVER)[0]
    replicas, hidden = _asked(connection, endpoint, lambda: _replicas(connection))
    slots, _ = _asked(connection, endpoint, lambda: _slots(connection))
    size, _ = _asked(connection, endpoint, lambda: int(_rows(connection, _SIZE)[0][0]))
    behind, _ = _asked(connection, endpoint, lambda: _rows(connection, _BEHIND)[0][0]) if recovery else (None, "")
    upstream, _ = _asked(connection, endpoint, lambda: _rows(connection, _UPSTREAM)) if recovery else (None, "")
    return ServiceFacts(
        name=endpoint.label,
        at=datetime.now(UTC),
        version=str(version),
        role="replica" if recovery else "primary",
        read_only=bool(read_only),
        upstream=str(upstream[0][0] or "") if upstream else "",
        lag_seconds=behind,
        replicas=replicas or (),
        replicas_unknown=hidden,
        slots=slots or (),
        size=size,
    )


def _replicas(connection: Connection) -> tuple[Replica, ...]:
    found = _rows(connection, _REPLICAS)[:MOST]
    return tuple(Replica(name=n, state=s, lag_seconds=seconds, lag_bytes=size) for n, s, seconds, size in found)


def _slots(connection: Connection) -> tuple[Slot, ...]:
    return tuple(Slot(name=n, active=a, retained_bytes=size) for n, a, size in _rows(connection, _SLOTS)[:MOST])


def _rows(connection: Connection, statement: LiteralString) -> list[tuple[Any, ...]]:
    return connection.execute(statement).fetchall()


def _asked(connection: Connection, endpoint: Endpoint, ask: Callable[[], Answer]) -> tuple[Answer | None, str]:
    """The answer, or why there is none: one question that a role may not ask does not hide the others' answers."""
    try:
        return ask(), ""
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return None, first_line(scrub(error.diag.message_primary or str(error), endpoint))
