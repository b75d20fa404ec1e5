"""The chosen tables exist, and nothing that moves needs a table that does not."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found
from jobs.engines.mysql.dependents import broken
from jobs.engines.mysql.inventory import Inventory
from jobs.engines.shared.select import idle

_HOW = "Write database.table with the source's database; * stands for any characters."


def find(inventory: Inventory) -> Findings:
    options = inventory.options
    for pattern in idle(inventory.entries, options.include):
        yield found(
            Severity.block,
            f"The pattern {pattern} names no table of the source.",
            object=pattern,
            remedy=_HOW,
            side="source",
            field="include",
        )
    for field, patterns in (("exclude", options.exclude), ("exclude_data", options.exclude_data)):
        for pattern in idle(inventory.entries, patterns):
            yield found(
                Severity.warn,
                f"The pattern {pattern} leaves nothing out: it names no table of the source.",
                object=pattern,
                remedy=_HOW,
                side="source",
                field=field,
            )
    if not inventory.selected and (options.include or options.exclude):
        yield found(
            Severity.block,
            "The patterns choose no table at all.",
            object=inventory.source.server.database,
            remedy="Loosen what is included or excluded.",
            side="source",
            field="include",
        )
    if options.scope is not Scope.data_only:
        yield from _needing(inventory)
    yield from _pointing(inventory)


def _pointing(inventory: Inventory) -> Findings:
    """Rows that travel and point to rows that do not."""
    for table in inventory.filled:
        for key in (key for key in table.foreign_keys if key.other_table in inventory.rowless):
            yield found(
                Severity.block,
                f"Foreign key {key.name} of {table.name} points to {key.other_table}, whose rows do not move: every"
                " row would point nowhere.",
                object=f"{table.name}.{key.name}",
                remedy=f"Leave the rows of {table.name} behind too, or bring those of {key.other_table}.",
                side="source",
                field="exclude_data",
            )


def _needing(inventory: Inventory) -> Findings:
    for view in broken(inventory):
        yield found(
            Severity.warn,
            f"View {view.name} reads a table that does not move, so it is left out.",
            object=view.name,
            remedy="Include its tables too, or accept the loss.",
            side="source",
            field="exclude",
        )
    for table in inventory.selected:
        for key in table.foreign_keys:
            if key.other_database == inventory.source.server.database and key.other_table not in (
                inventory.selected_names
            ):
                yield found(
                    Severity.warn,
                    f"Foreign key {key.name} of {table.name} points to {key.other_table}, which does not move, so it"
                    " is left out.",
                    object=f"{table.name}.{key.name}",
                    remedy=f"Include {key.other_table} too, or accept the loss.",
                    side="source",
                    field="exclude",
                )


def measured(inventory: Inventory) -> str:
    return f"{len(inventory.selected):,} of {counted(len(inventory.entries), 'table')}"


CHECK = MyCheck("filters", "The chosen tables stand by themselves", find, measured)
