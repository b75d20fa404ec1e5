"""Foreign-data wrappers of the source can be had on the target."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    there = {wrapper.name: wrapper for wrapper in inventory.target.wrappers.get()}
    for wrapper in inventory.source.wrappers.get():
        other = there.get(wrapper.name)
        if other is not None and not other.usable:
            yield found(
                Severity.block,
                f"User {server.role} may not use foreign-data wrapper {wrapper.name} of the target.",
                object=wrapper.name,
                remedy=f"GRANT USAGE ON FOREIGN DATA WRAPPER {quote.name(wrapper.name)}"
                f" TO {quote.name(server.role)};\n"
                "-- run by its owner or a superuser",
                side="target",
                field="user",
            )
        elif other is None and not wrapper.of_extension and not server.superuser:
            yield found(
                Severity.block,
                f"Foreign-data wrapper {wrapper.name} belongs to no extension and is missing on the target.",
                object=wrapper.name,
                remedy="Have it created on the target by a superuser, or use a superuser as the target's user.",
                side="target",
                field="user",
            )


def measured(inventory: Inventory) -> str:
    return counted(len(inventory.source.wrappers.get()), "foreign-data wrapper")


CHECK = PgCheck("wrappers", "Foreign-data wrappers are available", find, measured)
