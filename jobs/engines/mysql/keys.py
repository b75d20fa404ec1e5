"""Foreign keys that rows break. Here a key can be there, and hold for every new row, over rows that were never asked.

So it arrives as it is in the source, and is told as broken with its orphans; there is nothing to add when they are
mended, only to look again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jobs.core.verdict import BrokenKey
from jobs.engines.mysql import parts
from jobs.engines.mysql.catalog import Catalog, ForeignKey, Table
from jobs.engines.mysql.connect import Connection, one, rows
from jobs.engines.mysql.inspect_rows import orphan_rows

EXAMPLES = 10
KEY_LETTERS = 60
"""Of a key's text: enough to find the row, short enough for ten of them in a message."""


def name_of(table: Table, key: ForeignKey) -> str:
    """As the check that counts orphans calls it."""
    return f"{table.name}.{key.name}"


def task_of(tables: Sequence[Table], database: str) -> dict[str, Any]:
    """What a lane needs to look at every key of the tables whose rows move."""
    moved = {table.name.lower() for table in tables}
    return {
        "keys": [
            _look(table, key)
            for table in tables
            for key in table.foreign_keys
            if key.other_database == database and key.other_table.lower() in moved
        ]
    }


def _look(table: Table, key: ForeignKey) -> dict[str, Any]:
    named = parts.key_of(table)
    return {
        "name": name_of(table, key),
        "rows": orphan_rows(table, key),
        "listed": named.listed if named else "",
        "table": table.name,
    }


def look(connection: Connection, document: dict[str, Any], table: Table | None) -> BrokenKey | None:
    """None where every row has its parent. `table` says how its keys are shown; without it none is."""
    found = document["rows"]
    count = int(one(connection, f"select count(*) {found}")[0])
    if not count:
        return None
    named = parts.key_of(table) if table is not None and document["listed"] else None
    examples: tuple[str, ...] = ()
    if named is not None:
        texts = rows(connection, f"select {document['listed']} {found} limit {EXAMPLES}")
        examples = tuple(_clipped(named.shown([str(value) for value in values])) for values in texts)
    find = f"select t.* {found}"
    return BrokenKey(name=document["name"], orphans=count, find=find, examples=examples, stands=True)


def _clipped(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= KEY_LETTERS else said[:KEY_LETTERS] + "…"


def revalidate(
    target: Connection, there: Catalog, names: Sequence[str], check: Callable[[], None], note: Callable[..., None]
) -> tuple[BrokenKey, ...]:
    """Those of the named keys that rows still break, with the orphans of today. Idempotent."""
    known = {name_of(table, key): (table, key) for table in there.tables for key in table.foreign_keys}
    left: list[BrokenKey] = []
    for name in names:
        check()
        if name not in known:
            note(f"Foreign key {name} is not in the target any more.", warning=True)
            continue
        table, key = known[name]
        broken = look(target, _look(table, key), table)
        left += [broken] if broken else []
    return tuple(left)
