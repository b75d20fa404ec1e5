"""Statements that run long on one or two connections, while somebody may ask to stop at any second.

Works below psycopg's cursors, on libpq's asynchronous calls: a statement is sent, the sockets are watched,
and between two looks `check` may raise; then the servers are told to cancel and their answers are read, so
that a connection is afterwards either in order or closed.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from jobs.engines.postgres.connect import Connection

CHECK_SECONDS = 1.0
"""A stop is heard within about this time (DESIGN: about every second inside a chunk)."""
CANCEL_SECONDS = 10
_BROKEN = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)

Table = list[tuple[str | None, ...]]


def run(connection: Connection, statement: str, check: Callable[[], None]) -> Table:
    """Runs a text of one or more statements; the rows of the last one."""
    return together([(connection, statement)], check)[0]


def together(asked: Sequence[tuple[Connection, str]], check: Callable[[], None]) -> list[Table]:
    """Runs one text on each connection at the same time; the rows of each one's last statement."""
    with cancelling([connection for connection, _ in asked]), selectors.DefaultSelector() as selector:
        for connection, statement in asked:
            connection.pgconn.send_query(statement.encode())
            selector.register(connection.pgconn.socket, selectors.EVENT_READ, connection)
        waiting = {id(connection) for connection, _ in asked}
        results: dict[int, Table] = {}
        while waiting:
            for connection, _ in asked:
                if id(connection) in waiting and _flushed(connection.pgconn) and not _busy(connection.pgconn):
                    results[id(connection)] = _collect(connection)
                    waiting.discard(id(connection))
                    selector.unregister(connection.pgconn.socket)
            if waiting:
                selector.select(CHECK_SECONDS)
                check()
    return [results[id(connection)] for connection, _ in asked]


@contextmanager
def cancelling(connections: Sequence[Connection]) -> Iterator[None]:
    """After an exception in the block no statement is left running on these connections."""
    try:
        yield
    except BaseException:
        for connection in connections:
            quiet(connection)
        raise


def quiet(connection: Connection) -> None:
    """Cancels what runs and reads to the end of it; a connection that does not come to order is closed."""
    if connection.closed:
        return
    try:
        if connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
            connection.cancel_safe(timeout=CANCEL_SECONDS)
            _drain(connection.pgconn)
    except psycopg.Error:
        connection.close()


def wait_readable(pgconn: PGconn, seconds: float = CHECK_SECONDS) -> bool:
    return _wait(pgconn, selectors.EVENT_READ, seconds)


def wait_both(pgconn: PGconn, seconds: float = CHECK_SECONDS) -> bool:
    return _wait(pgconn, selectors.EVENT_READ | selectors.EVENT_WRITE, seconds)


def _wait(pgconn: PGconn, events: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(pgconn.socket, events)
        return bool(selector.select(seconds))


def failed(result: PGresult) -> bool:
    return result.status in _BROKEN


def _flushed(pgconn: PGconn) -> bool:
    """Everything written; a text of megabytes does not fit into the socket at once."""
    while pgconn.flush():
        wait_both(pgconn)
        pgconn.consume_input()
    return True


def _busy(pgconn: PGconn) -> bool:
    pgconn.consume_input()
    return bool(pgconn.is_busy())


def _collect(connection: Connection) -> Table:
    """The rows of the last statement. Raises the first error, as psycopg would."""
    pgconn, last, error = connection.pgconn, None, None
    while (result := pgconn.get_result()) is not None:
        if failed(result):
            error = error or psycopg.errors.error_from_result(result, encoding="utf-8")
        elif result.status in (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH):
            raise psycopg.ProgrammingError("a COPY needs its own loop")
        last = result
    if error is not None:
        raise error
    if pgconn.status == ConnStatus.BAD or last is None:
        raise psycopg.OperationalError(pgconn.get_error_message("utf-8") or "the connection is lost")
    return [tuple(_cell(last, row, column) for column in range(last.nfields)) for row in range(last.ntuples)]


def _cell(result: PGresult, row: int, column: int) -> str | None:
    value = result.get_value(row, column)
    return None if value is None else value.decode()


def _drain(pgconn: PGconn) -> None:
    """Reads and throws away until the connection is idle."""
    while True:
        while pgconn.flush():
            wait_both(pgconn)
            pgconn.consume_input()
        while pgconn.is_busy():
            if not wait_readable(pgconn, CANCEL_SECONDS):
                raise psycopg.OperationalError("the server did not end a cancelled statement")
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            return
        if result.status == ExecStatus.COPY_OUT:
            _drain_copy(pgconn)
        elif result.status == ExecStatus.COPY_IN:
            pgconn.put_copy_end(b"stopped")


def _drain_copy(pgconn: PGconn) -> None:
    while True:
        count, _ = pgconn.get_copy_data(1)
        if count < 0:
            return
        if count == 0:
            if not wait_readable(pgconn, CANCEL_SECONDS):
                raise psycopg.OperationalError("the server did not end a cancelled COPY")
            pgconn.consume_input()
