"""Messages of PostgreSQL's protocol in buffers that are cut anywhere: what to forward, what was said.

Decides only; `relay` reads and writes. A message is a kind (1 byte), a length that counts itself (4 bytes) and a
body. CopyData has one form in both directions, so whole runs of it are forwarded as they lie in the buffer.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import psycopg
from psycopg.pq import DiagnosticField

HEADER = struct.Struct("!BI")
COPY_DATA = ord("d")
_KINDS = frozenset(b"ACEGHNSZc")
KEPT_BYTES = 64 * 1024
"""Of a message that is not data; a server's error is a few hundred bytes, libpq refuses long ones altogether."""

LARGEST_BYTES = 1 << 30
"""A server can put no larger one together."""

RUN_AFTER = 3
"""Rows of one size in a row after which more are expected: rarer in rows of many sizes than the look would cost."""
RUN_LEAST = 8
"""So many are looked at first, all that the buffer holds only when these were alike."""

Message = tuple[int, bytes]


@dataclass
class Walked:
    """A buffer's data as (start, end), its other messages, and where a header begins that is not all there."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    rest: int = 0


class Frames:
    """One direction of one connection; remembers the message that a buffer's end cut."""

    def __init__(self) -> None:
        self.rows = 0
        self._data_left = 0
        self._kind = 0
        self._body = bytearray()
        self._body_left = 0

    def walk(self, view: memoryview, end: int) -> Walked:
        """Reads `view[:end]`. Raises OperationalError where these are not a server's messages."""
        walked, position = Walked(), 0
        while position < end:
            if self._body_left:
                position = self._collect(view, position, end, walked)
                continue
            start, position = position, self._skip_data(view, position, end)
            if position > start:
                walked.spans.append((start, position))
            if end - position < HEADER.size:
                break
            position = self._open(view, position, walked)
        walked.rest = position
        return walked

    def _skip_data(self, view: memoryview, position: int, end: int) -> int:
        """Past all CopyData from here on; the tight loop, once a row or once a run of rows of one size."""
        position += self._data_left
        last, unpack, rows, before, alike = end - HEADER.size, HEADER.unpack_from, 0, 0, 0
        while position <= last:
            kind, length = unpack(view, position)
            if kind != COPY_DATA:
                break
            if length < 4:
                raise nonsense()
            alike = alike + 1 if length == before else 0
            run = 1
            if alike >= RUN_AFTER:
                run = _run(view, position, end, length)
                alike = 0
            position += run * (length + 1)
            rows += run
            before = length
        self.rows += rows
        self._data_left = max(0, position - end)
        return min(position, end)

    def _open(self, view: memoryview, position: int, walked: Walked) -> int:
        """Begins a message other than CopyData."""
        kind, length = HEADER.unpack_from(view, position)
        if kind not in _KINDS or not 4 <= length <= LARGEST_BYTES:
            raise nonsense()
        self._kind, self._body_left = kind, length - 4
        if not self._body_left:
            walked.messages.append((kind, b""))
        return position + HEADER.size

    def _collect(self, view: memoryview, position: int, end: int, walked: Walked) -> int:
        taken = min(self._body_left, end - position)
        self._body += view[position : position + min(taken, KEPT_BYTES - len(self._body))]
        self._body_left -= taken
        if not self._body_left:
            walked.messages.append((self._kind, bytes(self._body)))
            self._body.clear()
        return position + taken


def _run(view: memoryview, position: int, end: int, length: int) -> int:
    """How many frames of `length` follow each other from here, at least one: each header says where the next is."""
    most = max(1, (end - position - HEADER.size) // (length + 1) + 1)
    found = _alike(view, position, length, min(RUN_LEAST, most))
    return _alike(view, position, length, most) if found == RUN_LEAST < most else found


def _alike(view: memoryview, position: int, length: int, count: int) -> int:
    """How many of `count` headers in a row are the same; a byte of every header at a time, by C's loops."""
    for offset, byte in enumerate(HEADER.pack(COPY_DATA, length)):
        start = position + offset
        column = bytes(view[start : start + (count - 1) * (length + 1) + 1 : length + 1])
        count = min(count, len(column) - len(column.lstrip(bytes((byte,)))))
    return max(1, count)


def error_of(body: bytes) -> psycopg.Error:
    """psycopg's error for an ErrorResponse, with the fields that libpq's result would have."""
    fields: dict[int, bytes | None] = dict.fromkeys(DiagnosticField)
    for part in body.split(b"\0"):
        if part and part[0] in fields:
            fields[part[0]] = part[1:]
    parts = [_text(fields, DiagnosticField.MESSAGE_PRIMARY) or "no message"]
    for name, which in _MORE.items():
        if said := _text(fields, which):
            parts.append(f"{name}:  {said}")
    return _class_of(_text(fields, DiagnosticField.SQLSTATE))("\n".join(parts), info=fields, encoding="utf-8")


_MORE = {
    "DETAIL": DiagnosticField.MESSAGE_DETAIL,
    "HINT": DiagnosticField.MESSAGE_HINT,
    "CONTEXT": DiagnosticField.CONTEXT,
}


def _text(fields: dict[int, bytes | None], which: DiagnosticField) -> str:
    return (fields[which] or b"").decode("utf-8", "replace")


def _class_of(state: str) -> type[psycopg.Error]:
    try:
        return psycopg.errors.lookup(state)
    except KeyError:
        return psycopg.errors.get_base_exception(state)


def nonsense() -> psycopg.OperationalError:
    """Nothing that a server says in a COPY."""
    return psycopg.OperationalError("the server sent what is no message of the protocol")
