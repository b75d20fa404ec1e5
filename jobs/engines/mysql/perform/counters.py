"""The next values of AUTO_INCREMENT columns and of MariaDB's sequences, as the source has them at that moment."""

from __future__ import annotations

from typing import Any

from jobs.engines.mysql import quote
from jobs.engines.mysql.connect import Connection, one, rows, run
from jobs.engines.mysql.perform.hands import Hands
from jobs.ports.engine import Done, Task, Watch

_NEXT = (
    "select table_name, auto_increment from information_schema.tables"
    " where table_schema = database() and auto_increment is not null"
)


def next_values(connection: Connection, sequences: list[str]) -> dict[str, list[Any]]:
    """Next value of each table's counter and of the named sequences (with the cycles done)."""
    tables = {name: int(value) for name, value in rows(connection, _NEXT)}
    found: dict[str, list[Any]] = {f"table {name}": [value] for name, value in tables.items()}
    for name in sequences:
        value, cycles = one(connection, f"select next_not_cached_value, cycle_count from {quote.name(name)}")  # noqa: S608 - quoted
        found[f"sequence {name}"] = [int(value), int(cycles)]
    return found


def set_counters(hands: Hands, task: Task, watch: Watch) -> Done:
    """Where the target's differ they are set; what the source said is kept for the verdict."""
    sequences = task.payload["sequences"]
    wanted = next_values(hands.source, sequences)
    there = next_values(hands.ddl, sequences)
    kept = {}
    for name in [f"table {table}" for table in task.payload["tables"]] + [f"sequence {s}" for s in sequences]:
        watch.check()
        if name not in wanted:
            continue
        kept[name] = wanted[name]
        if there.get(name) != wanted[name]:
            set_next(hands.ddl, name, wanted[name])
    return Done(result=kept)


def set_next(connection: Connection, name: str, value: list[Any]) -> None:
    """`name` and `value` are as `next_values` gives them; commits by itself."""
    run(connection, _statement(name, value))


def _statement(name: str, value: list[Any]) -> str:
    kind, _, called = name.partition(" ")
    if kind == "table":
        return f"ALTER TABLE {quote.name(called)} AUTO_INCREMENT = {value[0]}"
    # The third argument says that the value was not used yet; the fourth is the round of a cycling sequence.
    return f"do setval({quote.name(called)}, {value[0]}, 0, {value[1]})"
