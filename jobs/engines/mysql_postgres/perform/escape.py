"""Rows that the source rendered, as lines of COPY's text format: escaped in bulk, never value by value. Pure.

Between values stands FF, for NULL stands FE, behind a row stands FD: bytes that no text of UTF-8 holds. Were one in a
value all the same (the source called bytes a text), COPY would refuse the row or the checksum would tell.
"""

from __future__ import annotations

FIELD, NULL, ROW = b"\xff", b"\xfe", b"\xfd"

_TABLE = bytes.maketrans(FIELD + ROW, b"\t\n")


def lines(block: bytes) -> bytes:
    """A block of rows as COPY reads it."""
    for byte, escaped in ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t")):
        if byte in block:
            block = block.replace(byte, escaped)
    if NULL in block:
        block = block.replace(NULL, b"\\N")
    return block.translate(_TABLE)
