"""Indexes that the source itself does not use: a build that failed half-way, or one without all its parts.

pg_dump leaves an invalid index out unless its table is partitioned."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    for index in inventory.source.oddities.get():
        if index.kind == "invalid index" and inventory.moves(index.schema_name, index.table_name):
            name, whole = quote.qualified(index.schema_name, index.name), not index.note
            yield found(
                Severity.warn,
                f"Index {index.label} of {index.table_name} is invalid, so no query uses it: it stays behind."
                if whole
                else f"Index {index.label} of the partitioned table {index.table_name} is invalid, since not every"
                " partition has its part: it arrives as it is, and is valid once the last part is attached.",
                object=index.label,
                remedy=f"REINDEX INDEX {name};\n-- if it is wanted on the target; or DROP INDEX {name};"
                " run by the table's owner, on the source"
                if whole
                else f"CREATE INDEX on the other partitions, then ALTER INDEX {name} ATTACH PARTITION …;\n"
                "-- run by the table's owner, on the source, if it is to be used",
                side="source",
            )


CHECK = PgCheck("invalid_indexes", "Indexes are valid", find, lambda _: "none is invalid")
