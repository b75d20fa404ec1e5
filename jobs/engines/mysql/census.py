"""The census: every object of both sides, kind by kind, name by name; what the plan changed on the way is explained.

Both catalogs were read by the same code. Between two kinds of server, or two major versions of one, some things are
written differently for the same meaning: those are brought to one form, or, where there is none, named as unchecked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jobs.core.model import Scope
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import Difference, TableProof
from jobs.engines.mysql import definers, loosely, schema
from jobs.engines.mysql.catalog import Catalog, Column, Event, Index, Part, Routine, Table, Trigger, View
from jobs.engines.mysql.chosen import reduced

_CLIP = 200
Named = dict[str, str]
"""Name -> definition as text."""


@dataclass
class Counted:
    """How many objects of each kind agree, and every one that does not, with a reason or without."""

    agreed: list[tuple[str, int]] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    transformed: list[Difference] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def add(self, kind: str, source: Named, target: Named, adapted: Named, why: str) -> None:
        """`adapted` is how the source's definition reads after what the plan says of it."""
        agreeing = 0
        for name in sorted(source.keys() | target.keys()):
            if name not in target:
                self.differences.append(Difference(kind=kind, name=name, what="missing on the target"))
            elif name not in source:
                self.differences.append(Difference(kind=kind, name=name, what="unexpected on the target"))
            elif source[name] == target[name]:
                agreeing += 1
            elif adapted.get(name) == target[name]:
                what = _between(source[name], target[name])
                self.transformed.append(Difference(kind=kind, name=name, what=what, why=why))
            else:
                what = _between(adapted.get(name, source[name]), target[name])
                self.differences.append(Difference(kind=kind, name=name, what=what))
        if source or target:
            self.agreed.append((kind, agreeing))


def proofs(results: Sequence[Any]) -> list[TableProof]:
    """What the verify tasks kept; sums of a table's parts add up to the table's."""
    tables: dict[str, TableProof] = {}
    for document in (document for result in results for document in result):
        part = TableProof(**document)
        before = tables.get(part.table)
        tables[part.table] = part if before is None else _added(before, part)
    return list(tables.values())


def _added(a: TableProof, b: TableProof) -> TableProof:
    """A part that differs must not be evened out by another: then the table's sums are those of one that differs."""
    if not (a.equal and b.equal):
        bad = a if not a.equal else b
        return TableProof(
            table=a.table,
            source_rows=a.source_rows + b.source_rows,
            target_rows=a.target_rows + b.target_rows,
            source_sum=bad.source_sum,
            target_sum=bad.target_sum if bad.target_sum != bad.source_sum else f"{bad.target_sum} (rows differ)",
            bytes=a.bytes + b.bytes,
            seconds=a.seconds + b.seconds,
        )
    total = str(int(a.source_sum) + int(b.source_sum))
    return TableProof(
        table=a.table,
        source_rows=a.source_rows + b.source_rows,
        target_rows=a.target_rows + b.target_rows,
        source_sum=total,
        target_sum=total,
        bytes=a.bytes + b.bytes,
        seconds=a.seconds + b.seconds,
    )


def fingerprint(catalog: Catalog) -> Named:
    """`kind name` -> hash of the definition, of every object."""
    found: Named = {}
    for kind, definitions in _everything(catalog, _same, Manner(loose=False)):
        for name, text in definitions.items():
            found[f"{kind} {name}"] = hashlib.sha256(text.encode()).hexdigest()
    return found


def wholes(catalog: Catalog) -> Named:
    """`kind name` -> hash of an object with all that belongs to it."""
    bare = replace(catalog, tables=())
    found = fingerprint(bare)
    for table in catalog.tables:
        parts = fingerprint(
            replace(catalog, tables=(table,), views=(), triggers=(), routines=(), events=(), sequences=())
        )
        found[f"table {table.name}"] = hashlib.sha256("\n".join(sorted(parts.values())).encode()).hexdigest()
    return {name: value for name, value in found.items() if not name.startswith("database ")}


def take(source: Catalog, target: Catalog, plan: MigrationPlan, counters: dict[str, list[int]]) -> Counted:
    """Compares both sides; `counters` are the source's next values as they were read when they were set."""
    counted = Counted()
    if plan.options.scope is not Scope.data_only:
        _objects(counted, source, target, plan)
    if counters:
        wanted = {name: str(value[0]) for name, value in counters.items()}
        found = {f"table {table.name}": str(table.auto_increment) for table in target.tables}
        found |= {f"sequence {item.name}": str(item.next_value) for item in target.sequences}
        counted.add("next value", wanted, {name: found[name] for name in wanted if name in found}, {}, "")
    return counted


def _objects(counted: Counted, source: Catalog, target: Catalog, plan: MigrationPlan) -> None:
    mapping = definers.collations(plan)
    choice = definers.answer(plan, definers.DEFINER, definers.KEEP)
    loose = (source.flavour.kind, source.flavour.version[0]) != (target.flavour.kind, target.flavour.version[0])
    if loose:
        counted.transformed += uncompared(source)
    ours = reduced(source, {table.name for table in plan.tables})

    def adapted(text: str) -> str:
        return schema.replace_collations(text, mapping)

    plain = dict(_everything(ours, _same, Manner(loose=loose)))
    changed = dict(_everything(ours, adapted, Manner(loose=loose, choice=choice, events_off=True)))
    theirs = dict(_everything(target, _same, Manner(loose=loose)))
    if choice != definers.KEEP:
        # Whoever takes a definer's place is named by the target: both are compared without.
        bare = dict(_everything(target, _same, Manner(loose=loose, choice=choice)))
        for kind in _PROGRAMS:
            changed[kind] = {
                name: theirs[kind][name] if text == bare[kind].get(name) else text
                for name, text in changed[kind].items()
            }
    for kind, definitions in plain.items():
        counted.add(kind, definitions, theirs[kind], changed[kind], _WHY.get(kind, _WHY[""]))


_PROGRAMS = ("view", "trigger", "procedure", "function", "package", "package body", "event")
_WHY = {
    "": "a collation that the target does not know has another in its place, as the plan says",
    **dict.fromkeys(_PROGRAMS, "its definer or a collation is another, as the plan says"),
    "event": "events arrive disabled, so that nothing fires on both servers",
}


def uncompared(source: Catalog) -> list[Difference]:
    """Between two kinds of server, or two major versions, these texts are written differently: it is told."""
    tables = source.tables
    found = {
        "view": len(source.views),
        "check": sum(len(table.checks) for table in tables),
        "generated column": sum(bool(column.generated) for table in tables for column in table.columns),
    }
    return [
        Difference(
            kind=kind,
            name=f"every one of {count}",
            what="compared by name and all but its expression",
            why="two kinds of server, or two major versions, write the same expression differently",
        )
        for kind, count in found.items()
        if count
    ]


@dataclass(frozen=True)
class Manner:
    """How definitions are written out: `loose` leaves away what two kinds of server write differently; `choice` is
    the answer about definers, without which they stand as they are; `events_off` writes events disabled."""

    loose: bool
    choice: str = definers.KEEP
    events_off: bool = False


def _same(text: str) -> str:
    return text


Adapt = Callable[[str], str]


def _everything(catalog: Catalog, adapt: Adapt, manner: Manner) -> Iterator[tuple[str, Named]]:
    """Kind -> name -> definition."""
    loose = manner.loose
    yield "database", {"character set": adapt(f"{catalog.charset} COLLATE {catalog.collation}")}
    yield "table", {t.name: adapt(_table(t)) for t in catalog.tables}
    yield "column", {f"{t.name}.{c.name}": adapt(_column(t, c, loose)) for t in catalog.tables for c in t.columns}
    yield "index", {f"{t.name}.{i.name}": _index(i) for t in catalog.tables for i in t.indexes}
    yield "foreign key", dict(_foreign_keys(catalog))
    yield (
        "check",
        {
            f"{t.name}.{c.name}{' (column)' if c.of_column else ''}": adapt(
                f"{'' if loose else c.clause} {'enforced' if c.enforced else 'not enforced'}"
            )
            for t in catalog.tables
            for c in t.checks
            if not (loose and loosely.comes_with_json(c))
        },
    )
    yield "view", {v.name: _view(adapt, manner, v) for v in catalog.views}
    yield "trigger", {t.name: f"{_program(adapt, manner, t.create, t)} #{t.order}" for t in catalog.triggers}
    for kind in ("procedure", "function", "package", "package body"):
        found = [r for r in catalog.routines if r.kind.lower() == kind]
        yield kind, {r.name: _routine(adapt, manner, r) for r in found}
    yield "event", {e.name: _event(adapt, manner, e) for e in catalog.events}
    yield "sequence", {s.name: s.create for s in catalog.sequences}


_IMPLIED = ("partitioned", "page_checksum=1")
"""Said elsewhere, or what a table has anyway: SHOW CREATE TABLE writes it out, so the copy has it written down."""


def _table(table: Table) -> str:
    options = " ".join(sorted(word for word in table.options.split() if word not in _IMPLIED))
    partitions = "" if table.partitions is None else str(table.partitions)
    versioned = " WITH SYSTEM VERSIONING" if table.versioned else ""
    return (
        f"ENGINE={table.engine} {table.charset} COLLATE {table.collation} {options}{versioned} {partitions}"
        f" COMMENT {table.comment}"
    )


def _column(table: Table, column: Column, loose: bool) -> str:
    null = "null" if column.nullable else "not null"
    if loose:
        kind, default = loosely.kind(column, loosely.is_json(table, column)), loosely.default(column)
        return f"{column.position} {kind} {null} default {default} {loosely.attributes(column)} {column.comment}"
    collation = f" COLLATE {column.collation}" if column.collation else ""
    return (
        f"{column.position} {column.column_type} {column.charset}{collation} {null}"
        f" default {column.default!s} {column.extra} {column.expression} {column.comment}"
    )


def _index(index: Index) -> str:
    parts = ", ".join(map(_part, index.parts))
    words = ("unique" if index.unique else "", index.kind, f"({parts})", "ignored" if index.ignored else "")
    return f"{' '.join(filter(None, words))} {index.comment}"


def _part(part: Part) -> str:
    prefix = f"({part.prefix})" if part.prefix else ""
    return f"{part.column or part.expression}{prefix}{' desc' if part.descending else ''}"


def _foreign_keys(catalog: Catalog) -> Iterable[tuple[str, str]]:
    for table in catalog.tables:
        for key in table.foreign_keys:
            where = "" if key.other_database == catalog.database else f"{key.other_database}."
            yield (
                f"{table.name}.{key.name}",
                f"{key.columns} to {where}{key.other_table} {key.other_columns}"
                f" update {key.on_update} delete {key.on_delete}",
            )


def _program(adapt: Adapt, manner: Manner, create: str, item: Trigger | Routine | Event | View) -> str:
    """The whole statement, with the session settings that it keeps."""
    mode = "" if isinstance(item, View) else item.sql_mode
    text = adapt(schema.with_definer(create, manner.choice))
    return f"{text} [{mode} {item.charset} {adapt('COLLATE ' + item.collation)}]"


def _view(adapt: Adapt, manner: Manner, view: View) -> str:
    """Two kinds of server print a select differently: then columns, rights and check option are compared."""
    if manner.loose:
        security = "INVOKER" if manner.choice == definers.INVOKER else view.security
        return f"{security} {view.check_option} {view.columns}"
    return _program(adapt, manner, view.create, view)


def _routine(adapt: Adapt, manner: Manner, routine: Routine) -> str:
    create = routine.create
    if manner.choice == definers.INVOKER:
        create = create.replace("    SQL SECURITY INVOKER\n", "", 1)
    return _program(adapt, manner, create, routine)


def _event(adapt: Adapt, manner: Manner, event: Event) -> str:
    create = schema.disabled(event.create) if manner.events_off else event.create
    return f"{_program(adapt, manner, create, event)} {event.time_zone}"


def _between(source: str, target: str) -> str:
    """Where two definitions part, with a little of what stands before."""
    at = next(
        (i for i, (a, b) in enumerate(zip(source, target, strict=False)) if a != b), min(len(source), len(target))
    )
    start = max(0, at - 30)
    return f"source: {_clip(source, start)}; target: {_clip(target, start)}"


def _clip(text: str, start: int) -> str:
    piece = " ".join(text[start : start + _CLIP].split())
    return ("…" if start else "") + (piece or "nothing") + ("…" if len(text) > start + _CLIP else "")
