"""Tables without a primary key: they move, but rows cannot be told apart when the two sides differ."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    bare = [t.label for t in inventory.selected if t.kind == "r" and not t.has_primary_key]
    if bare:
        yield found(
            Severity.warn,
            f"{counted(len(bare), 'table')} {'has' if len(bare) == 1 else 'have'} no primary key: {listed(bare)}.",
            object=bare[0] if len(bare) == 1 else "",
            remedy="They are moved and compared as a whole; a difference could not be traced to a row."
            " Add a primary key on the source if you can.",
            side="source",
        )


CHECK = PgCheck("primary_keys", "Tables have primary keys", find, lambda i: counted(len(i.selected), "table"))
