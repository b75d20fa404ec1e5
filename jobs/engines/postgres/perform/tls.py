"""The bytes of a connection that libpq encrypts, by libpq's own OpenSSL and session: read and written in whole
buffers, without a call for each row.

libpq names its session for this purpose (`PQsslStruct`, https://www.postgresql.org/docs/current/libpq-status.html).
It is driven through the very library that libpq is bound to, found through the module that psycopg's connections
come from, whose dependencies a look-up of its symbols includes. Where a part is missing there is no `Session`.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

from psycopg.pq.abc import PGconn

_LATER = (2, 3)
"""openssl/ssl.h: SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE"""
_GONE = (5, 6)
"""openssl/ssl.h: SSL_ERROR_SYSCALL, SSL_ERROR_ZERO_RETURN"""

RECORD_BYTES = 16 * 1024
"""The most that a record of TLS holds (RFC 8446, 5.1); buffers are larger."""

_POINTER, _INT = ctypes.c_void_p, ctypes.c_int
_CALLS: dict[str, tuple[Any, list[Any]]] = {
    "PQsslStruct": (_POINTER, [_POINTER, ctypes.c_char_p]),
    "SSL_read": (_INT, [_POINTER, _POINTER, _INT]),
    "SSL_write": (_INT, [_POINTER, _POINTER, _INT]),
    "SSL_get_error": (_INT, [_POINTER, _INT]),
    "SSL_pending": (_INT, [_POINTER]),
    "ERR_clear_error": (None, []),
}


class Session:
    """As a non-blocking socket in `recv_into` and `send`; libpq keeps and frees what it stands for.

    Is watched through libpq's descriptor: nothing that came by it stays in OpenSSL, where it would wake nobody."""

    def __init__(self, library: ctypes.CDLL, ssl: int) -> None:
        self._ssl = ssl
        self._read, self._write = library.SSL_read, library.SSL_write
        self._forget, self._reason = library.ERR_clear_error, library.SSL_get_error

    def recv_into(self, view: memoryview) -> int:
        """Bytes of all records that are there and have room; 0 when the server has hung up. Raises BlockingIOError.

        Servers send records of 8 KB; one at a time would cost a walk and a smaller record onwards for each."""
        taken = 0
        while True:
            self._forget()
            count = int(self._read(self._ssl, _address(view[taken:]), len(view) - taken))
            if count <= 0:
                break
            taken += count
            if len(view) - taken < RECORD_BYTES:
                break
        if taken:
            return taken
        return 0 if self._why(count) in _GONE else self._failed()

    def send(self, data: memoryview) -> int:
        """Takes all of it or raises BlockingIOError, after which the same data must be offered again.

        libpq allows OpenSSL that the second offer lies elsewhere (SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)."""
        self._forget()
        count = int(self._write(self._ssl, bytes(data) if data.readonly else _address(data), len(data)))
        if count > 0:
            return count
        self._why(count)
        return self._failed()

    def _why(self, count: int) -> int:
        reason = int(self._reason(self._ssl, count))
        if reason in _LATER:
            raise BlockingIOError
        return reason

    def _failed(self) -> int:
        raise OSError("TLS broke off")


def session(pgconn: PGconn) -> Session | None:
    """The session of a connection, or None where there is none or it cannot be reached."""
    library, pointer = _library(type(pgconn).__module__), getattr(pgconn, "pgconn_ptr", None)
    if library is None or not pointer or not pgconn.ssl_in_use:
        return None
    ssl = library.PQsslStruct(pointer, b"OpenSSL")
    return Session(library, ssl) if ssl and not library.SSL_pending(ssl) else None


@cache
def _library(module: str) -> ctypes.CDLL | None:
    """libpq and all that it is bound to, with the types of what is called; None for a libpq without OpenSSL."""
    try:
        library = ctypes.CDLL(str(getattr(sys.modules[module], "__file__", "")))
        for name, (result, arguments) in _CALLS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return library


def _address(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view))
