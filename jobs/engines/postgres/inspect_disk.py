"""Free disk on the target, measured on the server where the service allows it; nothing of it is kept."""

from __future__ import annotations

import re
from contextlib import closing

import psycopg

from jobs.core.errors import FerrybotError
from jobs.core.model import Endpoint
from jobs.engines.postgres.connect import connect, explain
from jobs.engines.postgres.facts import Fact, Server
from jobs.ports.engine import Room

# A backend's working directory is the data directory. -P and -k are POSIX: GNU and BusyBox agree on them.
_DF = "copy pg_temp.ferrybot_df from program 'df -Pk {places}'"
_AVAILABLE = re.compile(r"\s\d+\s+\d+\s+(\d+)\s+(?:\d+%|-)\s+/", re.ASCII)
_TABLESPACE = """select d.dattablespace::bigint from pg_database d join pg_tablespace t on t.oid = d.dattablespace
where d.datname = current_database() and t.spcname <> 'pg_default'"""


def free_bytes(endpoint: Endpoint, server: Server) -> Fact[int]:
    """Bytes that the server's own `df` calls available where this database's tables are.

    Needs `pg_execute_server_program` on a primary."""
    if server.in_recovery and endpoint.measure_disk:
        return Fact[int](reason="a replica cannot run the measurement")
    found = _look(endpoint)
    return Fact[int](value=found.value[0]) if found.value else Fact[int](reason=found.reason)


def room(endpoint: Endpoint) -> Room:
    """The least of what is free for tables, the data directory and the log, which may be on disks of their own."""
    found = _look(endpoint)
    if found.value:
        return Room(free=min(found.value))
    return Room(unknown=found.reason, ever=endpoint.measure_disk)


def _look(endpoint: Endpoint) -> Fact[tuple[int, ...]]:
    if not endpoint.measure_disk:
        return Fact[tuple[int, ...]](reason="measuring on the server is not switched on for this service")
    try:
        return parse(_df(endpoint))
    except FerrybotError as error:
        return Fact[tuple[int, ...]](reason=error.what)
    except psycopg.Error as error:
        return Fact[tuple[int, ...]](reason=explain(error, endpoint, doing="Running df on the server").what)


def _df(endpoint: Endpoint) -> str:
    with closing(connect(endpoint, purpose="disk", autocommit=False)) as connection:
        own = connection.execute(_TABLESPACE).fetchone()
        tables = f"pg_tblspc/{int(own[0])} " if own else ""
        connection.execute("set transaction read write")
        connection.execute("set local statement_timeout = '20s'")
        connection.execute("create temp table ferrybot_df (line text) on commit drop")
        connection.execute(_DF.format(places=f"{tables}. pg_wal").encode())
        lines = connection.execute("select line from pg_temp.ferrybot_df").fetchall()
        connection.rollback()
    return "\n".join(str(line) for (line,) in lines)


def parse(text: str) -> Fact[tuple[int, ...]]:
    """The available bytes in the output of `df -Pk`, place by place."""
    found = tuple(int(kib) * 1024 for kib in _AVAILABLE.findall(text))
    return (
        Fact[tuple[int, ...]](value=found)
        if found
        else Fact[tuple[int, ...]](reason="df answered something that was not understood")
    )
