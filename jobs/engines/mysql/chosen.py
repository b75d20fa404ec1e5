"""What moves when only some tables do. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from jobs.core.model import Options
from jobs.engines.mysql.catalog import Catalog, Table, View
from jobs.engines.mysql.dependents import pairs
from jobs.engines.mysql.inventory import Entry
from jobs.engines.shared.select import selected


def chosen(catalog: Catalog, options: Options) -> list[Table]:
    """The tables that a person's patterns choose."""
    entries = [Entry(catalog.database, table) for table in catalog.tables]
    return [entry.table for entry in selected(entries, options.include, options.exclude)]


def reduced(catalog: Catalog, planned: Collection[str]) -> Catalog:
    """The catalog without tables that do not move, and without what cannot stand without them: their triggers, views
    that read them or such views, and foreign keys to them or to another database."""
    gone = {table.name for table in catalog.tables} - set(planned)
    views = list(catalog.views)
    while lost := [view for view in views if _reads(view, catalog.database) & gone]:
        views = [view for view in views if view not in lost]
        gone |= {view.name for view in lost}
    tables = tuple(_standing(table, catalog.database, planned) for table in catalog.tables if table.name in planned)
    return replace(
        catalog,
        tables=tables,
        views=tuple(views),
        triggers=tuple(trigger for trigger in catalog.triggers if trigger.table in planned),
        by_name={table.name: table for table in tables},
    )


def _reads(view: View, database: str) -> set[str]:
    return {name for where, name in pairs(view.body or view.create) if where == database}


def _standing(table: Table, database: str, planned: Collection[str]) -> Table:
    names = {name.lower() for name in planned}
    keys = tuple(
        key for key in table.foreign_keys if key.other_database == database and key.other_table.lower() in names
    )
    return replace(table, foreign_keys=keys)
