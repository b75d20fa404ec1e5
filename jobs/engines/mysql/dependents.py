"""What needs a table that does not move, or another database. Pure.

A view's text is all that MariaDB knows of what it reads: names are looked for in it, in backticks as servers write
them. A name that only looks like a table's (an alias) may be taken for one; nothing that needs a table is missed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jobs.engines.mysql.catalog import Catalog, View
from jobs.engines.mysql.inventory import Inventory

_NAME = r"`((?:[^`]|``)+)`"
_PAIR = re.compile(rf"(?<!\.){_NAME}\.{_NAME}")


def pairs(text: str) -> set[tuple[str, str]]:
    """Every `a`.`b` of a statement, quotes and comments left out."""
    return {(plain(first), plain(second)) for first, second in _PAIR.findall(_bare(text))}


_QUOTED = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|/\*.*?\*/|(`(?:[^`]|``)*`)""", re.S)


def _bare(text: str) -> str:
    return _QUOTED.sub(lambda found: found[1] or " ", text)


def plain(name: str) -> str:
    return name.replace("``", "`")


def broken(inventory: Inventory) -> tuple[View, ...]:
    """Views over a table that does not move, and views over such views."""
    catalog = inventory.source.catalog.get()
    gone = set(catalog.by_name) - inventory.selected_names
    fallen: list[View] = []
    while more := [view for view in catalog.views if view not in fallen and _reads(view, catalog.database) & gone]:
        fallen += more
        gone |= {view.name for view in more}
    return tuple(sorted(fallen, key=lambda view: view.name))


def _reads(view: View, database: str) -> set[str]:
    return {name for where, name in pairs(view.body or view.create) if where == database}


def elsewhere(catalog: Catalog, databases: Iterable[str]) -> dict[str, set[str]]:
    """Object -> the other databases that its text names."""
    others = set(databases) - {catalog.database}
    found = {f"view {view.name}": named(view.body or view.create, others) for view in catalog.views}
    found |= {name: named(text, others) for name, text in _programs(catalog)}
    return {name: where for name, where in found.items() if where}


def itself(catalog: Catalog) -> list[str]:
    """Objects whose text names the database that they are in; under another name it would not be theirs.

    A server writes a view's tables without the database, as long as all of them are in the view's own."""
    views = [
        f"view {v.name}" for v in catalog.views if any(where == catalog.database for where, _ in pairs(v.create))
    ]
    return views + [name for name, text in _programs(catalog) if named(text, {catalog.database})]


def _programs(catalog: Catalog) -> Iterator[tuple[str, str]]:
    yield from ((f"trigger {trigger.name}", trigger.body) for trigger in catalog.triggers)
    yield from ((f"{routine.kind.lower()} {routine.name}", routine.create) for routine in catalog.routines)
    yield from ((f"event {event.name}", event.create) for event in catalog.events)


def named(text: str, databases: set[str]) -> set[str]:
    """Which of the databases a text names before a dot, in backticks or without."""
    bare = _bare(text)
    words = {plain(quoted) or word for quoted, word in re.findall(rf"(?:{_NAME}|\b([0-9A-Za-z_$]+))\s*\.", bare)}
    return databases & words
