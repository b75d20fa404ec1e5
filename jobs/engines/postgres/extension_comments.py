"""Comments that people changed on extensions and on their members, which no dump carries.

An extension's own comment is a person's where it is not the one that the source's files give it. A member's can only
be told from its author's by a fresh extension of the same version: the target's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from jobs.core.verdict import Difference
from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.parts import parts

KIND = "extension's comment"
_WORDS = {"foreign-data wrapper": "foreign data wrapper", "statistics object": "statistics"}


class Comment(NamedTuple):
    """One that is to be the same on both sides: of which object, and what each side says."""

    extension: str
    type: str
    identity: str
    source: str | None
    target: str | None

    @property
    def name(self) -> str:
        return f"extension {self.extension}" if self.type == "extension" else f"{self.type} {self.identity}"

    @property
    def statement(self) -> str:
        """Sets the source's; the identity is the source's own quoted text."""
        text = "null" if self.source is None else quote.text(self.source)
        return f"comment on {_word(self.type)} {self.identity} is {text}"


def _word(type: str) -> str:
    if type.endswith(" column"):
        return "column"
    return "constraint" if type == "table constraint" else _WORDS.get(type, type)


class _Extension(NamedTuple):
    version: str | None
    comment: str | None
    usual: str | None


def compared(source: Connection, target: Connection) -> list[Comment]:
    """Every comment that can be compared, equal or not; of extensions that both sides have."""
    ours, theirs = _extensions(source), _extensions(target)
    both = [name for name in ours if name in theirs]
    found = [
        Comment(name, "extension", quote.name(name), ours[name].comment, theirs[name].comment)
        for name in both
        if ours[name].comment != ours[name].usual
    ]
    same = {name for name in both if ours[name].version == theirs[name].version}
    here, there = _members(source, same), _members(target, same)
    keys = [*here, *(key for key in there if key not in here)]
    return found + [Comment(*key, here.get(key), there.get(key)) for key in keys]


def uncompared(source: Connection, target: Connection) -> Iterator[Difference]:
    """What nobody can tell: whose comments they are where the versions differ."""
    ours, theirs = _extensions(source), _extensions(target)
    said = {name for name, *_ in _members(source, ours.keys())}
    other = sorted(name for name in said if name in theirs and ours[name].version != theirs[name].version)
    if other:
        shown = ", ".join(other[:8]) + (f" and {len(other) - 8} more" if len(other) > 8 else "")
        why = "each version brings its own"
        yield Difference(kind="comment", name="members of extensions", what=f"not compared: {shown}", why=why)


def told(comment: Comment, before: Collection[str], refused: dict[str, str]) -> str:
    """Why the target's stays another; empty where nobody can say."""
    if comment.extension in before:
        return "the target had the extension before this run"
    return refused.get(comment.name, "")


def _extensions(connection: Connection) -> dict[str, _Extension]:
    rows = wire.run(connection, parts("extension_comments")["extensions"], lambda: None)
    return {name or "": _Extension(*rest) for name, *rest in rows}


def _members(connection: Connection, names: Collection[str]) -> dict[tuple[str, str, str], str | None]:
    rows = wire.run(connection, parts("extension_comments")["members"], lambda: None)
    return {
        (extension or "", type or "", identity or ""): text
        for extension, type, identity, text in rows
        if extension in names
    }
