"""The tasks that copy rows: large tables alone or in parts, small ones in groups; some after every index."""

from __future__ import annotations

from typing import Any, Protocol

from jobs.core.model import Options
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres.catalog import Catalog, Table
from jobs.engines.postgres.grouping import groups
from jobs.engines.postgres.plan import LATE
from jobs.engines.postgres.splits import conditions

COPY, COPY_LATE = 20, 36
"""Phases. Rows that name indexes come once every index is there; those of their own tables are built empty."""


class _Work(Protocol):
    def add(self, kind: str, phase: int, title: str, **more: Any) -> int: ...


class _Asking(Protocol):
    @property
    def plan(self) -> MigrationPlan: ...
    @property
    def options(self) -> Options: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def source_version(self) -> int: ...
    @property
    def whole(self) -> bool: ...


def moved(plan: MigrationPlan, catalog: Catalog) -> list[tuple[Table, str]]:
    """The tables whose rows travel, with the method of each. Partitioned and foreign tables hold none."""
    methods = {(t.schema_name, t.name): t.method for t in plan.tables if t.rows_moved}
    return [(t, methods[t.key]) for t in catalog.tables.values() if t.kind == "r" and t.key in methods]


def copies(work: _Work, asking: _Asking, made: int) -> dict[int, tuple[int, ...]]:
    """Large tables alone, the largest first, some in parts; small ones in groups.

    Table -> the tasks that its indexes wait for: none where the rows come after them."""
    tables = moved(asking.plan, asking.catalog)
    total = sum(table.bytes for table, _ in tables)
    _copies_of(work, asking, made, [pair for pair in tables if pair[1] == LATE], total, COPY_LATE)
    return _copies_of(work, asking, made, [pair for pair in tables if pair[1] != LATE], total, COPY)


def _copies_of(
    work: _Work, asking: _Asking, made: int, tables: list[tuple[Table, str]], total: int, phase: int
) -> dict[int, tuple[int, ...]]:
    tasks: dict[int, tuple[int, ...]] = {}
    for group in groups(tables, lambda pair: pair[0].bytes):
        table, method = group[0]
        cuts = conditions(table, total, asking.options.parallelism, asking.source_version)
        if cuts and not asking.whole:
            tasks[table.oid] = _parts(work, table, method, cuts, made, phase)
            continue
        payload = {"tables": [copied(table, method) for table, method in group]}
        size = sum(table.bytes for table, _ in group)
        title = group[0][0].label if len(group) == 1 else f"{len(group)} small tables"
        task = work.add(
            "copy",
            phase,
            title,
            size=size,
            tables=len(group),
            payload=payload,
            needs=(made,),
            barrier=phase if phase > COPY else 0,
        )
        tasks |= {table.oid: (task,) for table, _ in group}
    return tasks


def _parts(work: _Work, table: Table, method: str, cuts: list[str], made: int, phase: int) -> tuple[int, ...]:
    """A task for each part, behind one that knows what the parts of an earlier snapshot brought."""
    whole, size = copied(table, method), table.bytes // len(cuts)
    payload = {"table": whole, "cuts": cuts}
    barrier = phase if phase > COPY else 0
    first = work.add("parts", phase, table.label, size=table.bytes, payload=payload, needs=(made,), barrier=barrier)
    return tuple(
        work.add(
            "copy",
            phase,
            table.label,
            size=size,
            tables=int(number == len(cuts)),
            payload={"tables": [whole | {"bytes": size, "where": cut, "part": [number, len(cuts)], "parts": first}]},
            needs=(first,),
        )
        for number, cut in enumerate(cuts, 1)
    )


def copied(table: Table, method: str) -> dict[str, Any]:
    return {
        "schema": table.schema,
        "name": table.name,
        "binary": "binary" in method,
        "bytes": table.bytes,
        "columns": list(table.columns),
        "all": list(table.all_columns),
        "floats": list(table.floats),
        "exact": list(table.exact),
        "texts": list(table.texts),
        "pages": table.pages,
        "padded": list(table.padded),
    }
