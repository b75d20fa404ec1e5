"""Foreign keys point to unique keys, which MySQL 8.4 and newer demand."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.catalog import ForeignKey, Table
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.inventory import Inventory

_SETTING = "restrict_fk_on_non_standard_key"


def standard(key: ForeignKey, other: Table) -> bool:
    """Whether a unique key of the other table has exactly these columns."""
    return any(
        index.unique and tuple(part.column for part in index.parts) == key.other_columns for index in other.indexes
    )


def find(inventory: Inventory) -> Findings:
    if inventory.options.scope is Scope.data_only or not inventory.target.server.on(_SETTING):
        return
    tables = inventory.source.catalog.get().by_name
    for table in inventory.selected:
        for key in table.foreign_keys:
            other = tables.get(key.other_table)
            if other is not None and not standard(key, other):
                yield found(
                    Severity.block,
                    f"Foreign key {key.name} of {table.name} points to columns of {key.other_table} that are not"
                    " unique, which the target refuses.",
                    object=f"{table.name}.{key.name}",
                    remedy=f"Make them unique on the source, drop the key, or on the target: SET GLOBAL"
                    f" {_SETTING} = OFF.",
                    side="target",
                )


CHECK = MyCheck("restricted_keys", "Foreign keys are standard", find, lambda _: "all are, or the target minds none")
