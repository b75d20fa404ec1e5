"""A log that cannot be changed unseen: each line begins with the hash of the line before it. Pure.

Why any change is found. A line's hash covers its own prefix, so the hash of the last line, the *head*, covers every
byte of the file. Editing, dropping, adding or swapping lines leaves a line whose prefix is not the hash of the line
before it, or an end that is not the end. Who writes the whole chain anew gets another head: that is why the head is
kept elsewhere, in the thread and in the ledger.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

BEGIN = hashlib.sha256(b"ferrybot log, version 1").hexdigest()
"""What the first line begins with; another format will have another."""
_PREFIX = re.compile(rb"[0-9a-f]{64} ")


@dataclass(frozen=True)
class Chain:
    """A whole log. `text` is the file, `head` the hash of its last line, `lines` counts all but the end."""

    text: str
    head: str
    lines: int


class Broken(Exception):
    """The first line (from 1) at which the file is not what was written, and why."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


def chained(lines: Iterable[str]) -> Chain:
    """The log of `lines`; one that holds line feeds becomes several."""
    made: list[str] = []
    head = BEGIN
    single = [one for line in lines for one in line.split("\n")]
    for text in (*single, _end(len(single))):
        made.append(f"{head} {text}\n")
        head = _hash(made[-1].encode())
    return Chain(text="".join(made), head=head, lines=len(single))


def verified(data: bytes) -> Chain:
    """The log in `data`, of which every line was looked at. Raises `Broken`.

    A chain that somebody has written anew is whole, too: compare the head."""
    found = data.split(b"\n")
    if found[-1]:
        raise Broken(len(found), "the file ends in the middle of a line")
    if len(found) > 1 and found[-2].endswith(b"\r"):
        raise Broken(1, "the line endings were changed, as some editors and transfers do")
    head = BEGIN
    for number, line in enumerate(found[:-1], 1):
        _demand_next(number, line, head)
        head = _hash(line + b"\n")
    count = len(found) - 2
    if count < 0 or found[-2][65:] != _end(count).encode():
        raise Broken(len(found), "the end is missing: lines were cut off")
    try:
        return Chain(text=data.decode(), head=head, lines=count)
    except UnicodeDecodeError as error:
        raise Broken(data.count(b"\n", 0, error.start) + 1, "it is not UTF-8") from None


def plain(chain: Chain) -> list[str]:
    """The lines without their hashes and without the end."""
    return [line[65:] for line in chain.text.split("\n")[: chain.lines]]


def _demand_next(number: int, line: bytes, head: str) -> None:
    if not _PREFIX.match(line):
        raise Broken(number, "it does not begin with the hash of the line before it")
    if line[:64] != head.encode():
        before = (
            "it is not the first line of a log" if number == 1 else f"it does not follow line {number - 1} as it is"
        )
        raise Broken(number, f"{before}: one of them was edited, or lines were dropped, added or swapped")


def _end(lines: int) -> str:
    return f"-- end of the log, {lines} lines --"


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
