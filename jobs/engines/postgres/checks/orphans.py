"""Every foreign key's rows point to rows that exist: the move proves it again, and says where they do not."""

from __future__ import annotations

from jobs.core.model import Finding, Scope, Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.facts import Orphans
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    looks = inventory.source.orphans.get()
    for look in looks:
        if look.rows:
            yield _orphans(look, look.rows, inventory)
    unseen = [look for look in looks if look.rows is None]
    if unseen:
        yield found(
            Severity.unknown,
            f"{counted(len(unseen), 'foreign key was', 'foreign keys were')} not looked at:"
            f" {listed(f'{look.key.label} ({look.reason})' for look in unseen)}.",
            object=unseen[0].key.label if len(unseen) == 1 else "",
            remedy="Acknowledge it: the move itself proves these keys; or look now, on the source:\n"
            f"SELECT count(*) {unseen[0].query};",
            side="source",
        )


def _orphans(look: Orphans, rows: int, inventory: Inventory) -> Finding:
    key = look.key
    number = f"More than {rows:,} rows" if look.capped else counted(rows, "row").capitalize()
    return found(
        Severity.warn,
        f"{number} of {key.schema_name}.{key.table_name} point{'s' if rows == 1 else ''} nowhere by foreign key"
        f" {key.name} ({', '.join(key.columns)} to {key.to_schema}.{key.to_table}). {_fate(look, inventory)}",
        object=key.label,
        remedy=f"Mend or remove them on the source; they are:\nSELECT t.* {look.query};",
        side="source",
    )


def _fate(look: Orphans, inventory: Inventory) -> str:
    if inventory.options.scope is Scope.data_only:
        return "They arrive as they are."
    if not look.key.validated:
        return "They arrive as they are, and the key as NOT VALID."
    version = inventory.target.server.version_num
    if not look.key.only and version < 180000:
        return (
            "They arrive as they are. Before PostgreSQL 18 a partitioned table has no key NOT VALID, so each"
            " partition gets one of its own until Validate keys again finds no orphan: acknowledging this accepts it."
        )
    return "They arrive as they are, and the key stays NOT VALID on the target: acknowledging this accepts it."


def measured(inventory: Inventory) -> str:
    if inventory.options.scope is Scope.schema_only:
        return "rows stay behind"
    return f"{counted(len(inventory.source.orphans.get()), 'foreign key')} without orphans"


CHECK = PgCheck("orphans", "Foreign keys point to rows", find, measured)
