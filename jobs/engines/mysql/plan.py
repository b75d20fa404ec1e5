"""Inventory -> MigrationPlan. Pure and deterministic: the same facts give the same digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from jobs.core.model import Choice, Dialect, Question, Scope
from jobs.core.plan import Measures, MigrationPlan, Place, PlannedStep, PlannedTable
from jobs.core.questions import answer
from jobs.engines.mysql.catalog import Catalog, Table
from jobs.engines.mysql.checks.disk import have_bytes
from jobs.engines.mysql.checks.history import lost
from jobs.engines.mysql.collations import nearest, unknown
from jobs.engines.mysql.definers import COLLATION
from jobs.engines.mysql.dependents import broken
from jobs.engines.mysql.estimate import need_bytes, seconds
from jobs.engines.mysql.facts import Unread
from jobs.engines.mysql.inventory import Address, Inventory, Side
from jobs.engines.mysql.owners import choice as definer_choice
from jobs.engines.mysql.owners import foreign
from jobs.engines.mysql.owners import question as definer_question
from jobs.engines.shared.words import listed


def plan(inventory: Inventory) -> MigrationPlan:
    """The plan of an inventory without blockers. Raises `Unread` or `Unreached` where there are some."""
    return MigrationPlan(
        migration=inventory.migration,
        source=place(inventory.source_address, inventory.source),
        target=place(inventory.target_address, inventory.target),
        options=inventory.options,
        tables=tuple(_tables(inventory)),
        steps=tuple(_steps(inventory)),
        schema_fingerprint=fingerprint(inventory),
        questions=tuple(_questions(inventory)),
        snapshot=snapshot(inventory),
        left_out=tuple(_left_out(inventory)),
        measures=_measures(inventory),
    )


def place(address: Address, side: Side) -> Place:
    """One side as it described itself: an address that says mysql may well be MariaDB's."""
    return Place(
        label=address.label,
        dialect=Dialect(side.server.flavour.kind),
        host=address.host,
        port=address.port,
        database=side.server.database,
        user=address.user,
        server_version=".".join(map(str, side.server.flavour.version)),
        server_id=side.server.identity,
        environment=address.environment,
    )


def _tables(inventory: Inventory) -> Iterator[PlannedTable]:
    stream = inventory.target.server.on("local_infile")
    rows = {table.name for table in inventory.filled}
    for table in inventory.selected:
        yield PlannedTable(
            schema_name=inventory.source.server.database,
            name=table.name,
            method="load stream" if stream else "inserts",
            rows_moved=table.name in rows,
        )


_SNAPSHOTS = {
    "binlog": "one snapshot for every table: all sessions stand at one place in the source's binary log",
    "gtid": "one snapshot for every table: all sessions have seen the same transactions",
    "lock": "one snapshot for every table, taken in a moment in which their writers wait",
    "single": "one snapshot for every table: one session reads them all",
}


def snapshot(inventory: Inventory) -> str:
    """How the source is read at one instant, in a sentence."""
    if inventory.options.scope is Scope.schema_only:
        return "the schema alone, without rows"
    return _SNAPSHOTS[inventory.source.consistency.get()]


def _steps(inventory: Inventory) -> Iterator[PlannedStep]:
    scope, catalog, tables = inventory.options.scope, inventory.source.catalog.get(), inventory.selected
    schema, data = scope is not Scope.data_only, scope is not Scope.schema_only
    rows = len(inventory.filled)
    if schema:
        yield PlannedStep(name="schema", title="Create the tables", count=len(tables))
    if data:
        yield PlannedStep(name="copy", title="Copy the rows", count=rows)
    if schema:
        indexes = sum(not index.primary for table in tables for index in table.indexes)
        keys = sum(_arrives(table, inventory) for table in tables)
        yield PlannedStep(name="index", title="Build indexes", count=indexes)
        yield PlannedStep(name="constraint", title="Add foreign keys", count=keys)
    if data:
        counters = sum(table.auto_increment is not None for table in inventory.filled)
        yield PlannedStep(
            name="sequence", title="Set counters and sequences", count=counters + len(catalog.sequences)
        )
    if schema:
        yield PlannedStep(
            name="finish", title="Create routines, views, triggers and events", count=_finishing(inventory)
        )
    if data:
        yield PlannedStep(name="analyze", title="Gather statistics", count=rows)
    yield PlannedStep(name="verify", title="Compare every table and object", count=rows)


def _arrives(table: Table, inventory: Inventory) -> int:
    """Foreign keys whose other table moves too."""
    return sum(key.other_table in inventory.selected_names for key in table.foreign_keys)


def _finishing(inventory: Inventory) -> int:
    catalog = inventory.source.catalog.get()
    triggers = sum(trigger.table in inventory.selected_names for trigger in catalog.triggers)
    views = len(catalog.views) - len(broken(inventory))
    return triggers + views + len(catalog.routines) + len(catalog.events)


def fingerprint(inventory: Inventory) -> str:
    """Of what moves. Raises `Unread` or `Unreached`."""
    return fingerprint_of(inventory.source.catalog.get(), inventory.selected)


def fingerprint_of(catalog: Catalog, selected: Sequence[Table]) -> str:
    """64 hex digits over the definitions of what moves: the same while nobody changes the schema."""
    names = {table.name for table in selected}
    found: list[Any] = [catalog.charset, catalog.collation]
    found += [_lasting(table) for table in selected]
    found += [asdict(t) for t in catalog.triggers if t.table in names]
    for others in (catalog.views, catalog.routines, catalog.events):
        found += [asdict(item) for item in others]
    found += [(sequence.name, sequence.create) for sequence in catalog.sequences]
    return hashlib.sha256(json.dumps(found, ensure_ascii=False, sort_keys=True, default=str).encode()).hexdigest()


_MEASURED = ("rows", "data_bytes", "index_bytes", "auto_increment", "create")


def _lasting(table: Table) -> dict[str, Any]:
    """What a person defined, without what changes with every row."""
    return {name: value for name, value in asdict(table).items() if name not in _MEASURED}


def _questions(inventory: Inventory) -> Iterator[Question]:
    if inventory.options.scope is Scope.data_only:
        return
    asked = definer_question(inventory)
    if asked is not None:
        yield asked
    yield from _collation_questions(inventory)


def _collation_questions(inventory: Inventory) -> Iterator[Question]:
    known = inventory.target.collations.get()
    for name, users in unknown(inventory).items():
        proposed = nearest(name, known)
        yield Question(
            key=f"{COLLATION}{name}",
            title=f"The target does not know collation {name}. Which one takes its place?",
            choices=tuple(Choice(value=other, text=other) for other in proposed),
            default=proposed[0] if proposed else "",
            detail=f"Used by {listed(users, 5)}. The nearest comes first: ci and cs say whether case counts, ai and"
            " as whether accents do, nopad whether spaces at the end do.",
        )


def _left_out(inventory: Inventory) -> Iterator[str]:
    catalog, options = inventory.source.catalog.get(), inventory.options
    if options.scope is not Scope.data_only:
        yield from (f"View {view.name}: it reads a table that does not move." for view in broken(inventory))
        for table in inventory.selected:
            for key in table.foreign_keys:
                if key.other_table not in inventory.selected_names:
                    yield f"Foreign key {key.name} of {table.name}: {key.other_table} does not move."
        yield "Accounts, their passwords and their grants: they belong to the server."
        yield from _changed(inventory, catalog)
    if options.scope is Scope.schema_only:
        yield "Rows: only the schema was asked for."
    else:
        yield from (f"Rows of {name}: the table arrives empty." for name in sorted(inventory.rowless))
    history = lost(inventory)
    if history:
        yield f"The history of system-versioned tables: {listed(history)}."


def _changed(inventory: Inventory, catalog: Catalog) -> Iterator[str]:
    """What arrives, but not as it was."""
    if any(event.status == "ENABLED" for event in catalog.events):
        yield "The life of events: they arrive disabled, so that they do not run on two servers."
    asked = definer_question(inventory)
    if asked is not None and definer_choice(inventory) != "keep":
        yield f"Definers: {listed(sorted(foreign(inventory)), 5)}."
    for question in _collation_questions(inventory):
        name = question.key.removeprefix(COLLATION)
        yield f"Collation {name}: {answer(question, inventory.options)} takes its place."


def _measures(inventory: Inventory) -> Measures:
    low, high = _guess(inventory)
    return Measures(
        table_bytes=tuple(table.bytes for table in inventory.selected),
        table_rows=tuple(table.rows for table in inventory.selected),
        need_bytes=need_bytes(inventory),
        have_bytes=have_bytes(inventory),
        seconds_low=low,
        seconds_high=high,
    )


def _guess(inventory: Inventory) -> tuple[int, int]:
    """An estimate that could not be made forbids nothing."""
    try:
        return seconds(inventory)
    except Unread:
        return 0, 0
