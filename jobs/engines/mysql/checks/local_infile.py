"""The target loads streams of rows, which is the fast way."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.checks.remedies import who
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    if inventory.options.scope is not Scope.schema_only and not server.on("local_infile"):
        yield found(
            Severity.inform,
            "The target refuses LOAD DATA LOCAL INFILE (local_infile is off): rows travel as INSERT statements, which"
            " is several times slower.",
            object="local_infile",
            remedy=f"SET GLOBAL local_infile = ON;\n{who('target')}",
            side="target",
        )


CHECK = MyCheck("local_infile", "Rows travel as a stream", find, lambda _: "LOAD DATA LOCAL is allowed")
