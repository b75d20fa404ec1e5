"""Large objects live outside tables."""

from __future__ import annotations

from jobs.core.model import Options, Scope, Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    for item in inventory.source.oddities.get():
        if item.kind == "large objects":
            yield found(
                Severity.warn,
                f"The source holds {counted(int(item.note), 'large object')}, which belong to no table."
                f" {_fate(inventory.options)}",
                object="large objects",
                remedy="Nothing to do if that is what you want; unused ones can be removed with vacuumlo first.",
                side="source",
            )


def _fate(options: Options) -> str:
    if options.scope is Scope.schema_only:
        return "With this scope they stay behind."
    return "They are moved one by one, which is slow."


CHECK = PgCheck("large_objects", "Large objects", find, lambda _: "none")
