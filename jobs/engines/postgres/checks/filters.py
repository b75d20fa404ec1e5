"""The chosen tables exist, and nothing that moves needs a table that does not."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found
from jobs.engines.postgres.dependents import broken, rowless_readers, sentence, sentence_of_rows
from jobs.engines.postgres.inventory import Inventory
from jobs.engines.postgres.select import idle


def find(inventory: Inventory) -> Findings:
    options = inventory.options
    candidates = [t for t in inventory.source.tables.get() if not t.of_extension]
    for pattern in idle(candidates, options.include):
        yield found(
            Severity.block,
            f"The pattern {pattern} names no table of the source.",
            object=pattern,
            remedy="Write schema.table; * stands for any characters; upper and lower case differ.",
            side="source",
            field="include",
        )
    for field, patterns in (("exclude", options.exclude), ("exclude_data", options.exclude_data)):
        for pattern in idle(candidates, patterns):
            yield found(
                Severity.warn,
                f"The pattern {pattern} leaves nothing out: it names no table of the source.",
                object=pattern,
                remedy="Write schema.table; * stands for any characters; upper and lower case differ.",
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
    yield from _needing(inventory)
    for reference in rowless_readers(inventory):
        key = reference.kind == "foreign key"
        yield found(
            Severity.block if key else Severity.warn,
            sentence_of_rows(reference)
            if not key
            else f"{sentence_of_rows(reference)[:-1]}: it could not be proven.",
            object=f"{reference.schema_name}.{reference.name}",
            remedy=f"Leave the rows of {reference.schema_name}.{reference.table_name} behind too, or bring those of"
            f" {reference.to_schema}.{reference.to_table}.",
            side="source",
            field="exclude_data",
        )


def _needing(inventory: Inventory) -> Findings:
    for reference in broken(inventory):
        yield found(
            Severity.block if reference.kind == "inheritance" else Severity.warn,
            f"{sentence(reference)[:-1]}, so it is left out."
            if reference.kind != "inheritance"
            else f"{sentence(reference)[:-1]}: it cannot be created without it.",
            object=f"{reference.schema_name}.{reference.name}",
            remedy=f"Include {reference.to_schema}.{reference.to_table} too, or accept the loss.",
            side="source",
            field="exclude",
        )


def measured(inventory: Inventory) -> str:
    every = [t for t in inventory.source.tables.get() if not t.of_extension]
    return f"{len(inventory.selected):,} of {counted(len(every), 'table')}"


CHECK = PgCheck("filters", "The chosen tables stand by themselves", find, measured)
