"""Unlogged tables lose their rows when their server crashes."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    tables = [t for t in inventory.selected if t.persistence == "u"]
    if tables:
        first = tables[0]
        yield found(
            Severity.warn,
            f"{counted(len(tables), 'table')} {'is' if len(tables) == 1 else 'are'} unlogged and arrive"
            f"{'s' if len(tables) == 1 else ''} unlogged: {listed(t.label for t in tables)}.",
            object=first.label if len(tables) == 1 else "",
            remedy=f"ALTER TABLE {quote.qualified(*first.key)} SET LOGGED;\n"
            "-- where the rows matter; run by its owner",
            side="source",
        )


CHECK = PgCheck("unlogged", "Tables are logged", find, lambda _: "none is unlogged")
