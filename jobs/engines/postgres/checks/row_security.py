"""No policy hides rows from the source's user (such a copy would read fewer rows without an error)."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.facts import Table
from jobs.engines.postgres.inventory import Inventory


def guarded(inventory: Inventory) -> list[Table]:
    """Chosen tables whose policies apply to this user: owners are exempt unless they are forced."""
    if inventory.source.server.bypass_rls:
        return []
    return [t for t in inventory.selected if t.row_security and (t.row_security_forced or not t.owns)]


def find(inventory: Inventory) -> Findings:
    tables = guarded(inventory)
    if tables:
        role = inventory.source.server.role
        yield found(
            Severity.block,
            f"Row security hides rows of {counted(len(tables), 'table')} from user {role}:"
            f" {listed(t.label for t in tables)}.",
            object=tables[0].label if len(tables) == 1 else role,
            remedy=f"ALTER ROLE {quote.name(role)} BYPASSRLS;\n-- run by a superuser, on the source",
            side="source",
            field="user",
        )


def measured(inventory: Inventory) -> str:
    secured = sum(t.row_security for t in inventory.selected)
    return f"{counted(secured, 'table')} with policies, none applies to {inventory.source.server.role}"


CHECK = PgCheck("row_security", "No row is hidden from us", find, measured)
