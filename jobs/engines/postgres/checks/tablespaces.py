"""Tablespaces do not travel: everything lands in the target's default one."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    spread = [
        o
        for o in inventory.source.oddities.get()
        if o.kind == "tablespace" and inventory.moves(o.schema_name, o.table_name)
    ]
    if spread:
        yield found(
            Severity.inform,
            f"{counted(len(spread), 'relation')} in tablespace {listed(o.note for o in spread)} land in the target's"
            f" default one: {listed(o.label for o in spread)}.",
            object=spread[0].note,
            remedy="ALTER TABLE … SET TABLESPACE on the target afterwards, if the spread matters.",
            side="source",
        )


CHECK = PgCheck("tablespaces", "Tablespaces", find, lambda _: "only the default one")
