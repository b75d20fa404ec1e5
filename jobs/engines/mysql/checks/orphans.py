"""Every foreign key's rows point to rows that exist."""

from __future__ import annotations

from jobs.core.model import Finding, Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.facts import Orphans
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    looks = inventory.source.orphans.get()
    for look in looks:
        if look.rows:
            yield _orphans(look, look.rows)
    unseen = [look for look in looks if look.rows is None]
    if unseen:
        yield found(
            Severity.unknown,
            f"{counted(len(unseen), 'foreign key was', 'foreign keys were')} not looked at:"
            f" {listed(f'{look.label} ({look.reason})' for look in unseen)}.",
            object=unseen[0].label if len(unseen) == 1 else "",
            remedy=f"Acknowledge it; or look now, on the source:\nSELECT count(*) {unseen[0].query};",
            side="source",
        )


def _orphans(look: Orphans, rows: int) -> Finding:
    key = look.key
    number = f"More than {rows:,} rows" if look.capped else counted(rows, "row").capitalize()
    return found(
        Severity.warn,
        f"{number} of {look.table} point{'s' if rows == 1 else ''} nowhere by foreign key {key.name}"
        f" ({', '.join(key.columns)} to {key.other_table}). They arrive as they are.",
        object=look.label,
        remedy=f"Mend or remove them on the source; they are:\nSELECT t.* {look.query};",
        side="source",
    )


def measured(inventory: Inventory) -> str:
    if inventory.options.scope is Scope.schema_only:
        return "rows stay behind"
    return f"{counted(len(inventory.source.orphans.get()), 'foreign key')} without orphans"


CHECK = MyCheck("orphans", "Foreign keys point to rows", find, measured)
