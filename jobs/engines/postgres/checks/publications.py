"""Publications of every table, or of all in a schema: what subscribes to them, and who may create them."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory

_BROAD = {"publication for all tables": "FOR ALL TABLES", "publication for schemas": "FOR TABLES IN SCHEMA"}


def find(inventory: Inventory) -> Findings:
    everything = [o for o in inventory.source.oddities.get() if o.kind in _BROAD]
    if not everything or inventory.options.scope is Scope.data_only:
        return
    server = inventory.target.server
    able = server.superuser or server.managed_admin
    for publication in everything:
        what = f"Publication {publication.name} is {_BROAD[publication.kind]}"
        yield found(
            Severity.warn if able else Severity.block,
            f"{what}; its subscribers do not follow to the target."
            if able
            else f"{what}, which only a superuser may create.",
            object=publication.name,
            remedy="Point the subscribers to the target after the move."
            if able
            else "Use a superuser as the target's user, or drop the publication on the source.",
            side="target",
            field="" if able else "user",
        )


CHECK = PgCheck("publications", "Publications", find, lambda _: "none is for all tables")
