"""Statements on a MySQL connection that run long, while somebody may ask to stop at any second.

Below the driver's cursors: a statement is sent, the socket is watched, and between two looks `check` may raise. Then
the server is told to end the session: a statement that nobody reads would run on. Rows are read as blocks of bytes,
never as a Python object each: that made copying six times as slow.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pymysql
from pymysql.constants import COMMAND
from pymysql.err import raise_mysql_exception

from jobs.core.errors import Permanent
from jobs.core.model import Endpoint
from jobs.engines.mysql.connect import Connection, connect, run

CHECK_SECONDS = 1.0
"""A stop is heard within about this time."""
BLOCK_BYTES = 256 * 1024
"""As in PostgreSQL's relay: keeps a socket busy and little in memory."""
WHOLE = 0xFFFFFF
"""A packet of this length goes on in the next one."""

_RANGE = 1301  # a result larger than max_allowed_packet became NULL


def ask(
    connection: Connection, endpoint: Endpoint, statement: str, check: Callable[[], None]
) -> list[tuple[Any, ...]]:
    """Every row of a statement with a small result."""
    return answer(connection, endpoint, send(connection, statement), check)


def send(connection: Connection, statement: str) -> float:
    """Sends a statement and does not wait; `answer` does."""
    _raw(connection)._execute_command(COMMAND.COM_QUERY, statement.encode())
    return time.monotonic()


def answer(
    connection: Connection, endpoint: Endpoint, sent: float, check: Callable[[], None]
) -> list[tuple[Any, ...]]:
    """The rows of what was sent."""
    with killing(connection, endpoint):
        _await(connection, check)
        raw = _raw(connection)
        raw._read_query_result()
        return list(raw._result.rows or ())


def _raw(connection: Connection) -> Any:
    """The driver's own parts, of which its types say nothing."""
    return connection


@contextmanager
def killing(connection: Connection, endpoint: Endpoint) -> Iterator[None]:
    """After an exception in the block the session is ended on the server too."""
    try:
        yield
    except pymysql.MySQLError:
        raise  # the server itself spoke, or the connection is lost
    except BaseException:
        end(connection, endpoint)
        raise


def end(connection: Connection, endpoint: Endpoint) -> None:
    """Ends a session that may be in the middle of a statement."""
    number = _raw(connection).server_thread_id[0]
    with suppress(pymysql.MySQLError, OSError):
        _raw(connection)._force_close()
    with suppress(Exception), closing(connect(endpoint, purpose="end", database=False)) as other:
        run(other, f"kill {int(number)}")


def _await(connection: Connection, check: Callable[[], None]) -> None:
    """Until the server begins to answer."""
    sock = _raw(connection)._sock
    while not select.select([sock], [], [], CHECK_SECONDS)[0]:
        check()


def blocks(
    connection: Connection, endpoint: Endpoint, statement: str, separator: bytes, check: Callable[[], None]
) -> Generator[tuple[int, bytes], None, None]:
    """Rows of a statement with one column: how many, and their values, each with `separator` behind it.

    Raises `Permanent` where the server made NULL of a row that was too long for it."""
    with killing(connection, endpoint):
        send(connection, statement)
        _await(connection, check)
        _head(connection)
        yield from _rows(connection, separator, check)


def _head(connection: Connection) -> None:
    """Reads what stands before the rows. Raises the server's error."""
    raw = _raw(connection)
    count = raw._read_packet().read_length_encoded_integer()
    for _ in range(count + 1):  # the columns and the end of them
        raw._read_packet()


def _rows(
    connection: Connection, separator: bytes, check: Callable[[], None]
) -> Generator[tuple[int, bytes], None, None]:
    read, rest, asked = _raw(connection)._rfile.read1, b"", time.monotonic()
    parts: list[bytes] = []
    size = 0
    while True:
        piece = read(BLOCK_BYTES)
        if not piece:
            raise pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query")
        data = rest + piece if rest else piece
        at, over = _walk(data, parts)
        while not over and at + 4 <= len(data) and data[at : at + 3] == b"\xff\xff\xff":
            long, data, at = _long(connection, data, at)
            parts.append(long)
            at, over = _walk(data, parts, at)
        size += at
        rest = data[at:]
        if over or size >= BLOCK_BYTES:
            if parts:
                parts.append(b"")
                yield len(parts) - 1, separator.join(parts)
                parts, size = [], 0
            if over:
                return _tail(connection, rest)
            if time.monotonic() - asked > CHECK_SECONDS:
                asked = time.monotonic()
                check()


def _walk(data: bytes, parts: list[bytes], at: int = 0) -> tuple[int, bool]:
    """Takes the whole short packets from `at` on; where it stopped, and whether the last packet is reached there."""
    end, append = len(data), parts.append
    while at + 5 <= end:
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        begin = at + 4
        after = begin + length
        if after > end or length == WHOLE:
            break
        first = data[begin]
        if first < 251:
            append(data[begin + 1 : after])
        elif first == 252:
            append(data[begin + 3 : after])
        elif first == 253:
            append(data[begin + 4 : after])
        elif first == 254 and length >= 9:
            append(data[begin + 9 : after])
        elif first == 251:
            raise _too_long()
        else:
            return at, True  # the end of the rows, or an error
        at = after
    return at, False


def _long(connection: Connection, data: bytes, at: int) -> tuple[bytes, bytes, int]:
    """A row of 16 MiB and more comes in several packets: its value, and what follows."""
    whole = bytearray()
    while True:
        while len(data) < at + 4:
            data += _more(connection)
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        missing = at + 4 + length - len(data)
        if missing > 0:
            data = data[at:] + _raw(connection)._rfile.read(missing)
            at = 0
        whole += data[at + 4 : at + 4 + length]
        at += 4 + length
        if length < WHOLE:
            skip = {252: 3, 253: 4, 254: 9}.get(whole[0], 1)
            return bytes(whole[skip:]), data, at


def _more(connection: Connection) -> bytes:
    piece: bytes = _raw(connection)._rfile.read1(BLOCK_BYTES)
    if not piece:
        raise pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query")
    return piece


def _tail(connection: Connection, rest: bytes) -> None:
    """The last packet: an error, or how many warnings there were."""
    while len(rest) < 4 or len(rest) < 4 + int.from_bytes(rest[:3], "little"):
        rest += _more(connection)
    body = rest[4:]
    if body[0] == 255:
        raise_mysql_exception(body)
    if int.from_bytes(body[1:3], "little"):
        _warned(connection)


def _warned(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("show warnings")
        if any(code == _RANGE for _, code, *_ in cursor.fetchall()):
            raise _too_long()


def _too_long() -> Permanent:
    return Permanent(
        "A row is larger than the source's max_allowed_packet as text",
        remedy="Raise max_allowed_packet on the source (SET GLOBAL max_allowed_packet = 1073741824) and press Retry.",
    )
