"""Free disk on the target, measured on the server where the service allows it; nothing of it is kept."""

from __future__ import annotations

import re
from contextlib import closing

import psycopg

from jobs.core.errors import FerrybotError
from jobs.core.model import Endpoint
from jobs.engines.postgres.connect import connect, explain
from jobs.engines.postgres.facts import Fact, Server

# A backend's working directory is the data directory. -P and -k are POSIX: GNU and BusyBox agree on them.
_DF = "copy pg_temp.ferrybot_df from program 'df -Pk .'"
_AVAILABLE = re.compile(r"\s\d+\s+\d+\s+(\d+)\s+(?:\d+%|-)\s+/", re.ASCII)


def free_bytes(endpoint: Endpoint, server: Server) -> Fact[int]:
    """Bytes that the server's own `df` calls available. Needs `pg_execute_server_program` on a primary."""
    if not endpoint.measure_disk:
        return Fact[int](reason="measuring on the server is not switched on for this service")
    if server.in_recovery:
        return Fact[int](reason="a replica cannot run the measurement")
    try:
        return _measured(endpoint)
    except FerrybotError as error:
        return Fact[int](reason=error.what)
    except psycopg.Error as error:
        return Fact[int](reason=explain(error, endpoint, doing="Running df on the server").what)


def _measured(endpoint: Endpoint) -> Fact[int]:
    with closing(connect(endpoint, purpose="disk", autocommit=False)) as connection:
        connection.execute("set transaction read write")
        connection.execute("set local statement_timeout = '20s'")
        connection.execute("create temp table ferrybot_df (line text) on commit drop")
        connection.execute(_DF)
        lines = connection.execute("select line from pg_temp.ferrybot_df").fetchall()
        connection.rollback()
    return parse("\n".join(str(line) for (line,) in lines))


def parse(text: str) -> Fact[int]:
    """The available bytes in the output of `df -Pk`."""
    found = _AVAILABLE.search(text)
    return (
        Fact[int](value=int(found[1]) * 1024)
        if found
        else Fact[int](reason="df answered something that was not understood")
    )
