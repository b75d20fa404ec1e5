"""A replica as the source: what it has not replayed does not move."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.checks.remedies import asked, who
from jobs.engines.mysql.inventory import Inventory

_LAG_SECONDS = 60.0
"""A replica under load is seconds behind; from a minute on people see old rows in the copy."""


def find(inventory: Inventory) -> Findings:
    server = inventory.source.server
    replication = asked(inventory.source.replication, server, "source")
    if not replication.upstream:
        return
    lost = f"What {replication.upstream} committed since then does not move."
    if replication.behind is None:
        stopped = "" if replication.running else " and is stopped"
        yield found(
            Severity.warn,
            f"The source is a replica of {replication.upstream}{stopped}; how far behind, it does not say. {lost}",
            object=server.database,
            remedy=f"START REPLICA;\n{who('source')}; or use the primary",
            side="source",
            field="host",
        )
        return
    late = replication.behind > _LAG_SECONDS
    yield found(
        Severity.warn if late else Severity.inform,
        f"The source is a replica of {replication.upstream}, {replication.behind:,.0f} s behind. {lost}",
        object=server.database,
        remedy="Let it catch up, or use the primary." if late else "Nothing, if that is meant; else use the primary.",
        side="source",
        field="host",
    )


CHECK = MyCheck("source_replica", "Source is up to date", find, lambda _: "it replicates from no other server")
