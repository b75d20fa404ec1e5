"""The source's indexes were built with the collation library that it runs with now."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory

_MEANING = "unique indexes on text may hold duplicates that the target refuses"


def find(inventory: Inventory) -> Findings:
    server = inventory.source.server
    actual = inventory.source.default_collation.get()
    database = quote.name(server.database)
    if server.collation_version and actual and server.collation_version != actual:
        yield found(
            Severity.warn,
            f"The database was made with collation version {server.collation_version}, the system now has {actual}:"
            f" {_MEANING}.",
            object=server.database,
            remedy=f"REINDEX DATABASE {database};\nALTER DATABASE {database} REFRESH COLLATION VERSION;\n"
            "-- run by the database's owner, on the source",
            side="source",
        )
    for collation in inventory.source.collation_uses.get():
        if collation.actual_version and collation.recorded_version != collation.actual_version:
            name = quote.qualified(collation.schema_name, collation.name)
            yield found(
                Severity.warn,
                f"Collation {collation.name} was recorded as version {collation.recorded_version}, the system now has"
                f" {collation.actual_version}: {_MEANING}.",
                object=f"{collation.schema_name}.{collation.name}",
                remedy="Rebuild the indexes that use it (REINDEX), then:\n"
                f"ALTER COLLATION {name} REFRESH VERSION;\n-- run by its owner, on the source",
                side="source",
            )


CHECK = PgCheck("collation_versions", "Collation versions are current", find, lambda _: "no drift")
