"""Indexes that the source itself does not use: a build that failed half-way."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    for index in inventory.source.oddities.get():
        if index.kind == "invalid index" and inventory.moves(index.schema_name, index.table_name):
            yield found(
                Severity.warn,
                f"Index {index.label} of {index.table_name} is invalid; building it on the target may fail.",
                object=index.label,
                remedy=f"DROP INDEX {quote.qualified(index.schema_name, index.name)};\n"
                "-- or REINDEX INDEX; run by the table's owner, on the source",
                side="source",
            )


CHECK = PgCheck("invalid_indexes", "Indexes are valid", find, lambda _: "none is invalid")
