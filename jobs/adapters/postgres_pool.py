"""A few connections to the ledger's own database, opened when they are needed and opened anew when they broke."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from jobs.core.errors import Permanent
from jobs.core.model import Dialect, TlsMode
from jobs.core.urls import parse_url
from jobs.logs import redact, remember_secret

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_SECONDS = 5
"""A gesture waits for it after its acknowledgement, and a person for the answer."""
STATEMENT_MS = 10_000
"""Each statement touches a few rows of one migration: one that takes longer waits for something that hangs."""
MOST = 4
"""Connections of one process. Statements take about a millisecond, so that more threads than these hardly wait."""
_REMEDY = "Correct LEDGER_URL, or the server's users and pg_hba.conf."


class Away(Exception):
    """The server cannot be reached or went away; `sent`: a statement may have reached it."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__()
        self.sent = sent


class Pool:
    """Connections in autocommit to one address. Safe to use from several threads; not across a fork."""

    def __init__(self, url: SecretStr) -> None:
        self._url = url
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MOST)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for this thread alone. Raises `Away`; `Permanent` when the server refuses us."""
        with self._places:
            connection = self._take()
            try:
                yield connection
            except (psycopg.OperationalError, psycopg.InterfaceError):
                connection.close()
                # The others of before a restart are as dead.
                self.close()
                raise Away(sent=True) from None
            except pg.InsufficientPrivilege as error:
                raise _refused(error, "Grant it: docs/operations.md has the statements.") from None
            finally:
                self._give(connection)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            with suppress(psycopg.Error):
                connection.close()

    def _take(self) -> Connection:
        while idle := self._popped():
            if not _stale(idle):
                return idle
            idle.close()
        return _connect(self._url)

    def _popped(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give(self, connection: Connection) -> None:
        if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)


def _stale(connection: Connection) -> bool:
    """Something came while nothing was asked: the server's farewell, or the end of the line. Found before a statement
    is sent, it leaves no doubt whether that one arrived."""
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(watch.poll(0))


def _connect(url: SecretStr) -> Connection:
    try:
        # Nothing is prepared: a pooler between us and the server may hand the next statement to another session.
        return psycopg.connect(_conninfo(url), autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as error:
        if _passing(error):
            raise Away(sent=False) from None
        raise _refused(error, _REMEDY) from None


def _conninfo(url: SecretStr) -> str:
    at = parse_url(url, label="LEDGER_URL", engine=Dialect.postgresql)
    remember_secret(at.password)
    root = at.tls_root or ("system" if at.tls is TlsMode.verify_full else None)
    return make_conninfo(
        host=at.host,
        port=at.port,
        dbname=at.database,
        user=at.user,
        password=at.password.get_secret_value(),
        sslmode=at.tls.value,
        **({"sslrootcert": root} if root else {}),
        application_name="ferrybot ledger",
        client_encoding="UTF8",
        connect_timeout=CONNECT_SECONDS,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=2,
        tcp_user_timeout=STATEMENT_MS,
        options=f"-c statement_timeout={STATEMENT_MS} -c search_path= -c synchronous_commit=on",
    )


def _passing(error: psycopg.OperationalError) -> bool:
    """Nobody answers, or the server starts or stops. What it refuses by name stays refused: it carries a code that
    libpq does not hand on at connecting, so that its words must be read (they are English or not understood)."""
    text = str(error)
    stays = ("authentication failed", "no pg_hba.conf entry", "does not exist", "not permitted to log in", "SSL")
    return not any(word in text for word in (*stays, "certificate", "no password supplied", "permission denied"))


def _refused(error: psycopg.Error, remedy: str) -> Permanent:
    said = redact(str(error)).strip().splitlines()[-1][:300].rstrip(".")
    return Permanent(f"The ledger's database refuses us: {said}.", meaning="Nothing was written.", remedy=remedy)
