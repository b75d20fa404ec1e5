"""The protocol's messages, cut at any byte."""

from __future__ import annotations

import struct

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.engines.postgres.perform.frames import KEPT_BYTES, Frames, error_of

Piece = tuple[bytes, bytes]

BODIES = st.binary(max_size=40) | st.integers(0, 3000).map(bytes)
PIECES = st.lists(st.tuples(st.sampled_from([b"d", b"d", b"d", b"N", b"S", b"A", b"c", b"C", b"H"]), BODIES))


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def walk(stream: bytes, cuts: list[int], size: int) -> tuple[bytes, list[tuple[int, bytes]], int]:
    """Feeds a stream as a socket would: into a buffer of some size, in reads of any length."""
    frames, view, kept, at = Frames(), memoryview(bytearray(size)), 0, 0
    data, said = b"", list[tuple[int, bytes]]()
    for cut in [*cuts, *([size] * (len(stream) + 1))]:
        part = stream[at : at + min(cut, size - kept)]
        if not part:
            break
        at, end = at + len(part), kept + len(part)
        view[kept:end] = part
        walked = frames.walk(view, end)
        data += b"".join(bytes(view[a:b]) for a, b in walked.spans)
        said += walked.messages
        kept = end - walked.rest
        assert kept < 5
        view[:kept] = view[walked.rest : end]
    assert kept == 0
    return data, said, frames.rows


@given(PIECES, st.lists(st.integers(1, 50)), st.integers(5, 400))
def test_data_and_the_rest_are_told_apart_wherever_reads_end(pieces: list[Piece], cuts: list[int], size: int) -> None:
    stream = b"".join(message(*piece) for piece in pieces)
    data, said, rows = walk(stream, cuts, size)
    assert data == b"".join(message(*piece) for piece in pieces if piece[0] == b"d")
    assert said == [(piece[0][0], piece[1]) for piece in pieces if piece[0] != b"d"]
    assert rows == sum(piece[0] == b"d" for piece in pieces)


def test_of_a_message_of_megabytes_little_is_kept() -> None:
    stream = message(b"N", bytes(3 << 20)) + message(b"d", b"row")
    data, said, _ = walk(stream, [], 100_000)
    assert data == message(b"d", b"row")
    assert [(kind, len(body)) for kind, body in said] == [(ord("N"), KEPT_BYTES)]


@pytest.mark.parametrize("stream", [b"HTTP/1.1 400", b"d\0\0\0\3xxx", b"c\0\0\0\0", b"\x15\3\3\0\2\2\x28"])
def test_what_is_no_message_is_an_error(stream: bytes) -> None:
    with pytest.raises(psycopg.OperationalError, match="no message of the protocol"):
        Frames().walk(memoryview(stream), len(stream))


def test_a_servers_error_is_psycopgs_with_its_fields() -> None:
    body = b"SERROR\0VERROR\0C23514\0Mno\0DRow (1)\0WCOPY a, line 7\0nchk\0Xunknown\0\0"
    error = error_of(body)
    assert isinstance(error, psycopg.errors.CheckViolation) and error.sqlstate == "23514"
    diag = error.diag
    assert (diag.severity, diag.message_primary, diag.constraint_name) == ("ERROR", "no", "chk")
    assert diag.context == "COPY a, line 7" and diag.column_name is None
    assert str(error) == "no\nDETAIL:  Row (1)\nCONTEXT:  COPY a, line 7"
    assert type(error_of(b"SERROR\0CZZ999\0Modd\0\0")) is psycopg.DatabaseError
