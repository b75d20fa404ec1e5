"""From the source's schema to the rows of the task table: what is done, in which order, what waits for what.

Locks decide the shape. Tasks that run at the same time must never wait for each other in a circle, so a task
either locks one table, or runs when nothing else of its kind does: foreign keys are added by one task (each
takes locks on two tables) and validated in parallel (which only reads); everything after data that touches
many tables is one chain of texts, and readers of many tables wait until that chain is done.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jobs.core.model import Options, Scope
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres import housing, named, parted_keys, predata, quote, schema, worklist_edges, worklist_keys
from jobs.engines.postgres.archive import Entry
from jobs.engines.postgres.catalog import PG_CLASS, Catalog, Constraint, Index, Table
from jobs.engines.postgres.grouping import ENTRIES_PER_TEXT, SMALL_BYTES, chunks, groups
from jobs.engines.postgres.schema import Dumped
from jobs.engines.postgres.session import SORTED_IN_ONE_PASS
from jobs.engines.postgres.worklist_copies import copied, copies, moved
from jobs.engines.postgres.worklist_edges import Edges
from jobs.engines.postgres.worktable import Row

BIG_INDEX_BYTES = 32 << 20
"""From here on a primary key is built as an index first, so that the indexes of one table build side by side."""
LARGE_OBJECTS_PER_TASK = 500
_BTREE = re.compile(r""" USING "?btree"? \(""")
ANALYZE_INHERITS_FROM = 180000
"""Server version whose VACUUM and ANALYZE take inheritance children along unless told ONLY (release notes of 18)."""


@dataclass
class _List:
    """Rows in the making; ids count from 1."""

    rows: list[Row] = field(default_factory=list)

    def add(self, kind: str, phase: int, title: str, **more: Any) -> int:
        more["needs"] = tuple(need for need in more.get("needs", ()) if need)
        self.rows.append(Row(len(self.rows) + 1, kind, phase, title, **more))
        return len(self.rows)


@dataclass(frozen=True)
class Asking:
    """What the work list is made from."""

    plan: MigrationPlan
    options: Options
    dumped: Dumped
    catalog: Catalog
    source_version: int
    target_version: int
    extensions_before: frozenset[str]
    large_objects: tuple[int, ...]
    check: Callable[[], None]
    edges: Edges = field(default_factory=Edges)
    whole: bool = False
    """no table in parts: each is proven as it is"""
    owners: tuple[tuple[str, str], ...] = ()
    """statements for schemas that are there, by what they speak of"""

    @cached_property
    def stays(self) -> frozenset[int]:
        """Oids of relations that do not travel."""
        return frozenset(entry.oid for entry in self.dumped.left_out if entry.catalog == PG_CLASS)

    @cached_property
    def not_made(self) -> frozenset[int]:
        """Ids of entries that the target has already, or that are not ours to make there."""
        entries, stays = self.dumped.kept, ("SCHEMA", "public") if self.edges.public_stays else ()
        public = {entry.id for entry in entries if (entry.desc, entry.tag) == stays}
        return housing.not_made(entries, self.edges.housing) | public

    @cached_property
    def comments_on_parted(self) -> dict[int, list[Entry]]:
        """Entry of a foreign key of a partitioned table that may have to wait -> what is said of it."""
        if self.target_version >= parted_keys.UNPROVEN_FROM:
            return {}
        said: dict[int, list[Entry]] = {
            entry.id: []
            for entry in self.dumped.post_data()
            if entry.desc == "FK CONSTRAINT" and self.catalog.constraints[entry.oid].partitioned
        }
        for entry in self.dumped.post_data() if said else ():
            for need in said.keys() & set(entry.needs) if entry.desc == "COMMENT" else ():
                said[need].append(entry)
        return said

    def text(self, entries: Iterable[Entry]) -> str:
        return schema.text(self.dumped, entries, self.options, self.target_version, self.check)


def build(asking: Asking) -> list[Row]:
    """Every task of a run."""
    work = _List()
    scope = asking.options.scope
    made = 0
    if scope is not Scope.data_only:
        made = _pre_data(work, asking)
    waits: dict[int, tuple[int, ...]] = {} if scope is Scope.schema_only else copies(work, asking, made)
    if scope is not Scope.data_only:
        _Indexes(work, asking, waits, made).add()
        _post(work, asking)
        _comments(work, asking)
    if scope is not Scope.schema_only:
        _large_objects(work, asking, made)
        _refreshes(work, asking)
        _statistics(work, asking)
        _sequences(work, asking, made)
        _proofs(work, asking)
    worklist_edges.last(work, asking.edges, made)
    return work.rows


def _pre_data(work: _List, asking: Asking) -> int:
    """What must exist before rows; the id of the task that it is all done with."""
    first = worklist_edges.first(work, asking.edges, asking.owners)
    entries = [entry for entry in asking.dumped.pre_data() if entry.id not in asking.not_made]

    def payload(batch: list[Entry]) -> dict[str, Any]:
        drops = [drop for entry in reversed(batch) if _ours(entry, asking) and (drop := schema.drop_statement(entry))]
        texts = [asking.text(batch)] if batch else []
        return {"sql": texts, "names": names(batch), "drops": drops, "reset": True}

    made = predata.chain(work.add, entries, asking.options.parallelism, ENTRIES_PER_TEXT, first, payload)
    return worklist_edges.defaults(work, asking.edges, asking.stays, made)


def names(entries: Iterable[Entry]) -> list[str]:
    """What a failing statement is told by: the object that it was to make."""
    return [named.name(entry) for entry in entries]


def _ours(entry: Entry, asking: Asking) -> bool:
    """An extension that the target had before is not ours to drop."""
    return not (entry.desc == "EXTENSION" and entry.tag in asking.extensions_before)


class _Indexes:
    """Indexes and constraints: each waits for its table's rows, foreign keys for everything."""

    def __init__(self, work: _List, asking: Asking, copied: dict[int, tuple[int, ...]], made: int) -> None:
        self.work, self.asking, self.catalog = work, asking, asking.catalog
        self.copied, self.made = copied, made
        self.small: dict[int, list[Entry]] = defaultdict(list)
        self.late: list[Entry] = []
        self.unproven: list[Entry] = []

    def add(self) -> None:
        keys: list[tuple[Entry, Constraint]] = []
        attached: list[Entry] = []
        for entry in self.asking.dumped.post_data():
            if entry.desc == "INDEX":
                self._index(entry)
            elif entry.desc == "CONSTRAINT":
                self._constraint(entry)
            elif entry.desc == "INDEX ATTACH":
                attached.append(entry)
            elif entry.desc == "FK CONSTRAINT":
                keys.append((entry, self.catalog.constraints[entry.oid]))
        self._small_ones()
        for chunk in chunks(self.unproven, ENTRIES_PER_TEXT):
            texts = [schema.statement(entry) for entry in chunk]
            payload = {"sql": texts, "names": names(chunk)}
            self.work.add("index", 38, "constraints without an index", payload=payload, barrier=38)
        for chunk in chunks(attached, ENTRIES_PER_TEXT):
            texts = [schema.statement(entry) for entry in chunk]
            self.work.add(
                "index", 34, "attaching partition indexes", payload={"sql": texts, "names": names(chunk)}, barrier=34
            )
        worklist_keys.add(self.work, keys, self.catalog, self.asking.comments_on_parted)
        for chunk in chunks(self.late, ENTRIES_PER_TEXT):
            texts = [schema.statement(entry) for entry in chunk]
            self.work.add(
                "index",
                62,
                "indexes of materialized views",
                payload={"sql": texts, "names": names(chunk)},
                barrier=62,
            )

    def _index(self, entry: Entry) -> None:
        index = self.catalog.indexes[entry.oid]
        if index.table in self.catalog.matviews:
            self.late.append(entry)
        elif index.bytes < SMALL_BYTES:
            self.small[index.table].append(entry)
        else:
            self._alone(entry, [schema.statement(entry)], index)

    def _constraint(self, entry: Entry) -> None:
        constraint = self.catalog.constraints.get(entry.oid)
        index = self.catalog.indexes.get(constraint.index) if constraint else None
        if constraint is None or index is None:
            self.unproven.append(entry)  # NOT NULL … NOT VALID: rows that break it must have arrived before
        elif index.bytes < BIG_INDEX_BYTES or not constraint.plain:
            if index.bytes < SMALL_BYTES:
                self.small[constraint.table].append(entry)
            else:
                self._alone(entry, [schema.statement(entry)], index)
        else:
            built = self._alone(entry, [index.definition], index)
            payload = {
                "sql": [using_index(schema.statement(entry), self.catalog.tables[constraint.table], constraint)]
            }
            self.work.add("index", 32, entry.tag, payload=payload, needs=(built,))

    def _alone(self, entry: Entry, texts: list[str], index: Index) -> int:
        needs = self.copied.get(index.table, (self.made,))
        small = bool(_BTREE.search(index.definition)) and index.bytes < SORTED_IN_ONE_PASS
        payload = {"sql": texts, "names": [named.name(entry)] * len(texts), "sorted": small}
        return self.work.add("index", 30, entry.tag, size=index.bytes, payload=payload, needs=needs)

    def _small_ones(self) -> None:
        """All of a group's tables at once: their indexes cost less than a task of their own."""
        by_task: dict[tuple[int, ...], list[Entry]] = defaultdict(list)
        for table, entries in self.small.items():
            by_task[self.copied.get(table, (self.made,))] += entries
        for needs, entries in by_task.items():
            for chunk in chunks(entries, ENTRIES_PER_TEXT):
                title = chunk[0].tag if len(chunk) == 1 else f"{len(chunk)} small indexes"
                payload = {"sql": [schema.statement(entry) for entry in chunk], "names": names(chunk)}
                self.work.add("index", 30, title, payload=payload, needs=needs)


_FIRST_STATEMENT = re.compile(r"""(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|[^;"'])*;\n?""")
"""Up to the first semicolon that stands outside quotes."""


def using_index(created: str, table: Table, constraint: Constraint) -> str:
    """The constraint on the index of its name, which exists already, and what pg_dump says after it (CLUSTER ON)."""
    word = "PRIMARY KEY" if constraint.kind == "p" else "UNIQUE"
    called = quote.name(constraint.name)
    first = _FIRST_STATEMENT.match(created)
    rest = created[first.end() :] if first else ""
    return f"alter table only {table.quoted} add constraint {called} {word} using index {called};\n{rest}"


_OWN_TASK = {"INDEX", "INDEX ATTACH", "CONSTRAINT", "FK CONSTRAINT"}


def _post(work: _List, asking: Asking) -> None:
    """Triggers, rules, policies, publications, comments and grants: what must not act while rows arrive."""
    waiting = {said.id for comments in asking.comments_on_parted.values() for said in comments}
    waiting |= asking.not_made
    entries = [e for e in asking.dumped.post_data() if e.desc not in _OWN_TASK and e.id not in waiting]
    events = {e.id for e in entries if e.desc == "EVENT TRIGGER"}
    views = asking.catalog.matviews
    indexes = {index.oid for index in asking.catalog.indexes.values() if index.table in views}
    made_late = {e.id for e in asking.dumped.post_data() if e.oid in indexes and e.catalog == PG_CLASS}

    def phase_of(entry: Entry) -> int:
        # Event triggers come last of all: one that guards against DDL would stop what comes after it.
        if not events.isdisjoint((entry.id, *entry.needs)):
            return 68
        return 50 if made_late.isdisjoint(entry.needs) else 64

    last = 0
    for phase in (50, 64, 68):
        for chunk in chunks([entry for entry in entries if phase_of(entry) == phase], ENTRIES_PER_TEXT):
            drops = [drop for entry in reversed(chunk) if (drop := schema.drop_statement(entry))]
            payload = {"sql": [asking.text(chunk)], "names": names(chunk), "drops": drops, "reset": True}
            title = "event triggers" if phase == 68 else "triggers, policies, comments and grants"
            last = work.add("post", phase, title, payload=payload, needs=(last,), barrier=phase)


def _comments(work: _List, asking: Asking) -> None:
    """Nothing else runs beside it: what it speaks of may be any relation."""
    if any(entry.desc == "EXTENSION" for entry in asking.dumped.kept):
        payload = {"before": sorted(asking.extensions_before)}
        work.add("comments", 66, "comments on extensions", payload=payload, barrier=66)


def _large_objects(work: _List, asking: Asking, made: int) -> None:
    for chunk in chunks(asking.large_objects, LARGE_OBJECTS_PER_TASK):
        title = f"{len(chunk)} large objects"
        work.add("large objects", 20, title, payload={"oids": list(chunk)}, needs=(made,))


def _refreshes(work: _List, asking: Asking) -> None:
    """Each after those it reads."""
    tasks: dict[int, int] = {}
    waiting = [view for view in asking.catalog.matviews.values() if view.populated and view.oid not in asking.stays]
    while waiting:
        ready = [view for view in waiting if not any(other.oid in view.reads for other in waiting)] or waiting
        for view in ready:
            sql = f"refresh materialized view {quote.qualified(view.schema, view.name)}"
            needs = tuple(tasks[oid] for oid in view.reads if oid in tasks)
            payload = {"sql": [*asking.edges.looks, sql]}
            tasks[view.oid] = work.add(
                "refresh", 60, view.label, size=view.bytes, payload=payload, needs=needs, barrier=60
            )
        waiting = [view for view in waiting if view not in ready]


def _statistics(work: _List, asking: Asking) -> None:
    """A partitioned table's ANALYZE looks at its partitions too, so only the topmost is named.

    Not where one of them is a foreign table: ANALYZE would ask another server, and fail when that is away."""
    catalog, sizes = asking.catalog, defaultdict[tuple[str, str], int](int)
    abroad = {catalog.top(table).oid for table in catalog.tables.values() if table.kind == "f" and table.above}
    for table, _ in moved(asking.plan, catalog):
        top = catalog.top(table)
        sizes[(table if top.oid in abroad else top).key] += table.bytes
    for view in catalog.matviews.values():
        if view.populated and view.oid not in asking.stays:
            sizes[view.schema, view.name] += view.bytes
    # From 18 on it looks at the tables that inherit, too: two lanes would wait for each other over one of them.
    plain = {table.key for table in catalog.tables.values() if table.kind == "r"}
    alone = plain if asking.target_version >= ANALYZE_INHERITS_FROM else set[tuple[str, str]]()
    for group in groups(list(sizes.items()), lambda item: item[1]):
        texts = [f"analyze {'only ' if key in alone else ''}{quote.qualified(*key)}" for key, _ in group]
        title = ".".join(group[0][0]) if len(group) == 1 else f"{len(group)} small tables"
        size = sum(size for _, size in group)
        work.add("analyze", 70, title, size=size, payload={"sql": texts}, barrier=70)


def _sequences(work: _List, asking: Asking, made: int) -> None:
    names = [list(key) for oid, key in asking.catalog.sequences.items() if oid not in asking.stays]
    if names:
        title = "1 sequence" if len(names) == 1 else f"{len(names)} sequences"
        work.add("sequences", 48, title, payload={"names": names}, needs=(made,), barrier=48)


def _proofs(work: _List, asking: Asking) -> None:
    for group in groups(moved(asking.plan, asking.catalog), lambda pair: pair[0].bytes):
        payload = {"tables": [copied(table, method) for table, method in group]}
        title = group[0][0].label if len(group) == 1 else f"{len(group)} small tables"
        size = sum(table.bytes for table, _ in group)
        work.add("verify", 90, title, size=size, payload=payload, barrier=70)
