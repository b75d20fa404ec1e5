"""How tasks are cut: so many statements a text, large things alone, small ones together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

ENTRIES_PER_TEXT = 1000
"""Objects made in one transaction: each takes up to three locks, and a default server has room for 6,400."""
SMALL_BYTES = 1 << 20
"""Smaller tables travel in groups: their cost is the round trip and the commit."""
GROUP_TABLES, GROUP_BYTES = 50, 8 << 20


def chunks(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def groups(items: Sequence[Any], size: Callable[[Any], int]) -> Iterator[list[Any]]:
    """Large items alone, small ones together up to a number and a size; the largest first."""
    group: list[Any] = []
    for item in sorted(items, key=size, reverse=True):
        if size(item) >= SMALL_BYTES:
            yield [item]
            continue
        if len(group) == GROUP_TABLES or (group and sum(map(size, group)) + size(item) > GROUP_BYTES):
            yield group
            group = []
        group.append(item)
    if group:
        yield group
