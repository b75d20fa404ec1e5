"""What moves stands by itself: it names no other database."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql import quote
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, listed
from jobs.engines.mysql.dependents import elsewhere, itself
from jobs.engines.mysql.inventory import Inventory

_SERVER = frozenset({"information_schema", "performance_schema", "mysql", "sys"})
"""Every server has these."""


def find(inventory: Inventory) -> Findings:
    if inventory.options.scope is Scope.data_only:
        return
    catalog = inventory.source.catalog.get()
    there = set(inventory.target.databases.get())
    for table in inventory.selected:
        for key in (k for k in table.foreign_keys if k.other_database != catalog.database):
            yield found(
                Severity.block,
                f"Foreign key {key.name} of {table.name} points to {key.other_database}.{key.other_table}, in another"
                " database.",
                object=f"{table.name}.{key.name}",
                remedy=f"One database moves at a time. Leave {table.name} out, or first, on the source:\nALTER TABLE"
                f" {quote.name(table.name)} DROP FOREIGN KEY {quote.name(key.name)};",
                side="source",
            )
    for name, databases in elsewhere(catalog, set(inventory.source.databases.get()) - _SERVER).items():
        missing = sorted(databases - there)
        kind, _, plain = name.partition(" ")
        yield found(
            Severity.block if missing and kind == "view" else Severity.warn,
            f"{kind.capitalize()} {plain} names database {listed(sorted(databases))}"
            + (
                f", which the target does not have: {listed(missing)}."
                if missing
                else ", whose twin on the target it will use."
            ),
            object=plain,
            remedy="Move that database too, drop the object on the source, or accept it."
            if not missing
            else "Make that database on the target first, or drop the object on the source.",
            side="source",
        )

    yield from _itself(inventory)


def _itself(inventory: Inventory) -> Findings:
    """On one server such an object would go on working with the source, without a word."""
    source, target = inventory.source.server.database, inventory.target.server.database
    if source == target:
        return
    for name in itself(inventory.source.catalog.get()):
        kind, _, plain = name.partition(" ")
        yield found(
            Severity.block if kind == "view" else Severity.warn,
            f"{kind.capitalize()} {plain} {'names' if kind == 'view' else 'seems to name'} its own database,"
            f" {source}; the target's is called {target}, where it would reach for {source} all the same.",
            object=plain,
            remedy=f"Write its names without the database on the source, or choose a target that is called {source}.",
            side="source",
        )


def measured(inventory: Inventory) -> str:
    return f"nothing of {inventory.source.server.database} names another database"


CHECK = MyCheck("other_databases", "The database stands by itself", find, measured)
