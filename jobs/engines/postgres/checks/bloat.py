"""How much of the source's tables is empty: it is counted as needed on the target, but does not travel."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, human, listed
from jobs.engines.postgres.facts import Bloat
from jobs.engines.postgres.inventory import Inventory

_SHARE = 0.5
_BYTES = 10 << 20
"""Below this nobody cares; the estimate is coarse, so only tables that are half empty are named."""


def bloated(inventory: Inventory) -> list[Bloat]:
    """The worst first."""
    worst = [b for b in inventory.source.bloat.get() if b.wasted > _BYTES and b.wasted > b.bytes * _SHARE]
    moving = [b for b in worst if (b.schema_name, b.name) in inventory.selected_keys]
    return sorted(moving, key=lambda b: -b.wasted)


def find(inventory: Inventory) -> Findings:
    tables = bloated(inventory)
    if tables:
        wasted, verb = sum(b.wasted for b in tables), "is" if len(tables) == 1 else "are"
        yield found(
            Severity.inform,
            f"Some {human(wasted)} of {counted(len(tables), 'table')} {verb} empty space:"
            f" {listed(f'{b.schema_name}.{b.name} ({b.wasted / b.bytes:.0%} of {human(b.bytes)})' for b in tables)}.",
            object=f"{tables[0].schema_name}.{tables[0].name}" if len(tables) == 1 else "",
            remedy="Nothing to do: empty space stays behind, so the target needs less than is counted.",
            side="source",
        )


def measured(inventory: Inventory) -> str:
    return f"{counted(len(inventory.source.bloat.get()), 'table')} with statistics, none half empty"


CHECK = PgCheck("bloat", "Empty space in tables", find, measured)
