"""Constraints that the source never checked against all rows (NOT VALID)."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    for constraint in inventory.source.oddities.get():
        if constraint.kind == "not valid" and inventory.moves(constraint.schema_name, constraint.table_name):
            table = quote.qualified(constraint.schema_name, constraint.table_name)
            yield found(
                Severity.warn,
                f"Constraint {constraint.name} of {constraint.schema_name}.{constraint.table_name} is NOT VALID:"
                " rows may break it; it arrives NOT VALID.",
                object=f"{constraint.schema_name}.{constraint.table_name}.{constraint.name}",
                remedy=f"ALTER TABLE {table} VALIDATE CONSTRAINT {quote.name(constraint.name)};\n"
                "-- run by the table's owner, on the source",
                side="source",
            )


CHECK = PgCheck("unvalidated", "Constraints are validated", find, lambda _: "none is NOT VALID")
