"""Names on their way: MySQL compares them without case and takes 64 letters, PostgreSQL with case and 63 bytes. Pure.

A table's or column's name is what programs say: it is folded or kept, and never shortened in silence. An index or
constraint, which nobody names in a query, may be shortened: the same name always to the same one.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

OF_THE_SYSTEM = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""Columns that every table of PostgreSQL has (ddl-system-columns)."""
MOST_BYTES = 63


def fold(name: str, rule: str) -> str:
    """`name` as the target calls it; `rule` is `lower` or `keep`."""
    return name.lower() if rule == "lower" else name


def too_long(name: str) -> bool:
    return len(name.encode()) > MOST_BYTES


def collisions(names: Iterable[str], rule: str) -> list[tuple[str, ...]]:
    """Groups of names that become one."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[fold(name, rule)].append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def shorten(name: str) -> str:
    """At most 63 bytes: the beginning, and a mark made from the whole name."""
    if not too_long(name):
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    kept = name.encode()[: MOST_BYTES - 9].decode(errors="ignore")
    return f"{kept}_{mark}"


class Taken:
    """The names of relations of one schema: there an index has no name that a table or another index has."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def free(self, wish: str, table: str) -> str:
        """`wish`, or `table_wish` where that is taken, or that with a number; from then on taken."""
        for name in (wish, f"{table}_{wish}"):
            if (short := shorten(name)) not in self._taken:
                return self._take(short)
        number = 2
        while (short := shorten(f"{table}_{wish}_{number}")) in self._taken:
            number += 1
        return self._take(short)

    def _take(self, name: str) -> str:
        self._taken.add(name)
        return name
