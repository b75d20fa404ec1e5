"""The target takes writes: it is no replica and not set to read-only."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, lines
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    if server.in_recovery:
        yield found(
            Severity.block,
            "The target is a replica (in recovery) and takes no writes.",
            object=server.database,
            remedy="Give the address of the primary.",
            side="target",
            field="target",
        )
    if server.read_only:
        database, role = quote.name(server.database), quote.name(server.role)
        yield found(
            Severity.block,
            "Sessions on the target start read-only (default_transaction_read_only = on).",
            object=server.database,
            remedy=lines(
                [
                    f"ALTER DATABASE {database} SET default_transaction_read_only = off;",
                    f"ALTER ROLE {role} IN DATABASE {database} SET default_transaction_read_only = off;",
                    "-- run by the database's owner or a superuser",
                ]
            ),
            side="target",
            field="target",
        )


CHECK = PgCheck("target_writable", "Target takes writes", find, lambda _: "a primary, read-write")
