"""From the source's catalog to the rows of the task table: what is done, in which order, what waits for what.

As in `postgres.worklist`: a task either locks one table, or runs when nothing else of its kind does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jobs.core.chunks import chunk_count
from jobs.core.model import Options, Scope
from jobs.engines.mysql import quote as my
from jobs.engines.mysql_postgres import rows
from jobs.engines.mysql_postgres.ddl import Ddl, Made
from jobs.engines.mysql_postgres.keys import IDENTITIES
from jobs.engines.mysql_postgres.shape import MovedTable, Shape
from jobs.engines.postgres import quote
from jobs.engines.postgres.grouping import ENTRIES_PER_TEXT, SMALL_BYTES, chunks, groups
from jobs.engines.postgres.session import SORTED_IN_ONE_PASS
from jobs.engines.postgres.worktable import Row

MOST = {"smallint": 32767, "integer": 2147483647, "bigint": 9223372036854775807}
VIEWS_PHASE = 50


@dataclass
class _List:
    """Rows in the making; ids count from 1."""

    rows: list[Row] = field(default_factory=list)

    def add(self, kind: str, phase: int, title: str, **more: Any) -> int:
        more["needs"] = tuple(need for need in more.get("needs", ()) if need)
        self.rows.append(Row(len(self.rows) + 1, kind, phase, title, **more))
        return len(self.rows)


@dataclass(frozen=True)
class Bounds:
    """The least and the greatest value of an integer key; or conditions on the source, one for each part."""

    least: int = 0
    greatest: int = 0
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asking:
    """What the work list is made from. `bounds`: label of a table -> where its key lets it be cut.

    `refresh`: the target was done before; only rows are proven and copied again."""

    shape: Shape
    ddl: Ddl
    options: Options
    bounds: Mapping[str, Bounds]
    refresh: bool = False

    @property
    def makes(self) -> bool:
        return self.options.scope is not Scope.data_only and not self.refresh

    @property
    def copies(self) -> bool:
        return self.options.scope is not Scope.schema_only


def build(asking: Asking) -> list[Row]:
    """Every task of a run."""
    work = _List()
    made = _texts(work, "schema", 10, "schema", asking.ddl.pre, barrier=0) if asking.makes else 0
    copied = _copies(work, asking, made) if asking.copies else {}
    if asking.makes:
        _indexes(work, asking, copied, made)
    if asking.options.scope is not Scope.data_only:
        _foreign_keys(work, asking)
    if asking.makes:
        last = _texts(work, "post", 50, "checks, triggers and comments", asking.ddl.post, barrier=50)
        _views(work, asking.ddl.views, last)
    if asking.copies:
        _counters(work, asking, made)
        _statistics(work, asking)
        _proofs(work, asking)
    if asking.makes and asking.copies and asking.ddl.views:
        _view_rows(work, asking)
    return work.rows


def _texts(work: _List, kind: str, phase: int, title: str, made: Sequence[Made], *, barrier: int) -> int:
    """A chain of texts; the id of the last one."""
    last = 0
    for chunk in chunks(made, ENTRIES_PER_TEXT):
        payload = {
            "sql": [one.sql for one in chunk],
            "names": [f"{one.kind} {one.name}" for one in chunk],
            "drops": [one.drop for one in reversed(chunk) if one.drop],
        }
        last = work.add(kind, phase, title, payload=payload, needs=(last,), barrier=barrier)
    return last


def _copies(work: _List, asking: Asking, made: int) -> dict[str, tuple[int, ...]]:
    """Large tables alone, the largest first, some in parts; small ones in groups. Label -> its tasks."""
    tasks: dict[str, tuple[int, ...]] = {}
    tables = asking.shape.tables
    total = sum(table.source.bytes for table in tables)
    for group in groups(tables, lambda table: table.source.bytes):
        cuts = ranges(group[0], asking, total)
        if cuts:
            tasks[group[0].label] = _parts(work, group[0], asking, cuts, made)
            continue
        payload = {"tables": [rows.payload(table, asking.shape.digest) for table in group], "refresh": asking.refresh}
        size = sum(table.source.bytes for table in group)
        title = group[0].label if len(group) == 1 else f"{len(group)} small tables"
        task = work.add("copy", 20, title, size=size, tables=len(group), payload=payload, needs=(made,))
        tasks |= {table.label: (task,) for table in group}
    return tasks


def key_column(table: MovedTable) -> Any:
    """The first column of the primary key, where it is a whole number on both sides; else None."""
    key = table.source.primary_key
    if key is None or not key.parts[0].column:
        return None
    column = table.column(key.parts[0].column)
    return column if column.form.type in IDENTITIES | {"numeric(20)"} and not column.source.generated else None


def ranges(table: MovedTable, asking: Asking, total: int) -> list[dict[str, str]]:
    """A condition for each side of every part; none where the table stays whole.

    Where no condition selects the same rows of the target, a part is known there by its transaction."""
    count = chunk_count(table.source.data_bytes, total, asking.options.parallelism)
    bounds = asking.bounds.get(table.label, Bounds())
    if bounds.conditions:
        return [{"source": condition, "target": ""} for condition in bounds.conditions]
    least, greatest, column = bounds.least, bounds.greatest, key_column(table)
    if count == 1 or column is None or greatest - least < count:
        return []
    step = (greatest - least) // count
    cuts = [least + step * number for number in range(1, count)]
    names = {"source": my.name(column.source.name), "target": quote.name(column.name)}
    return [
        {side: between(name, low, high) for side, name in names.items()}
        for low, high in zip([None, *cuts], [*cuts, None], strict=True)
    ]


def between(name: str, low: int | None, high: int | None) -> str:
    """`low` and above, below `high`."""
    conditions = [f"{name} >= {low}" if low is not None else "", f"{name} < {high}" if high is not None else ""]
    return " and ".join(filter(None, conditions))


def _parts(work: _List, table: MovedTable, asking: Asking, cuts: list[dict[str, str]], made: int) -> tuple[int, ...]:
    """A task for each part, behind one that knows what the parts of an earlier snapshot brought."""
    whole, size = rows.payload(table, asking.shape.digest), table.source.bytes // len(cuts)
    tagged = not cuts[0]["target"]
    payload = {"table": whole, "ranges": cuts, "refresh": asking.refresh, "tagged": tagged}
    first = work.add("parts", 20, table.label, size=table.source.bytes, payload=payload, needs=(made,))
    return tuple(
        work.add(
            "copy",
            20,
            table.label,
            size=size,
            tables=int(number == len(cuts)),
            payload={
                "tables": [whole | {"range": cut, "part": [number, len(cuts)], "parts": first, "tagged": tagged}]
            },
            needs=(first,),
        )
        for number, cut in enumerate(cuts, 1)
    )


def _indexes(work: _List, asking: Asking, copied: dict[str, tuple[int, ...]], made: int) -> None:
    """Large ones alone; the small ones of all tables of a copy task together."""
    small: dict[tuple[int, ...], list[Made]] = defaultdict(list)
    for index in asking.ddl.indexes:
        needs = copied.get(index.table, (made,))
        if index.bytes < SMALL_BYTES:
            small[needs].append(index)
        else:
            btree = " using " not in index.sql
            payload = {"sql": [index.sql], "drops": [], "sorted": btree and index.bytes < SORTED_IN_ONE_PASS}
            work.add("index", 30, index.name, size=index.bytes, payload=payload, needs=needs)
    for needs, indexes in small.items():
        for chunk in chunks(indexes, ENTRIES_PER_TEXT):
            title = chunk[0].name if len(chunk) == 1 else f"{len(chunk)} small indexes"
            work.add("index", 30, title, payload={"sql": [one.sql for one in chunk]}, needs=needs)


def _foreign_keys(work: _List, asking: Asking) -> None:
    """Added without looking at rows, all by one chain; then proven, all keys of a table in one task."""
    keys = asking.ddl.foreign_keys
    if asking.refresh:
        # Made anew: one that is valid already would not be looked at again.
        keys = [replace(key, sql=f"{key.drop};\n{key.sql}") for key in keys]
    last = _texts(work, "foreign keys", 40, "foreign keys", keys, barrier=40)
    if not asking.copies:
        keys = [replace(key, bytes=0) for key in keys]
    by_table: dict[str, list[Made]] = defaultdict(list)
    for key in keys:
        by_table[key.table].append(key)
    tables = {table.label: table for table in asking.shape.tables}
    for label, found in by_table.items():
        payload = {"keys": [validation(key, tables[label]) for key in found]}
        title = payload["keys"][0]["title"] if len(found) == 1 else f"{len(found)} foreign keys of {label}"
        work.add("validate", 45, title, size=found[0].bytes, payload=payload, needs=(last,), barrier=45)


def validation(key: Made, table: MovedTable) -> dict[str, str]:
    return {
        "sql": f"alter table only {table.quoted} validate constraint {quote.name(key.name)}",
        "orphans": key.orphans,
        "title": f"{table.schema}.{table.name}.{key.name}",
    }


def _views(work: _List, views: Sequence[Made], last: int) -> None:
    if views:
        payload = {
            "views": [{"name": view.name, "sql": view.sql} for view in views],
            # All at once: whatever their order, only somebody else's view can be in the way.
            "drops": [f"drop view if exists {', '.join(view.quoted for view in views)}"],
        }
        title = "1 view" if len(views) == 1 else f"{len(views)} views"
        work.add("views", VIEWS_PHASE, title, payload=payload, needs=(last,), barrier=50)


def _counters(work: _List, asking: Asking, made: int) -> None:
    columns = [
        {
            "source": table.source.name,
            "schema": table.schema,
            "table": table.name,
            "column": column.name,
            "most": MOST[column.form.type],
        }
        for table, column, _ in asking.ddl.identities
    ]
    if columns:
        title = "1 identity" if len(columns) == 1 else f"{len(columns)} identities"
        work.add("sequences", 48, title, payload={"columns": columns}, needs=(made,), barrier=48)


def _proofs_of_parts(work: _List, table: MovedTable, asking: Asking, cuts: list[dict[str, str]]) -> None:
    whole, size = rows.payload(table, asking.shape.digest), table.source.bytes // len(cuts)
    for number, cut in enumerate(cuts, 1):
        payload = {"tables": [whole | {"range": cut, "part": [number, len(cuts)]}]}
        work.add("verify", 90, table.label, size=size, payload=payload, barrier=70)


def _statistics(work: _List, asking: Asking) -> None:
    for group in groups(asking.shape.tables, lambda table: table.source.bytes):
        title = group[0].label if len(group) == 1 else f"{len(group)} small tables"
        payload = {"sql": [f"analyze {table.quoted}" for table in group]}
        size = sum(table.source.bytes for table in group)
        work.add("analyze", 70, title, size=size, payload=payload, barrier=70)


def _view_rows(work: _List, asking: Asking) -> None:
    catalog = asking.shape.catalog
    called = {asking.shape.fold(view.name): view.name for view in catalog.views}
    views = [
        {
            "name": view.name,
            "quoted": view.quoted,
            "count": rows.view_count(catalog.flavour, catalog.database, called[view.name]),
        }
        for view in asking.ddl.views
    ]
    work.add("verify", 90, "the rows of views", payload={"views": views}, barrier=70)


def _proofs(work: _List, asking: Asking) -> None:
    """Where both sides know the ranges of a large table, all lanes prove it together."""
    total = sum(table.source.bytes for table in asking.shape.tables)
    for group in groups(asking.shape.tables, lambda table: table.source.bytes):
        cuts = ranges(group[0], asking, total)
        if cuts and cuts[0]["target"]:
            _proofs_of_parts(work, group[0], asking, cuts)
            continue
        payload = {"tables": [rows.payload(table, asking.shape.digest) for table in group]}
        title = group[0].label if len(group) == 1 else f"{len(group)} small tables"
        size = sum(table.source.bytes for table in group)
        work.add("verify", 90, title, size=size, payload=payload, barrier=70)
