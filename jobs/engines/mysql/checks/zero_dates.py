"""Zero dates arrive as they are; a target in strict mode refuses them from everybody else afterwards."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.inventory import Inventory

_MODES = ("NO_ZERO_DATE", "NO_ZERO_IN_DATE")
_DATES = frozenset({"date", "datetime", "timestamp"})


def strict(inventory: Inventory) -> str:
    """The target's words that refuse a zero date; empty when none does."""
    modes = inventory.target.server.settings.get("sql_mode", "").upper().split(",")
    refusing = [mode for mode in _MODES if mode in modes]
    return refusing[0] if refusing and {"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"} & set(modes) else ""


def find(inventory: Inventory) -> Findings:
    mode = strict(inventory)
    if not mode:
        return
    if inventory.options.scope is not Scope.schema_only:
        yield from _values(inventory, mode)
    defaults = [
        f"{table.name}.{column.name}"
        for table in inventory.selected
        for column in table.columns
        if column.data_type in _DATES and (column.default or "").strip("'").startswith("0000-00-00")
    ]
    if defaults:
        yield found(
            Severity.warn,
            f"{counted(len(defaults), 'column has', 'columns have')} a zero date as default, which programs may not"
            f" write on the target ({mode} is on): {listed(defaults)}.",
            object=defaults[0],
            remedy="ALTER TABLE … ALTER COLUMN … DROP DEFAULT on the source, or take the mode out of the target's"
            " sql_mode.",
            side="target",
        )


def _values(inventory: Inventory, mode: str) -> Findings:
    looks = inventory.source.zeros.get()
    columns = [look.label for look in looks if look.some]
    if columns:
        yield found(
            Severity.warn,
            f"Zero dates are in {counted(len(columns), 'column')}: {listed(columns)}. They arrive as they are, but"
            f" the target ({mode} is on) refuses programs that write such a row again.",
            object=columns[0],
            remedy="Replace them on the source, or take the mode out of the target's sql_mode.",
            side="source",
        )
    unseen = [f"{look.label} ({look.reason})" for look in looks if look.some is None]
    if unseen:
        yield found(
            Severity.unknown,
            f"{counted(len(unseen), 'column was', 'columns were')} not searched for zero dates: {listed(unseen)}.",
            object=unseen[0].partition(" (")[0] if len(unseen) == 1 else "",
            remedy="Acknowledge it: they arrive as they are; or search the columns yourself.",
            side="source",
        )


def measured(inventory: Inventory) -> str:
    if not strict(inventory):
        return "the target accepts them"
    return f"{counted(len(inventory.source.zeros.value or ()), 'column')} searched, no zero date"


CHECK = MyCheck("zero_dates", "Dates fit the target's mode", find, measured)
