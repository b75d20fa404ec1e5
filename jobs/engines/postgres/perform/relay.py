"""Forwards the bytes of a COPY from server to server, plain or through libpq's TLS; libpq never sees the COPY.

Why that is safe: both connections are idle in libpq when their sockets are taken, so nothing of a server's lies
in libpq's buffers; both statements are read up to ReadyForQuery in the transaction state that they began in, so
libpq's idea of the connection is still true. Whatever else happens, both connections are closed: a transaction
that saw an error or a stop can then not be committed. Notices, notifications and changed settings that come
meanwhile are passed over and reach nobody.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import ConnStatus, PipelineStatus, TransactionStatus

from jobs.engines.postgres import wire
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.perform import tls
from jobs.engines.postgres.perform.frames import Frames, error_of, nonsense
from jobs.engines.shared.saying import Saying

BUFFER_BYTES = 256 * 1024
"""Measured: 64 KB to 1 MB differ by less than the noise."""
ENOUGH_BYTES = 64 * 1024
LINGER_SECONDS = 0.005
"""Servers send 8 KB at a time (PqSendBuffer): waiting a moment for more of them spares a quarter of the processor
time of a stream of narrow rows. What is less than that comes when the moment is over. The first `ENOUGH_BYTES` are
never waited for: a small table would take longer to linger over than to copy."""
REPLY_BYTES = 32 * 1024
"""More than a record of TLS."""

_COPY_DONE = b"c\0\0\0\4"
_PASSED_OVER = frozenset(b"NSA")
_READY = {TransactionStatus.IDLE: b"I", TransactionStatus.INTRANS: b"T"}
_ENCRYPTED = "select encrypted from pg_catalog.pg_stat_gssapi where pid = pg_catalog.pg_backend_pid()"

_plain: WeakKeyDictionary[Connection, bool] = WeakKeyDictionary()

Progress = Callable[[int, int], None]
Check = Callable[[], None]


def possible(*connections: Connection) -> bool:
    """Whether the bytes of all of them may be taken: idle, with nothing on its way, and legible."""
    return all(_is_quiet(connection) and _is_legible(connection) for connection in connections)


def _is_legible(connection: Connection) -> bool:
    """TLS that can be reached, or none; no Kerberos encryption, asked once, since libpq's binding tells nothing of it
    (PostgreSQL 12+)."""
    if connection.pgconn.ssl_in_use:
        return tls.session(connection.pgconn) is not None
    if connection not in _plain:
        asked = connection.info.server_version >= 120000
        rows = wire.run(connection, _ENCRYPTED, lambda: None) if asked else []
        _plain[connection] = not any(row[0] == "t" for row in rows)
    return _plain[connection]


def _is_quiet(connection: Connection) -> bool:
    pgconn = connection.pgconn
    if pgconn.status != ConnStatus.OK or pgconn.pipeline_status != PipelineStatus.OFF or pgconn.flush():
        return False
    if wire.wait_readable(pgconn, 0):
        pgconn.consume_input()
    return not pgconn.is_busy() and pgconn.transaction_status in _READY and not wire.wait_readable(pgconn, 0)


def relay(
    source: Connection, out: str, target: Connection, into: str, progress: Progress, check: Check
) -> tuple[int, int]:
    """Rows and bytes moved. After an error or a stop both connections are closed."""
    sides: list[_Side] = []
    try:
        for connection, size in ((source, BUFFER_BYTES), (target, REPLY_BYTES)):
            sides.append(_Side(connection, size))
        copied = _Relay(sides[0], sides[1], progress, check).run(out, into)
    except BaseException as error:
        _abandon((source, target), sides)
        if isinstance(error, OSError):
            raise psycopg.OperationalError(f"the connection is lost: {error.strerror or error}") from None
        raise
    for side in sides:
        side.close()
    return copied


def _abandon(connections: Sequence[Connection], sides: Sequence[_Side]) -> None:
    """No statement goes on: cancelled, since a server that sends nothing does not notice a closed socket."""
    for connection in connections:
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=wire.CANCEL_SECONDS)
    for side in sides:
        side.hang_up()
    for connection in connections:
        connection.close()


class _Side:
    """A connection's socket, and what its server said."""

    def __init__(self, connection: Connection, size: int) -> None:
        self.ready = _READY[TransactionStatus(connection.pgconn.transaction_status)]
        self.view = memoryview(bytearray(size))
        self.frames = Frames()
        self.kept = 0
        self.said = bytearray()
        self.tag = b""
        # A duplicate shares its blocking mode with libpq's descriptor, which is and stays non-blocking.
        self.socket = socket.socket(fileno=os.dup(connection.pgconn.socket))
        self.socket.setblocking(False)
        self.bytes: socket.socket | tls.Session = tls.session(connection.pgconn) or self.socket

    def close(self) -> None:
        self.socket.close()

    def hang_up(self) -> None:
        """Not a byte more, neither of ours nor of libpq's farewell in the middle of a message."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    @contextmanager
    def woken_by(self, count: int) -> Iterator[None]:
        """Within, the socket counts as readable from so many bytes on; libpq, which shares it, never hears of it."""
        before = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
        try:
            yield
        finally:
            with suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, before)

    @property
    def over(self) -> bool:
        return self.said.endswith(b"Z")

    def receive(self, forward: Callable[[memoryview], None]) -> bool:
        """Takes what is there now; False when nothing is. Raises the server's error, or that it hung up."""
        try:
            count = self.bytes.recv_into(self.view[self.kept :])
        except BlockingIOError:
            return False
        if not count:
            raise psycopg.OperationalError("the server closed the connection unexpectedly")
        end = self.kept + count
        walked = self.frames.walk(self.view, end)
        for kind, body in walked.messages:
            self._note(kind, body)
        for start, stop in walked.spans:
            forward(self.view[start:stop])
        self.kept = end - walked.rest
        self.view[: self.kept] = self.view[walked.rest : end]  # at most 4 bytes: a header that the end cut
        return True

    def _note(self, kind: int, body: bytes) -> None:
        if kind == ord("E"):
            raise error_of(body)
        if kind in _PASSED_OVER:
            return
        if kind == ord("Z") and body != self.ready:
            raise psycopg.OperationalError("a COPY left its transaction in another state")
        if kind == ord("C"):
            self.tag = body
        self.said.append(kind)

    def must_have_said(self, kinds: bytes) -> None:
        """The server's messages in their order, those left aside that are passed over."""
        if self.said != kinds:
            raise psycopg.OperationalError(f"a COPY went {bytes(self.said)!r} instead of {kinds!r}")


class _Relay:
    """One COPY."""

    def __init__(self, source: _Side, target: _Side, progress: Progress, check: Check) -> None:
        self.source, self.target = source, target
        self.progress, self.look = progress, wire.seldom(check)
        self.moved, self.saying = 0, Saying()
        self.arrivals = _selector((source, selectors.EVENT_READ), (target, selectors.EVENT_READ))
        self.answers = _selector((target, selectors.EVENT_READ))
        self.room = _selector((target, selectors.EVENT_READ | selectors.EVENT_WRITE))

    def run(self, out: str, into: str) -> tuple[int, int]:
        """Ends the target's COPY only when the source's statement has ended well."""
        self._ask(self.target, into)
        self._ask(self.source, out)
        while not self.target.said:
            self._await_target()
        self.target.must_have_said(b"G")
        while not self.source.over and self.moved < ENOUGH_BYTES:
            self._await_rows()
            self._between()
        with self.source.woken_by(ENOUGH_BYTES):
            while not self.source.over:
                self._turn()
        self.source.must_have_said(b"HcCZ")
        self._send(memoryview(_COPY_DONE))
        while not self.target.over:
            self._await_target()
        self.target.must_have_said(b"GCZ")
        return int(self.target.tag.rstrip(b"\0").rpartition(b" ")[2]), self.moved

    def _ask(self, side: _Side, statement: str) -> None:
        text = statement.encode() + b"\0"
        message = memoryview(b"Q" + (len(text) + 4).to_bytes(4) + text)
        while message:  # a few hundred bytes into an empty socket: hardly ever in two parts
            try:
                message = message[side.bytes.send(message) :]
            except BlockingIOError:
                self.look()
                time.sleep(0.01)

    def _turn(self) -> None:
        if not self.source.receive(self._forward) and not self.arrivals.select(LINGER_SECONDS):
            with self.source.woken_by(1):
                self._await_rows()
        self._between()

    def _between(self) -> None:
        if self.saying.due(self.moved):
            self._hear()
            self.progress(self.source.frames.rows, self.moved)
        self.look()

    def _await_rows(self) -> None:
        for key, _ in self.arrivals.select(wire.CHECK_SECONDS):
            if key.data is self.target:
                self._hear()
            else:
                self.source.receive(self._forward)

    def _forward(self, data: memoryview) -> None:
        if not self.source.said.startswith(b"H"):
            raise nonsense()
        self._send(data)
        self.moved += len(data)

    def _send(self, data: memoryview) -> None:
        send = self.target.bytes.send
        while data:
            try:
                data = data[send(data) :]
            except BlockingIOError:
                self._await_room()
            except OSError:
                self._hear()  # a server that ends a session says why before it hangs up
                raise

    def _await_room(self) -> None:
        for _, events in self.room.select(wire.CHECK_SECONDS):
            if events & selectors.EVENT_READ:
                self._hear()
        self.look()

    def _await_target(self) -> None:
        self.answers.select(wire.CHECK_SECONDS)
        self.target.receive(_refuse)
        self.look()

    def _hear(self) -> None:
        """Hears a target that gave up early, instead of sending it the rest of a large table."""
        while self.target.receive(_refuse):
            self.target.must_have_said(b"G")


def _refuse(data: memoryview) -> None:
    raise nonsense()


def _selector(*watched: tuple[_Side, int]) -> selectors.PollSelector:
    """Poll has no descriptor of its own to be closed."""
    selector = selectors.PollSelector()
    for side, events in watched:
        selector.register(side.socket, events, side)
    return selector
