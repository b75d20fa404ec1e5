"""Collations that the target does not know, and the nearest that it does. Pure.

A name says what matters: character set, language, whether case, accents and trailing spaces count, and the version
of Unicode's algorithm. What counts decides whether two values are one in a unique index, so it weighs most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jobs.engines.mysql.catalog import Catalog
from jobs.engines.mysql.inventory import Inventory

_FAMILIES = {"general": 0, "unicode": 1, "520": 2, "0900": 3, "uca1400": 4}
_FLAGS = frozenset({"bin", "ci", "cs", "ai", "as", "nopad", "pb", "ks"})


@dataclass(frozen=True)
class Traits:
    """What a collation's name says."""

    binary: bool
    case: bool
    accents: bool
    pads: bool
    language: frozenset[str]
    family: int


def traits(name: str) -> Traits:
    words = name.split("_")[1:]
    flags = _FLAGS & set(words)
    family = max((rank for word, rank in _FAMILIES.items() if word in words), default=1)
    return Traits(
        binary="bin" in flags,
        case="cs" in flags,
        # Without a word, what ignores case ignores accents too; only the newer ones say it.
        accents="as" in flags or ("cs" in flags and "ai" not in flags),
        pads="nopad" not in flags and "0900" not in words,
        language=frozenset(words) - _FLAGS - set(_FAMILIES),
        family=family,
    )


def distance(name: str, other: str) -> int:
    """How much of what matters differs; 0 for the same."""
    a, b = traits(name), traits(other)
    weights = (
        (100, a.binary != b.binary),
        (40, a.case != b.case),
        (20, a.accents != b.accents),
        (10, a.language != b.language),
        (5, a.pads != b.pads),
    )
    return sum(weight for weight, differs in weights if differs) + 2 * abs(a.family - b.family)


def nearest(name: str, known: Mapping[str, str], limit: int = 12) -> list[str]:
    """Collations of the same character set, the nearest first; empty where the character set itself is unknown."""
    charset = _charset(name)
    same = [other for other, its in known.items() if _charset(its) == charset]
    return sorted(same, key=lambda other: (distance(name, other), other))[:limit]


def _charset(text: str) -> str:
    """`utf8` is another name of `utf8mb3`."""
    charset = text.split("_")[0]
    return "utf8mb3" if charset == "utf8" else charset


def used(inventory: Inventory) -> dict[str, list[str]]:
    """Collation -> what uses it, of everything that moves."""
    found: dict[str, list[str]] = {}
    for name, user in _uses(inventory.source.catalog.get(), inventory):
        if name:
            found.setdefault(name, []).append(user)
    return found


def _uses(catalog: Catalog, inventory: Inventory) -> Iterator[tuple[str, str]]:
    yield catalog.collation, "the database itself"
    for table in inventory.selected:
        yield table.collation, table.name
        yield from ((column.collation, f"{table.name}.{column.name}") for column in table.columns)
    for view in catalog.views:
        yield view.collation, f"view {view.name}"
    for trigger in catalog.triggers:
        yield trigger.collation, f"trigger {trigger.name}"
    for routine in catalog.routines:
        yield routine.collation, f"{routine.kind.lower()} {routine.name}"
    for event in catalog.events:
        yield event.collation, f"event {event.name}"


def unknown(inventory: Inventory) -> dict[str, list[str]]:
    """Used collations that the target does not have, and what uses them."""
    known = inventory.target.collations.get()
    # A source of an older version says utf8_…, where the target says utf8mb3_….
    names = set(known) | {name.replace("utf8mb3_", "utf8_", 1) for name in known}
    return {name: users for name, users in sorted(used(inventory).items()) if name not in names}
