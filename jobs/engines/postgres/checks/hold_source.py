"""Where the source is to be held read-only: this user may lock the tables, and nobody is in the way just now."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, lines, listed
from jobs.engines.postgres.facts_safe import Holding
from jobs.engines.postgres.inventory import Inventory

_LONG = 20
_SESSIONS_WITH_LOCKS = 3
"""The hold, the conductor and pg_dump each lock every table at the same time."""


def find(inventory: Inventory) -> Findings:
    if not inventory.options.hold_source:
        return
    server = inventory.source.server
    if inventory.options.scope is Scope.schema_only:
        yield found(
            Severity.inform,
            "No rows travel, so there is nothing to hold: the source takes writes during the run.",
            object=server.database,
            remedy="Choose schema and data if the source shall be held.",
            side="source",
        )
        return
    if server.in_recovery:
        yield found(
            Severity.block,
            "The source is a standby: tables cannot be locked there, and its primary goes on writing.",
            object=server.database,
            remedy="Use the primary as the source, or do without the hold.",
            side="source",
            field="hold_source",
        )
        return
    holding = inventory.holding.get()
    yield from _rights(inventory, holding)
    yield from _locks(inventory, holding)
    if holding.writers:
        yield found(
            Severity.warn,
            f"{counted(len(holding.writers), 'transaction')} {'writes' if len(holding.writers) == 1 else 'write'} to"
            f" moved tables right now: {listed(holding.writers)}. The hold waits for them, new writers behind it.",
            object=server.database,
            remedy="Let them end before Migrate is pressed.",
            side="source",
        )


def _rights(inventory: Inventory, holding: Holding) -> Findings:
    if not holding.shut:
        return
    server = inventory.source.server
    right, role = ("MAINTAIN" if server.major >= 17 else "UPDATE"), quote.name(server.role)
    grants = [f"GRANT {right} ON {quote.qualified(*key)} TO {role};" for key in holding.shut]
    if len(grants) > _LONG:
        schemas = sorted({schema for schema, _ in holding.shut})
        grants = [f"GRANT {right} ON ALL TABLES IN SCHEMA {quote.name(schema)} TO {role};" for schema in schemas]
    yield found(
        Severity.block,
        f"The source's user cannot hold {counted(len(holding.shut), 'table')}: locking needs the right to write.",
        object=".".join(holding.shut[0]),
        remedy=lines([*grants, "-- run by the owner or a superuser, on the source; or do without the hold"]),
        side="source",
        field="hold_source",
    )


def _locks(inventory: Inventory, holding: Holding) -> Findings:
    need = _SESSIONS_WITH_LOCKS * sum(t.kind == "r" for t in inventory.selected)
    if need > holding.locks:
        yield found(
            Severity.block,
            f"Holding needs {need:,} locks at once; the source has room for {holding.locks:,}.",
            object="max_locks_per_transaction",
            remedy="Raise max_locks_per_transaction on the source (needs a restart), or do without the hold.",
            side="source",
            field="hold_source",
        )


def measured(inventory: Inventory) -> str:
    return "every table can be locked" if inventory.options.hold_source else "not asked for"


CHECK = PgCheck("hold_source", "Source can be held read-only", find, measured)
