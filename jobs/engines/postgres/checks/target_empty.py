"""The target is empty; for data only: the tables are there, with these columns, and hold no rows."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.core.model import Finding, Scope, Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.facts import Extension, Object
from jobs.engines.postgres.inventory import Inventory

_STANDING = frozenset(
    {
        "table",
        "schema",
        "view",
        "materialized view",
        "sequence",
        "function",
        "domain",
        "enum",
        "type",
        "collation",
        "operator",
        "text search configuration",
        "publication",
        "subscription",
        "event trigger",
        "foreign server",
        "large object",
    }
)
"""Kinds that stand alone; indexes, constraints and triggers go with their tables."""


def find(inventory: Inventory) -> Findings:
    if inventory.own_run:
        return
    yield from _prepared(inventory) if inventory.options.scope is Scope.data_only else _empty(inventory)


def _empty(inventory: Inventory) -> Findings:
    objects = list(standing(inventory))
    housing = sorted({schema for schema, _ in housing_schemas(inventory)})
    if housing and not (objects and inventory.options.overwrite):
        one = len(housing) == 1
        yield found(
            Severity.inform,
            f"{counted(len(housing), 'schema')} of the target {'houses' if one else 'house'} extensions:"
            f" {listed(housing)}. {'It stays' if one else 'They stay'}, and no other is made for the source's.",
            object=housing[0],
            remedy="Nothing to do. Roll back leaves them as they are now.",
            side="target",
        )
    if objects and inventory.options.overwrite:
        yield _replaced(inventory, objects)
    elif objects:
        server, source = inventory.target.server, inventory.source.server
        fresh = quote.name(f"{server.database}_new")
        yield found(
            Severity.block,
            f"The target is not empty: it holds {counted(len(objects), 'object')}: {listed(objects, 20)}.",
            object=server.database,
            remedy="Choose an empty database, or have one made:\n"
            f"CREATE DATABASE {fresh} TEMPLATE template0 ENCODING {quote.text(source.encoding)};\n"
            "-- run by a role with CREATEDB or a superuser\n"
            "-- or have it replaced, behind a restore point: the button Replace its contents",
            side="target",
            field="target",
        )


def _replaced(inventory: Inventory, objects: list[str]) -> Finding:
    """Nobody may learn from the receipt only what was in the target."""
    server, facts = inventory.target.server, inventory.replacement.value
    users = f" Connected to it now: {listed(facts.sessions)}." if facts and facts.sessions else ""
    going = f" Extensions that go too: {listed(facts.going)}." if facts and facts.going else ""
    return found(
        Severity.warn,
        f"EVERYTHING in database {server.database} of the target will be replaced: {counted(len(objects), 'object')}:"
        f" {listed(objects, 20)}.{going}{users}",
        object=server.database,
        remedy="A restore point of the whole database is made first; Cancel and Roll back bring it back. Stop what"
        " writes to it: what is written after the restore point is lost.",
        side="target",
        field="target",
    )


def standing(inventory: Inventory) -> Iterator[str]:
    """What people made on the target, as `kind name`."""
    yield from (f"table {t.label}" for t in inventory.target.tables.get() if not t.of_extension)
    for item in inventory.target.objects.get():
        # A serial's sequence belongs to a table that is listed already.
        attached = item.kind == "sequence" and item.table_name
        if item.kind in _STANDING and not attached and not _houses_extension(item, inventory):
            yield f"{item.kind} {item.label}"


def _houses_extension(item: Object, inventory: Inventory) -> bool:
    housing = {e.schema_name for e in inventory.target.extensions.get()}
    return item.kind == "schema" and item.schema_name in housing


def housing_schemas(inventory: Inventory) -> list[tuple[str, Extension]]:
    """Schemas that were made for extensions of the target, each with one of them."""
    schemas = {o.schema_name for o in inventory.target.objects.get() if o.kind == "schema"}
    return [(e.schema_name, e) for e in inventory.target.extensions.get() if e.schema_name in schemas]


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
    there = {t.key for t in inventory.target.tables.get()}
    missing = [t.label for t in inventory.selected if t.key not in there]
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
    filled = inventory.target.filled.get()
    if filled:
        yield found(
            Severity.block,
            f"{counted(len(filled), 'table')} of the target already {'holds' if len(filled) == 1 else 'hold'} rows:"
            f" {listed(filled)}.",
            object=filled[0],
            remedy="Empty the tables (TRUNCATE, run by their owner) if their rows may go, or leave them out.",
            side="target",
            field="target",
        )


def _columns(inventory: Inventory) -> Findings:
    there: dict[tuple[str, str], set[str]] = {}
    for column in inventory.target.columns.get():
        there.setdefault((column.schema_name, column.table_name), set()).add(column.name)
    lacking = [
        f"{c.schema_name}.{c.table_name}.{c.name}"
        for c in inventory.source.columns.get()
        if (key := (c.schema_name, c.table_name)) in inventory.selected_keys
        and key in there
        and c.name not in there[key]
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


CHECK = PgCheck("target_empty", "Target is empty", find, measured)
