"""What lies between a worker and a server: a pooler, the round trip, the throughput."""

from __future__ import annotations

import os
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import psycopg

from jobs.core.errors import Transient
from jobs.core.model import Endpoint
from jobs.engines.postgres.connect import CONNECT_SECONDS, Connection, connection_parameters, explain_connect
from jobs.engines.postgres.facts import Pooling, Speed

_PROBE_BYTES = 4 << 20
"""Long enough to leave TCP's slow start behind, short enough (0.4 s at 100 Mbit/s) for a person who waits."""

_ROW_BYTES = 64 << 10
"""Each row costs this process some 20 us: few large ones measure the wire instead."""

_PATIENCE_SECONDS = 5.0

_ROUND_TRIPS = 5


def pooling(endpoint: Endpoint) -> Pooling:
    """Whether transactions of one session run in different backends. Raises as `connect` does; sets nothing.

    While a second session holds the backend that the first used last, a transaction pooler must give the first
    another one, or let it wait. A backend that is not the one which greeted us tells of any pooler at all.
    """
    with closing(_bare(endpoint)) as first, closing(_bare(endpoint)) as second:
        greeted, before = first.info.backend_pid, 0
        with _patience(first, second):
            before = _backend(first)
            with second.transaction():
                _backend(second)
                after = _backend(first)
            return Pooling(changes=before != after, proxied=greeted != before)
        if before and greeted != before:
            return Pooling(changes=True, proxied=True)
    raise Transient(f"{endpoint.label} answers too slowly", remedy="Check its load, then run the check again.")


@contextmanager
def _patience(*connections: Connection) -> Iterator[None]:
    """Hangs up after `_PATIENCE_SECONDS`: a pool of one lets the second session wait for the first, for ever."""
    # The sockets are shut, not closed: that wakes a thread that waits for one of them.
    lines = [socket.socket(fileno=os.dup(connection.fileno())) for connection in connections]
    hung_up = threading.Event()

    def hang_up() -> None:
        hung_up.set()
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_PATIENCE_SECONDS, hang_up)
    timer.start()
    try:
        yield
    except psycopg.OperationalError:
        if not hung_up.is_set():
            raise
    finally:
        timer.cancel()
        timer.join()
        for line in lines:
            line.close()


def _bare(endpoint: Endpoint) -> Connection:
    """A connection without our settings."""
    known = {key: value for key, value in connection_parameters(endpoint).items() if value is not None}
    try:
        connection: Connection = psycopg.connect(
            **known,
            connect_timeout=CONNECT_SECONDS,
            application_name="ferrybot probe",
            autocommit=True,
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        raise explain_connect(endpoint, error) from None
    return connection


def _backend(connection: Connection) -> int:
    row = connection.execute("select pg_catalog.pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0


def speed_of_source(connection: Connection) -> Speed:
    """Measured with a stream that the server makes up: no table is read."""
    rows = _PROBE_BYTES // _ROW_BYTES
    return Speed(
        round_trip_seconds=_round_trip(connection),
        bytes_per_second=_rate(lambda: _drain(connection, rows)),
    )


def speed_of_target(connection: Connection) -> Speed:
    """Measured with a value that the server only weighs: nothing is written."""
    load = b"\x2a" * _PROBE_BYTES
    return Speed(
        round_trip_seconds=_round_trip(connection),
        bytes_per_second=_rate(lambda: connection.execute("select octet_length(%b::bytea)", [load])),
    )


def _drain(connection: Connection, rows: int) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy("copy (select repeat('*', %s) from generate_series(1, %s)) to stdout", (_ROW_BYTES, rows)) as c,
    ):
        for _ in c:
            pass


def _rate(work: Callable[[], object]) -> float:
    return _PROBE_BYTES / max(_seconds(work), 1e-6)


def _round_trip(connection: Connection) -> float:
    return statistics.median(_seconds(lambda: connection.execute("select 1")) for _ in range(_ROUND_TRIPS))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
