"""Neither side is behind a proxy that spreads a session over several, which breaks snapshots, locks and settings."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, reached
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    for name, side in reached(inventory):
        if not side.server.steady:
            yield found(
                Severity.block,
                f"The {name} is behind a proxy: statements of one session run in different sessions of the server.",
                remedy="Give the address of the server itself (often port 3306), not the proxy's.",
                side=name,
                field="port",
            )
        elif side.server.proxied:
            yield found(
                Severity.warn,
                f"A proxy stands before the {name}; as far as could be seen, it keeps sessions.",
                remedy="Give the server's own address: a proxy's timeouts can end a long copy.",
                side=name,
                field="port",
            )


CHECK = MyCheck("pooler", "No connection pooler in between", find, lambda _: "sessions stay what they are")
