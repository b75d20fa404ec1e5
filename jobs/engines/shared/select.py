"""Which tables move: patterns `schema.table`, in which `*` stands for any characters. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Protocol, TypeVar

Key = tuple[str, str]


class Selectable(Protocol):
    @property
    def key(self) -> Key:
        """(schema, name)"""

    @property
    def parent(self) -> Key | None:
        """The partitioned table of which this is a partition."""


S = TypeVar("S", bound=Selectable)


def selected(tables: Iterable[S], include: Sequence[str], exclude: Sequence[str]) -> list[S]:
    """The chosen of `tables`, in their order. No pattern in `include` chooses all; `exclude` has the last word.

    A pattern that names a partitioned table means its partitions too. A chosen partition brings the partitioned
    tables above it, which hold no rows of their own, so that it can be attached.
    """
    every = list(tables)
    family = {table.key: table.parent for table in every}
    excluded = {key for key in family if any(_named(k, exclude) for k in _line(key, family))}
    chosen = {key for key in family if not include or any(_named(k, include) for k in _line(key, family))}
    brought = {above for key in chosen - excluded for above in _line(key, family)}
    return [table for table in every if table.key in brought]


def named(tables: Iterable[S], patterns: Sequence[str]) -> set[Key]:
    """The tables that a pattern names, itself or by a partitioned table above."""
    every = list(tables)
    family = {table.key: table.parent for table in every}
    return {key for key in family if any(_named(k, patterns) for k in _line(key, family))}


def idle(tables: Iterable[Selectable], patterns: Sequence[str]) -> list[str]:
    """The patterns that name no table: most likely a slip of the pen."""
    keys = [table.key for table in tables]
    return [pattern for pattern in patterns if not any(matches(pattern, key) for key in keys)]


def matches(pattern: str, key: Key) -> bool:
    """Whether the pattern names the table. A dot inside a name is tried as the separator too."""
    return any(schema.fullmatch(key[0]) and name.fullmatch(key[1]) for schema, name in _readings(pattern))


def _named(key: Key, patterns: Sequence[str]) -> bool:
    return any(matches(pattern, key) for pattern in patterns)


def _line(key: Key, family: dict[Key, Key | None]) -> Iterator[Key]:
    """A table and the partitioned tables above it, as far as they are known."""
    at: Key | None = key
    while at is not None and at in family:
        yield at
        at = family[at]


@cache
def _readings(pattern: str) -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    dots = [i for i, letter in enumerate(pattern) if letter == "."]
    return tuple((_glob(pattern[:i]), _glob(pattern[i + 1 :])) for i in dots)


def _glob(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
