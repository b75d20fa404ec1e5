"""What cannot exist on the target because a table that it needs does not move. Pure."""

from __future__ import annotations

from jobs.core.model import Scope
from jobs.engines.postgres.facts import Reference
from jobs.engines.postgres.inventory import Inventory

Key = tuple[str, str]


def broken(inventory: Inventory) -> list[Reference]:
    """References from something that moves to a relation that does not; views over such views too."""
    gone = {t.key for t in inventory.source.tables.get() if not t.of_extension} - inventory.selected_keys
    references = inventory.source.references.get() if gone else ()
    found: list[Reference] = []
    views = [r for r in references if r.kind in ("view", "materialized view")]
    while fallen := [r for r in views if (r.to_schema, r.to_table) in gone and r not in found]:
        found += fallen
        gone |= {(r.schema_name, r.table_name) for r in fallen}
    tables = [r for r in references if r not in views and (r.to_schema, r.to_table) in gone]
    return found + [r for r in tables if (r.schema_name, r.table_name) in inventory.selected_keys]


def rowless_readers(inventory: Inventory) -> list[Reference]:
    """What moves with its rows and needs rows that stay behind: foreign keys, and materialized views."""
    rowless = inventory.rowless_keys
    references = inventory.source.references.get() if rowless else ()
    return [
        r
        for r in references
        if (r.to_schema, r.to_table) in rowless
        and (
            r.kind == "materialized view"
            or (
                r.kind == "foreign key"
                and (r.schema_name, r.table_name) in inventory.selected_keys - rowless
                and inventory.options.scope is Scope.everything
            )
        )
    ]


def sentence_of_rows(reference: Reference) -> str:
    """`foreign key k of a.b points to rows of c.d, which stay behind`."""
    to = f"rows of {reference.to_schema}.{reference.to_table}, which stay behind"
    here = f"{reference.schema_name}.{reference.table_name}"
    if reference.kind == "foreign key":
        return f"Foreign key {reference.name} of {here} points to {to}."
    return f"Materialized view {here} is filled without {to}."


def sentence(reference: Reference) -> str:
    """`foreign key k of a.b points to c.d, which does not move`."""
    to = f"{reference.to_schema}.{reference.to_table}, which does not move"
    here = f"{reference.schema_name}.{reference.table_name}"
    if reference.kind == "foreign key":
        return f"Foreign key {reference.name} of {here} points to {to}."
    if reference.kind == "inheritance":
        return f"Table {here} inherits from {to}."
    return f"{reference.kind.capitalize()} {here} reads {to}."
