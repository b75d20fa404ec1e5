"""The connections are encrypted; a mode that insists on it is enforced when connecting."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.facts import SideName
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    names: tuple[SideName, SideName] = ("source", "target")
    for name, address in zip(names, (inventory.source_address, inventory.target_address), strict=True):
        side = inventory.source if name == "source" else inventory.target
        if not side.server.tls:
            yield found(
                Severity.inform,
                f"The connection to the {name} is not encrypted (TLS mode {address.tls}).",
                object=address.label,
                remedy="Where others can listen, enable ssl on the server and choose the mode require.",
                side=name,
                field="tls",
            )


CHECK = PgCheck("tls", "Connections are encrypted", find, lambda _: "TLS on both sides")
