"""The target is empty; for data only: the tables are there, with these columns, and hold no rows."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.core.model import Finding, Scope, Severity
from jobs.engines.mysql import quote
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.checks.remedies import asked, who
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    if inventory.own_run:
        return
    yield from _prepared(inventory) if inventory.options.scope is Scope.data_only else _empty(inventory)


def _empty(inventory: Inventory) -> Findings:
    objects = list(standing(inventory))
    if objects and inventory.options.overwrite:
        yield _replaced(inventory, objects)
    elif objects:
        server = inventory.target.server
        catalog = inventory.source.catalog.get()
        fresh = quote.name(f"{server.database}_new"[:64])
        yield found(
            Severity.block,
            f"The target is not empty: it holds {counted(len(objects), 'object')}: {listed(objects, 20)}.",
            object=server.database,
            remedy="Choose an empty database, or have one made:\n"
            f"CREATE DATABASE {fresh} CHARACTER SET {catalog.charset} COLLATE {catalog.collation};\n{who('target')}"
            "\n-- or have it replaced, behind a restore point: the button Replace its contents",
            side="target",
            field="target",
        )


def _replaced(inventory: Inventory, objects: list[str]) -> Finding:
    """Nobody may learn from the receipt only what was in the target."""
    server, facts = inventory.target.server, inventory.replacement.value
    users = f" Connected to it now: {listed(facts.sessions)}." if facts and facts.sessions else ""
    return found(
        Severity.warn,
        f"EVERYTHING in database {server.database} of the target will be replaced: {counted(len(objects), 'object')}:"
        f" {listed(objects, 20)}.{users}",
        object=server.database,
        remedy="A restore point of the whole database is made first, while its writers wait; Cancel and Roll back"
        " bring it back. Stop what writes to it: what is written after the restore point is lost.",
        side="target",
        field="target",
    )


def standing(inventory: Inventory) -> Iterator[str]:
    """What people made on the target, as `kind name`."""
    catalog = asked(inventory.target.catalog, inventory.target.server, "target")
    for kind, found_objects in (
        ("table", catalog.tables),
        ("view", catalog.views),
        ("routine", catalog.routines),
        ("event", catalog.events),
        ("sequence", catalog.sequences),
    ):
        yield from (f"{kind} {item.name}" for item in found_objects)


def _prepared(inventory: Inventory) -> Findings:
    if inventory.options.overwrite:
        yield found(
            Severity.block,
            "Only rows travel, into tables that are there: overwriting replaces a whole database.",
            object=inventory.target.server.database,
            remedy="Choose schema and data to replace the target, or do without overwriting and empty the tables.",
            side="target",
            field="overwrite",
        )
    there = inventory.target.catalog.get().by_name
    missing = [table.name for table in inventory.selected if table.name not in there]
    if missing:
        yield found(
            Severity.block,
            f"The target lacks {counted(len(missing), 'table')} for this data: {listed(missing)}.",
            object=missing[0],
            remedy="Move the schema first (scope: schema only), or choose scope: everything.",
            side="target",
            field="target",
        )
    yield from _columns(inventory)
    filled = asked(inventory.target.filled, inventory.target.server, "target")
    if filled:
        yield found(
            Severity.block,
            f"{counted(len(filled), 'table')} of the target already {'holds' if len(filled) == 1 else 'hold'} rows:"
            f" {listed(filled)}.",
            object=filled[0],
            remedy="Empty the tables (TRUNCATE) if their rows may go, or leave them out.",
            side="target",
            field="target",
        )


def _columns(inventory: Inventory) -> Findings:
    there = inventory.target.catalog.get().by_name
    lacking = [
        f"{table.name}.{column.name}"
        for table in inventory.selected
        if table.name in there
        for column in table.columns
        if column.name.lower() not in {other.name.lower() for other in there[table.name].columns}
    ]
    if lacking:
        yield found(
            Severity.block,
            f"Tables of the target lack {counted(len(lacking), 'column')}: {listed(lacking)}.",
            object=lacking[0],
            remedy="Add the columns with the source's types, or move the schema too (scope: everything).",
            side="target",
            field="target",
        )


def measured(inventory: Inventory) -> str:
    if inventory.own_run:
        return "only what this migration's unfinished run made"
    if inventory.options.overwrite and list(standing(inventory)):
        return "its contents are replaced"
    if inventory.options.scope is Scope.data_only:
        return f"{counted(len(inventory.selected), 'table')} ready and without rows"
    return "no tables, no other objects"


CHECK = MyCheck("target_empty", "Target is empty", find, measured)
