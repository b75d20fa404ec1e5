"""Where the source is to be held read-only: this user may lock the tables."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.checks.remedies import asked, grant, who
from jobs.engines.mysql.inventory import Inventory


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
    elif not asked(inventory.source.grants, server, "source").may("LOCK TABLES", server.database):
        yield found(
            Severity.block,
            "The source's user may not lock its tables, so it cannot be held.",
            object=server.database,
            remedy=f"{grant(['LOCK TABLES'], server)}\n{who('source')}; or do without the hold",
            side="source",
            field="hold_source",
        )


def measured(inventory: Inventory) -> str:
    return "its tables can be locked" if inventory.options.hold_source else "not asked for"


CHECK = MyCheck("hold_source", "Source can be held", find, measured)
