"""Statements that run long on one or two connections, while somebody may ask to stop at any second.

Works below psycopg's cursors, on libpq's asynchronous calls: a statement is sent, the sockets are watched,
and between two looks `check` may raise; then the servers are told to cancel and their answers are read, so
that a connection is afterwards either in order or closed.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.named import MARK

CHECK_SECONDS = 1.0
"""A stop is heard within about this time."""
CANCEL_SECONDS = 10
_BROKEN = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)

Table = list[tuple[str | None, ...]]


def run(
    connection: Connection, statement: str, check: Callable[[], None], marks: Callable[[int], None] | None = None
) -> Table:
    """Runs a text of one or more statements; the rows of the last one. `marks` hears each mark that answers."""
    return together([(connection, statement)], check, marks)[0]


def together(
    asked: Sequence[tuple[Connection, str]], check: Callable[[], None], marks: Callable[[int], None] | None = None
) -> list[Table]:
    """Runs one text on each connection at the same time; the rows of each one's last statement."""
    answers = [_Answer(connection, marks) for connection, _ in asked]
    with cancelling([connection for connection, _ in asked]), selectors.DefaultSelector() as selector:
        for answer, (_, statement) in zip(answers, asked, strict=True):
            answer.pgconn.send_query(statement.encode())
            _flush(answer.pgconn, check)
            selector.register(answer.pgconn.socket, selectors.EVENT_READ)
        waiting = list(answers)
        while waiting := [answer for answer in waiting if not _over(answer, selector)]:
            selector.select(CHECK_SECONDS)
            check()
    return [answer.rows() for answer in answers]


def _over(answer: _Answer, selector: selectors.BaseSelector) -> bool:
    """One side's failure is raised at once: the other need not end its work in vain."""
    if not answer.advance():
        return False
    selector.unregister(answer.pgconn.socket)
    answer.rows()
    return True


class _Answer:
    """What one connection said so far; never waits."""

    def __init__(self, connection: Connection, marks: Callable[[int], None] | None) -> None:
        self.pgconn = connection.pgconn
        self._marks = marks
        self._last: PGresult | None = None
        self._error: PGresult | None = None

    def advance(self) -> bool:
        """Takes the results that are there; True when the last has come."""
        self.pgconn.consume_input()
        while not self.pgconn.is_busy():
            result = self.pgconn.get_result()
            if result is None:
                return True
            if result.status in (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH):
                raise psycopg.ProgrammingError("a COPY needs its own loop")
            if failed(result):
                self._error = self._error or result
            elif self._marks and result.nfields == 1 and result.fname(0) == MARK:
                self._marks(int(result.get_value(0, 0) or 0))
            self._last = result
        return False

    def rows(self) -> Table:
        """The rows of the last statement. Raises the first error, as psycopg would."""
        if self._error is not None:
            raise error_of(self._error)
        last = self._last
        if self.pgconn.status == ConnStatus.BAD or last is None:
            raise psycopg.OperationalError(self.pgconn.get_error_message("utf-8") or "the connection is lost")
        return [tuple(_cell(last, row, column) for column in range(last.nfields)) for row in range(last.ntuples)]


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


def seldom(check: Callable[[], None]) -> Callable[[], None]:
    """`check`, asked about every second however often it is called."""
    asked = time.monotonic()

    def look() -> None:
        nonlocal asked
        now = time.monotonic()
        if now - asked >= CHECK_SECONDS:
            asked = now
            check()

    return look


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


def error_of(result: PGresult) -> psycopg.Error:
    """psycopg's error for a failed result; without a state the connection itself broke."""
    return psycopg.errors.error_from_result(result, encoding="utf-8")


def _flush(pgconn: PGconn, check: Callable[[], None]) -> None:
    """Everything written; a text of megabytes does not fit into the socket at once."""
    while pgconn.flush():
        if not wait_both(pgconn):
            check()
        pgconn.consume_input()


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
