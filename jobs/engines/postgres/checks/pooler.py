"""Neither side is behind a transaction pooler, which would break snapshots, locks and session settings."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, sides
from jobs.engines.postgres.facts import Unreachable, Unreached
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    silent = []
    for name, side in sides(inventory):
        if isinstance(side, Unreachable) and not side.pooled:
            silent.append(name)
        elif isinstance(side, Unreachable):
            yield found(Severity.block, f"{side.message}.", remedy=side.remedy, side=name, field=side.field)
        elif side.pooling.get().proxied:
            yield found(
                Severity.warn,
                f"A pooler or proxy stands before the {name}; as far as could be seen, it keeps sessions.",
                remedy="Give the server's own address: a pooler's timeouts can end a long copy.",
                side=name,
                field="port",
            )
    if silent:
        raise Unreached(f"The {silent[0]} could not be reached.")


CHECK = PgCheck("pooler", "No transaction pooler in between", find, lambda _: "sessions keep their backend")
