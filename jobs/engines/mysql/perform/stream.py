"""Rows from a source's result set to LOAD DATA LOCAL on the target, as bytes, without an object per value.

Both ends are the driver's connections, authenticated and encrypted by it; in between its packets are read and
written by hand. *Plain* rows go on as they come, packet headers included: LOAD DATA skips whatever stands before a
row's start mark. A header cannot look like that mark: it would need a row of 16.5 MB, and such rows travel as cells.
*Cells* are taken from their packets and escaped one row at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pymysql
from pymysql.constants import COMMAND, CR
from pymysql.protocol import LoadLocalPacketWrapper, OKPacketWrapper

from jobs.core.errors import FerrybotError, Permanent
from jobs.core.model import Endpoint
from jobs.engines.mysql.columns import NULL, ROW, START
from jobs.engines.mysql.connect import Connection, connect, rows, run

READ_BYTES = 256 << 10
PACKET_BYTES = 512 << 10
"""Of what goes to the target at once; servers take at least a megabyte unless somebody made it less."""
_TAIL = 1200
"""An end or an error is the last packet of a result set, and never longer."""
_LONGEST = 0xFFFFFF

_END = re.compile(rb"\xfe\x05\x00\x00.\xfe....\Z", re.S)
_ERROR = re.compile(rb"\xfe(...).(\xff(..)#?.*)\Z", re.S)


class Stream:
    """A query's rows, read from the source's socket. `open` until its last packet was seen; `rows` so far."""

    def __init__(self, source: Connection, endpoint: Endpoint, query: str) -> None:
        raw: Any = source
        self._source = raw
        self._endpoint = endpoint
        self.open = False
        raw._execute_command(COMMAND.COM_QUERY, query)
        first = raw._read_packet()
        self.columns = first.read_length_encoded_integer()
        self.open = True
        for _ in range(self.columns + 1):
            raw._read_packet()
        self.rows = 0
        self._rows: Iterator[bytes] | None = None

    def plain(self) -> Iterator[bytes]:
        """Raw packets of one-column rows that end with `ROW`, in pieces of any size."""
        self._rows = self._plain()
        return self._rows

    def packets(self) -> Iterator[bytes]:
        """The payload of each row; a row of 16 MB and more is put together again."""
        self._rows = self._packets()
        return self._rows

    def _plain(self) -> Iterator[bytes]:
        held = ROW  # as if a row had ended before the first
        while True:
            data = held + self._read(READ_BYTES)
            self.rows += data.count(START) - held.count(START)  # ROW may be part of a header, too
            if _END.search(data, max(0, len(data) - 10)):
                self.open = False
                yield data[:-9]
                return
            self._raise_for(data)
            yield data[:-_TAIL]
            held = data[-_TAIL:]

    def _raise_for(self, data: bytes) -> None:
        at = data.find(ROW, max(0, len(data) - _TAIL))
        while at >= 0:
            found = _ERROR.match(data, at)
            if found and int.from_bytes(found[1], "little") == len(found[2]):
                self.open = False
                pymysql.err.raise_mysql_exception(found[2])
            at = data.find(ROW, at + 1)

    def _packets(self) -> Iterator[bytes]:
        data, at = b"", 0
        parts: list[bytes] = []
        while True:
            length = int.from_bytes(data[at : at + 3], "little") if len(data) - at >= 4 else -1
            if length < 0 or len(data) - at - 4 < length:
                data, at = data[at:] + self._more(length + 4 - (len(data) - at)), 0
                continue
            payload = data[at + 4 : at + 4 + length]
            at += 4 + length
            if parts or length == _LONGEST:
                parts.append(payload)
                if length == _LONGEST:
                    continue
                payload, parts = b"".join(parts), []
            elif length < 9 and payload[:1] == b"\xfe":
                self.open = False
                return
            elif payload[:1] == b"\xff":
                self.open = False
                pymysql.err.raise_mysql_exception(payload)
            self.rows += 1
            yield payload

    def _more(self, wanted: int) -> bytes:
        pieces = []
        while True:
            pieces.append(self._read(max(READ_BYTES, wanted)))
            wanted -= len(pieces[-1])
            if wanted <= 0:
                return b"".join(pieces)

    def _read(self, size: int) -> bytes:
        """What is there, at most `size` bytes. Raises the driver's error when the line is cut."""
        try:
            piece: bytes = self._source._rfile.read1(size)
        except OSError:
            piece = b""
        if not piece:
            raise pymysql.err.OperationalError(CR.CR_SERVER_LOST, "Lost connection during a result set")
        return piece

    def abandon(self) -> None:
        """Nobody wants the rest: the session stays in its snapshot, or is closed where that cannot be had."""
        if not self.open or not self._source.open:
            return
        try:
            with connect(self._endpoint, purpose="stop") as other:
                run(other, f"kill query {self._source.thread_id()}")
            for _ in self._rows or ():
                pass
        except pymysql.MySQLError:
            pass  # the kill itself, as the last packet says it
        except (FerrybotError, OSError):
            self._source.close()
        if self.open:
            with suppress(pymysql.MySQLError):
                self._source.close()
        self.open = False


def cells_of(payload: bytes, count: int) -> list[bytes | None]:
    """The values of a row's packet."""
    fields: list[bytes | None] = []
    at = 0
    for _ in range(count):
        first = payload[at]
        if first == 251:
            fields.append(None)
            at += 1
            continue
        width = _WIDTHS.get(first, 0)
        start = at + 1 + width
        at = start + (int.from_bytes(payload[at + 1 : start], "little") if width else first)
        fields.append(payload[start:at])
    return fields


_WIDTHS = {252: 2, 253: 3, 254: 8}


def row_of_cells(payload: bytes, bare: Sequence[bool]) -> bytes:
    """A line of LOAD DATA's own default format: tabs, newlines and backslashes escaped, NULL as \\N."""
    return b"\t".join(map(_escaped, cells_of(payload, len(bare)), bare)) + b"\n"


def _escaped(cell: bytes | None, bare: bool) -> bytes:
    if cell is None:
        return b"\\N"
    return cell if bare else cell.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\n", b"\\n")


def lines(packets: Iterator[bytes], bare: Sequence[bool]) -> Iterator[bytes]:
    """Rows of cells, many at a time."""
    pending, size = [], 0
    for payload in packets:
        line = row_of_cells(payload, bare)
        pending.append(line)
        size += len(line)
        if size >= READ_BYTES:
            yield b"".join(pending)
            pending, size = [], 0
    yield b"".join(pending)


def escaped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Plain rows as LOAD DATA reads them: one byte at a time has a meaning, so pieces may be cut anywhere."""
    for piece in pieces:
        yield piece.replace(b"\\", b"\\\\").replace(NULL, b"\\N")


@dataclass(frozen=True)
class Loaded:
    """What the target says of a LOAD DATA; `codes` are the numbers of its warnings."""

    rows: int
    skipped: int
    codes: frozenset[int]


_NON_ASCII_SEPARATOR = 1638
_SAID = re.compile(r"Records: (\d+)\s+Deleted: (\d+)\s+Skipped: (\d+)\s+Warnings: (\d+)")


def load(target: Connection, statement: str, pieces: Iterator[bytes], moved: Callable[[int], None]) -> Loaded:
    """Feeds LOAD DATA LOCAL; `moved` hears the bytes so far. After any exception the connection is of no more use."""
    raw: Any = target
    raw._execute_command(COMMAND.COM_QUERY, statement)
    answer = raw._read_packet()
    if not answer.is_load_local_packet():
        raise Permanent("The target did not ask for the rows", remedy="Set local_infile=ON in the target.")
    LoadLocalPacketWrapper(answer)
    total = 0
    try:
        for piece in pieces:
            for start in range(0, len(piece), PACKET_BYTES):
                raw.write_packet(piece[start : start + PACKET_BYTES])
            total += len(piece)
            moved(total)
        raw.write_packet(b"")
    except BaseException:
        # The server takes whatever comes for rows, a farewell too: only a cut line ends this, and rolls back.
        raw._force_close()
        raise
    ok = OKPacketWrapper(raw._read_packet())
    said = _SAID.search(ok.message.decode("ascii", "replace"))
    codes: frozenset[int] = frozenset()
    if ok.warning_count:
        codes = frozenset(int(row[1]) for row in rows(target, "show warnings")) - {_NON_ASCII_SEPARATOR}
    return Loaded(int(said[1]) if said else ok.affected_rows, int(said[3]) if said else 0, codes)
