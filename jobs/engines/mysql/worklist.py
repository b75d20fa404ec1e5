"""From the source's catalog to the rows of the task table: what is done, in which order, what waits for what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jobs.core.errors import Permanent
from jobs.core.model import Options, Scope
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql import columns as values
from jobs.engines.mysql import conditional, definers, keys, parts, quote, schema
from jobs.engines.mysql.catalog import Catalog, Column, Table
from jobs.engines.mysql.connect import SQL_MODE, Connection
from jobs.engines.mysql.worktable import Row

INSERTS = "inserts"
"""The plan's word for a target that refuses LOAD DATA LOCAL."""
TOGETHER_BYTES = 8 << 20
TOGETHER_TABLES = 40
"""Small tables share a task: a transaction for each would cost more than their rows."""


@dataclass(frozen=True)
class Asking:
    """All that decides the list. `catalog` holds what moves; `source` is the conductor's session in the snapshot."""

    plan: MigrationPlan
    options: Options
    catalog: Catalog
    target: Catalog
    source: Connection
    most_bytes: int

    @property
    def collations(self) -> dict[str, str]:
        return definers.collations(self.plan)

    @property
    def tables(self) -> tuple[Table, ...]:
        return self.catalog.tables

    @property
    def moved(self) -> list[Table]:
        moved = {table.name for table in self.plan.tables if table.rows_moved}
        return [table for table in self.tables if table.name in moved]


class _List:
    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, kind: str, phase: int, title: str, **rest: Any) -> int:
        number = len(self.rows) + 1
        self.rows.append(Row(number, kind, phase, title, **rest))
        return number


def build(asking: Asking) -> list[Row]:
    """Every task of the run."""
    tasks = _List()
    made: dict[str, schema.Made] = {}
    creating: dict[str, int] = {}
    if asking.options.scope is not Scope.data_only:
        made = {table.name: _made(table, asking) for table in asking.tables}
        creating = _schema(tasks, asking, made)
    copied: dict[str, list[int]] = {}
    if asking.options.scope is not Scope.schema_only:
        copied = _copies(tasks, asking, creating)
    if asking.options.scope is not Scope.data_only:
        _late(tasks, asking, made, copied)
    if asking.options.scope is not Scope.schema_only:
        looks = keys.task_of(*_arriving(asking))
        if looks["keys"]:
            title = f"rows without a parent by {len(looks['keys'])} foreign keys"
            tasks.add("orphans", 44, title, payload=looks, barrier=44)
        tasks.add("counters", 48, "counters and sequences", payload=_counters(asking), barrier=40)
    if asking.options.scope is not Scope.data_only:
        _programs(tasks, asking)
    return tasks.rows


def _arriving(asking: Asking) -> tuple[list[Table], str]:
    """The tables whose rows move with the foreign keys that the target has, and those keys' own database."""
    if asking.options.scope is Scope.data_only:
        return [_target_table(asking, table) for table in asking.moved], asking.target.database
    return asking.moved, asking.catalog.database


def _made(table: Table, asking: Asking) -> schema.Made:
    if not table.create:
        raise Permanent(f"{table.name} cannot be read: {table.create_error}", object=table.name)
    adapt = partial(conditional.adapted, source=asking.catalog.flavour, target=asking.target.flavour)
    made = schema.statements(table, asking.collations, adapt)
    kept = {key.name for key in table.foreign_keys}
    return replace(made, foreign_keys={name: text for name, text in made.foreign_keys.items() if name in kept})


def _schema(tasks: _List, asking: Asking, made: dict[str, schema.Made]) -> dict[str, int]:
    """The database, sequences, tables; the task that creates each table."""
    catalog = asking.catalog
    collation = asking.collations.get(catalog.collation, catalog.collation)
    if (asking.target.charset, asking.target.collation) != (catalog.charset, collation):
        text = (
            f"ALTER DATABASE {quote.name(asking.target.database)} CHARACTER SET {catalog.charset} COLLATE {collation}"
        )
        tasks.add("database", 5, "the database's character set", payload={"sql": text})
    if catalog.sequences:
        objects = [{"kind": "sequence", "name": s.name, "sql": s.create} for s in catalog.sequences]
        tasks.add("tables", 8, f"{len(objects)} sequences", payload={"objects": objects}, barrier=8)
    creating: dict[str, int] = {}
    for batch in _batches(asking.tables):
        objects = [{"kind": "table", "name": table.name, "sql": made[table.name].create} for table in batch]
        number = tasks.add("tables", 10, _title(asking, batch), payload={"objects": objects}, barrier=10)
        creating |= {table.name: number for table in batch}
    return creating


def _title(asking: Asking, batch: Sequence[Table]) -> str:
    if len(batch) == 1:
        return f"{asking.catalog.database}.{batch[0].name}"
    return f"{asking.catalog.database}.{batch[0].name} and {len(batch) - 1} more tables"


def _batches(tables: Iterable[Table]) -> Iterator[list[Table]]:
    batch: list[Table] = []
    size = 0
    for table in tables:
        if batch and (size + table.data_bytes > TOGETHER_BYTES or len(batch) >= TOGETHER_TABLES):
            yield batch
            batch, size = [], 0
        batch.append(table)
        size += table.data_bytes
    if batch:
        yield batch


def _copies(tasks: _List, asking: Asking, creating: dict[str, int]) -> dict[str, list[int]]:
    """Copy tasks and those that verify them; which tasks bring each table's rows."""
    total = sum(table.data_bytes for table in asking.moved)
    others = _others(asking)
    brought: dict[str, list[int]] = {}
    whole: list[Table] = []
    proofs: list[tuple[str, int, list[dict[str, Any]]]] = []
    for table in asking.moved:
        cut = parts.conditions(
            asking.source, asking.catalog.database, table, others[table.name], total, asking.options.parallelism
        )
        if not cut:
            whole.append(table)
            continue
        needs = tuple(filter(None, [creating.get(table.name)]))
        document, label = moved(table, asking), f"{asking.catalog.database}.{table.name}"
        # In a table that the run makes there is nothing to look at before a second snapshot.
        fresh = asking.options.scope is not Scope.data_only
        payload = {"table": document, "conditions": cut}
        look = tasks.add("parts", 18, label, payload=payload, needs=needs, done=fresh)
        size = table.bytes // len(cut)
        brought[table.name] = []
        for number, condition in enumerate(cut):
            part = document | {"condition": condition, "parts": look, "number": number, "bytes": size}
            # Of a table with many parts all begin early: its indexes, which wait for the last, take the longest.
            rest = {"size": size, "rank": table.bytes, "tables": int(number == 0), "needs": (look, *needs)}
            brought[table.name].append(tasks.add("copy", 20, label, payload={"tables": [part]}, **rest))
            proofs.append((label, size, [part]))
    for batch in _batches(whole):
        documents = [moved(table, asking) for table in batch]
        size, title = sum(table.bytes for table in batch), _title(asking, batch)
        needs = tuple({creating[table.name] for table in batch if table.name in creating})
        number = tasks.add(
            "copy", 20, title, size=size, tables=len(batch), payload={"tables": documents}, needs=needs
        )
        brought |= {table.name: [number] for table in batch}
        proofs.append((title, size, documents))
    for title, size, documents in proofs:
        tasks.add("verify", 90, title, size=size, payload={"tables": documents}, barrier=90)
    return brought


def _others(asking: Asking) -> dict[str, dict[str, Column]]:
    """The columns as they are, or will be, on the target."""
    if asking.options.scope is Scope.data_only:
        return {t.name: {c.name: c for c in _target_table(asking, t).columns} for t in asking.moved}
    other = asking.collations
    return {
        t.name: {c.name: replace(c, collation=other.get(c.collation, c.collation)) for c in t.columns}
        for t in asking.moved
    }


def _target_table(asking: Asking, table: Table) -> Table:
    found = asking.target.by_name.get(table.name)
    if found is None:
        raise Permanent(f"{table.name} is not in the target", remedy="Create it, or move the schema too.")
    return found


def moved(table: Table, asking: Asking) -> dict[str, Any]:
    """All that a lane must know to copy and compare a table, as it stands in the task table."""
    columns = values.stored(table)
    everything = list(table.columns)
    if table.versioned:
        columns = everything = _with_history(table)
        columns = [column for column in columns if not column.generated]
    planned = next(planned for planned in asking.plan.tables if planned.name == table.name)
    plain = planned.method != INSERTS and values.plain(columns, asking.most_bytes)
    method = INSERTS if planned.method == INSERTS else "plain rows" if plain else "cells"
    into, sets = values.arrives(columns)
    history = " for system_time all" if table.versioned else ""
    return {
        "name": table.name,
        "label": f"{asking.catalog.database}.{table.name}",
        "from": quote.name(table.name) + history,
        "bytes": table.bytes,
        "condition": "",
        "versioned": table.versioned,
        "transactional": table.engine == "InnoDB",
        "method": method,
        "how": [values.written(column) for column in columns],
        "names": quote.names(column.name for column in columns),
        "read": values.plain_row(columns) if plain else values.cells(columns),
        "bare": [values.bare(column) for column in columns],
        "into": into,
        "set": sets,
        "compare": values.compared(everything),
    }


_PERIOD = re.compile(r"PERIOD FOR SYSTEM_TIME \((`(?:[^`]|``)*`), (`(?:[^`]|``)*`)\)")


def _with_history(table: Table) -> list[Column]:
    """With the begin and end of each version, which a table versioned as a whole hides."""
    found = _PERIOD.search(table.create)
    names = [schema.unquoted(name) for name in found.groups()] if found else ["row_start", "row_end"]
    model = next(iter(table.columns))
    stamps = [
        replace(
            model,
            name=name,
            data_type="timestamp",
            column_type="timestamp(6)",
            nullable=False,
            charset="",
            octets=None,
            generated="",
            auto_increment=False,
        )
        for name in names
    ]
    return [column for column in table.columns if column.name not in names] + stamps


def _late(tasks: _List, asking: Asking, made: dict[str, schema.Made], copied: dict[str, list[int]]) -> None:
    database = asking.catalog.database
    for table in asking.tables:
        if made[table.name].indexes:
            tasks.add(
                "index",
                30,
                f"{database}.{table.name}",
                size=table.index_bytes,
                payload={"name": table.name, "add": made[table.name].indexes},
                needs=tuple(copied.get(table.name, ())),
                barrier=18,
            )
    foreign = {table.name: made[table.name].foreign_keys for table in asking.tables if made[table.name].foreign_keys}
    if foreign:
        title = f"foreign keys of {len(foreign)} tables"
        tasks.add("foreign keys", 40, title, payload={"tables": foreign}, barrier=40)
    for batch in _batches(asking.moved):
        title, names = _title(asking, batch), [table.name for table in batch]
        size = sum(table.data_bytes for table in batch)
        tasks.add("analyze", 70, title, size=size, payload={"names": names}, barrier=48)


def _counters(asking: Asking) -> dict[str, Any]:
    tables = [table.name for table in asking.moved if any(column.auto_increment for column in table.columns)]
    return {"tables": tables, "sequences": [sequence.name for sequence in asking.catalog.sequences]}


def _programs(tasks: _List, asking: Asking) -> None:
    catalog = asking.catalog
    for phase, kind, word, objects in (
        (50, "programs", "routines", [_program(r.kind.lower(), r, asking) for r in catalog.routines]),
        (52, "programs", "views", [_program("view", v, asking) for v in catalog.views]),
        (54, "triggers", "triggers", [_program("trigger", t, asking) for t in catalog.triggers]),
        (54, "programs", "events", [_program("event", e, asking) for e in catalog.events]),
    ):
        if objects:
            tasks.add(kind, phase, f"{len(objects)} {word}", payload={"objects": objects}, barrier=phase)


def _program(kind: str, item: Any, asking: Asking) -> dict[str, Any]:
    """Its statement, and the session settings that it was made with and that it keeps."""
    if not item.create:
        raise Permanent(
            f"The text of {kind} {item.name} cannot be read: {item.create_error}",
            remedy="Grant the source's user the right to see it (SHOW VIEW, TRIGGER, SHOW CREATE ROUTINE, EVENT).",
            object=item.name,
        )
    choice = definers.answer(asking.plan, definers.DEFINER, definers.KEEP)
    text = schema.with_definer(schema.replace_collations(item.create, asking.collations), choice)
    collation = asking.collations.get(item.collation, item.collation)
    then = ""
    if choice == definers.INVOKER and kind in ("procedure", "function"):
        then = f"ALTER {kind.upper()} {quote.name(item.name)} SQL SECURITY INVOKER"
    return {
        "kind": kind,
        "name": item.name,
        "sql": schema.disabled(text) if kind == "event" else text,
        "sql_mode": getattr(item, "sql_mode", SQL_MODE),
        "charset": item.charset,
        "collation": collation,
        "time_zone": getattr(item, "time_zone", "+00:00"),
        "then": then,
        "usual": [SQL_MODE, "utf8mb4", "utf8mb4_bin", "+00:00"],
    }
