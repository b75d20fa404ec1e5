"""The connections are encrypted; a mode that insists on it is enforced when connecting."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, reached
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    addresses = {"source": inventory.source_address, "target": inventory.target_address}
    for name, side in reached(inventory):
        if not side.server.tls:
            yield found(
                Severity.inform,
                f"The connection to the {name} is not encrypted (TLS mode {addresses[name].tls}).",
                object=addresses[name].label,
                remedy="Where others can listen, enable TLS on the server and choose the mode require.",
                side=name,
                field="tls",
            )


CHECK = MyCheck("tls", "Connections are encrypted", find, lambda _: "TLS on both sides")
