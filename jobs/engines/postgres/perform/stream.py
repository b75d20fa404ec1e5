"""One COPY from the source into one COPY of the target, through this process, in bounded memory.

Mostly `relay` forwards the servers' bytes. Where it cannot reach them (Kerberos' encryption, a libpq without
OpenSSL) libpq's own calls do, in a tight loop: those cost a fifth of psycopg's row iterator, and puts are batched
because a put of a narrow row costs as much as one of a buffer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from jobs.engines.postgres import wire
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.perform import relay
from jobs.engines.shared.saying import SILENT_SECONDS, Saying

BATCH_BYTES = 256 * 1024
"""Measured: 64 KB to 1 MB differ by less than the noise; 256 KB keeps a socket busy and little in memory."""

Progress = Callable[[int, int], None]
"""Called with rows and bytes so far, whenever they are worth saying (`Saying`)."""


def copy_stream(
    source: Connection, out: str, target: Connection, into: str, progress: Progress, check: Callable[[], None]
) -> tuple[int, int]:
    """Rows and bytes moved. On any error or stop both statements are ended before it is raised.

    The connections are then in order or closed; the caller rolls back in either case."""
    if relay.possible(source, target):
        return relay.relay(source, out, target, into, progress, check)
    return through_libpq(source, out, target, into, progress, check)


def through_libpq(
    source: Connection, out: str, target: Connection, into: str, progress: Progress, check: Callable[[], None]
) -> tuple[int, int]:
    """`copy_stream` on any kind of connection."""
    with wire.cancelling([source, target]):
        _begin(target.pgconn, into, ExecStatus.COPY_IN, check)
        _begin(source.pgconn, out, ExecStatus.COPY_OUT, check)
        moved = _pump(source.pgconn, target.pgconn, progress, check)
        _end_of(source.pgconn, check)
        _put_end(target.pgconn)
        rows = _end_of(target.pgconn, check)
    return rows, moved


def _begin(pgconn: PGconn, statement: str, expected: ExecStatus, check: Callable[[], None]) -> None:
    pgconn.send_query(statement.encode())
    result = _next_result(pgconn, check)
    if result is None:
        raise psycopg.OperationalError("the connection is lost")
    if result.status != expected:
        raise wire.error_of(result)


def _next_result(pgconn: PGconn, check: Callable[[], None]) -> PGresult | None:
    while pgconn.flush():
        wire.wait_both(pgconn)
        pgconn.consume_input()
    while pgconn.is_busy():
        if not wire.wait_readable(pgconn):
            check()
        pgconn.consume_input()
    return pgconn.get_result()


def _pump(out: PGconn, into: PGconn, progress: Progress, check: Callable[[], None]) -> int:
    """The tight loop. A libpq row is one message, so rows are counted by the way; the target's count decides."""
    get, batch, size, rows, moved = out.get_copy_data, bytearray(), 0, 0, 0
    saying, look, put = Saying(), wire.seldom(check), time.monotonic()
    while True:
        count, data = get(1)
        if count > 0:
            batch += data
            rows += 1
            if len(batch) < BATCH_BYTES:
                continue
        elif count == 0:
            _await_source(out, into, look)
            if time.monotonic() - put < SILENT_SECONDS:
                continue
        size, put = len(batch), time.monotonic()
        if size:
            _put(into, batch, look)
            moved += size
            batch.clear()
        if count < 0:
            return moved
        if saying.due(moved):
            progress(rows, moved)
            _listen(into, look)
            look()


def _await_source(out: PGconn, into: PGconn, check: Callable[[], None]) -> None:
    """Waits for rows; asks whether to stop also when they only trickle."""
    if not wire.wait_readable(out):
        _listen(into, check)
    check()
    out.consume_input()


def _listen(into: PGconn, check: Callable[[], None]) -> None:
    """Hears a target that gave up early, instead of sending it the rest of a large table.

    In a lane's session nothing but an error comes in the middle of a COPY (`client_min_messages`). libpq shows it
    only after the end of the COPY, which is why the COPY is failed here: the server's own error comes first."""
    if wire.wait_readable(into, 0):
        into.put_copy_end(b"the target spoke in the middle of a COPY")
        _end_of(into, check)
        raise psycopg.OperationalError("the target ended a COPY early")


def _put(into: PGconn, batch: bytearray, check: Callable[[], None]) -> None:
    while not into.put_copy_data(batch):
        _await_room(into, check)
    while into.flush():
        _await_room(into, check)


def _await_room(into: PGconn, check: Callable[[], None]) -> None:
    """Input is heard rather than consumed: in libpq's buffer an error would stay unheard to the end."""
    wire.wait_both(into)
    check()
    _listen(into, check)


def _put_end(into: PGconn) -> None:
    while not into.put_copy_end():
        wire.wait_both(into)
        into.consume_input()


def _end_of(pgconn: PGconn, check: Callable[[], None]) -> int:
    """Reads a statement to its end; rows of its command tag. Raises what the server said."""
    rows, error = 0, None
    while (result := _next_result(pgconn, check)) is not None:
        if wire.failed(result):
            error = error or result
        elif result.status == ExecStatus.COMMAND_OK:
            rows = result.command_tuples or 0
    if error is not None:
        raise wire.error_of(error)
    if pgconn.status == psycopg.pq.ConnStatus.BAD:
        raise psycopg.OperationalError(pgconn.get_error_message("utf-8"))
    return rows
