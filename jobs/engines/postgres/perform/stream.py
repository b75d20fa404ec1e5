"""One COPY from the source into one COPY of the target, through this process, in bounded memory.

The technique stands behind `copy_stream`; measured alternatives are in SPEED.md. libpq's own calls in a tight
loop cost a fifth of psycopg's row iterator; puts are batched because a put of a narrow row costs as much as one
of a buffer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

from jobs.engines.postgres import wire
from jobs.engines.postgres.connect import Connection

BATCH_BYTES = 256 * 1024
"""Measured: 64 KB to 1 MB differ by less than the noise; 256 KB keeps a socket busy and little in memory."""
REPORT_BYTES = 1024 * 1024

Progress = Callable[[int, int], None]
"""Called with rows and bytes so far, about each megabyte."""


def copy_stream(
    source: Connection, out: str, target: Connection, into: str, progress: Progress, check: Callable[[], None]
) -> tuple[int, int]:
    """Rows and bytes moved. On any error or stop both statements are ended before it is raised."""
    with wire.cancelling([source, target]):
        _begin(target, into, ExecStatus.COPY_IN)
        _begin(source, out, ExecStatus.COPY_OUT)
        moved = _pump(source.pgconn, target.pgconn, progress, check)
        _end_of(source.pgconn)
        _put_end(target.pgconn)
        rows = _end_of(target.pgconn)
    return rows, moved


def _begin(connection: Connection, statement: str, expected: ExecStatus) -> None:
    pgconn = connection.pgconn
    pgconn.send_query(statement.encode())
    result = _next_result(pgconn)
    if result is None or result.status != expected:
        if result is not None:
            raise psycopg.errors.error_from_result(result, encoding="utf-8")
        raise psycopg.OperationalError("the connection is lost")


def _next_result(pgconn: PGconn) -> psycopg.pq.abc.PGresult | None:
    while pgconn.flush():
        wire.wait_both(pgconn)
        pgconn.consume_input()
    while pgconn.is_busy():
        wire.wait_readable(pgconn)
        pgconn.consume_input()
    return pgconn.get_result()


def _pump(out: PGconn, into: PGconn, progress: Progress, check: Callable[[], None]) -> int:
    """The tight loop. A libpq row is one message, so rows are counted by the way; the target's count decides."""
    get, batch, size, rows, moved = out.get_copy_data, bytearray(), 0, 0, 0
    reported, looked = 0, time.monotonic()
    while True:
        count, data = get(1)
        if count > 0:
            batch += data
            rows += 1
            if len(batch) < BATCH_BYTES:
                continue
        elif count == 0:
            _await_source(out, into, check)
            continue
        size = len(batch)
        if size:
            _put(into, batch)
            moved += size
            batch.clear()
        if count < 0:
            return moved
        if moved - reported >= REPORT_BYTES:
            reported = moved
            progress(rows, moved)
            now = time.monotonic()
            if now - looked >= wire.CHECK_SECONDS:
                looked = now
                check()


def _await_source(out: PGconn, into: PGconn, check: Callable[[], None]) -> None:
    """Waits for rows; asks whether to stop when none come for a while, and hears a target that gave up."""
    if not wire.wait_readable(out):
        check()
        into.consume_input()
        if into.transaction_status == psycopg.pq.TransactionStatus.INERROR:
            raise psycopg.errors.error_from_result(_result_of_error(into), encoding="utf-8")
    out.consume_input()


def _put(into: PGconn, batch: bytearray) -> None:
    while not into.put_copy_data(batch):
        wire.wait_both(into)
        into.consume_input()
    while into.flush():
        wire.wait_both(into)
        into.consume_input()


def _put_end(into: PGconn) -> None:
    while not into.put_copy_end():
        wire.wait_both(into)
        into.consume_input()


def _result_of_error(pgconn: PGconn) -> psycopg.pq.abc.PGresult:
    result = _next_result(pgconn)
    if result is None:
        raise psycopg.OperationalError("the connection is lost")
    return result


def _end_of(pgconn: PGconn) -> int:
    """Reads a statement to its end; rows of its command tag. Raises what the server said."""
    rows, error = 0, None
    while (result := _next_result(pgconn)) is not None:
        if wire.failed(result):
            error = error or psycopg.errors.error_from_result(result, encoding="utf-8")
        elif result.status == ExecStatus.COMMAND_OK:
            rows = result.command_tuples or 0
    if error is not None:
        raise error
    if pgconn.status == psycopg.pq.ConnStatus.BAD:
        raise psycopg.OperationalError(pgconn.get_error_message("utf-8"))
    return rows
