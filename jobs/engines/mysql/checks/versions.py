"""Both servers are of a version that we know, and the target is not older than the source."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, reached
from jobs.engines.mysql.flavour import Kind, Version
from jobs.engines.mysql.inventory import Inventory

OLDEST: Mapping[Kind, Version] = {"mysql": (5, 7, 0), "mariadb": (10, 3, 0)}
OLDEST_TARGET: Mapping[Kind, Version] = {"mysql": (8, 0, 1), "mariadb": (10, 6, 0)}
"""The task table is shared with SELECT … SKIP LOCKED."""
_NAMES: Mapping[Kind, str] = {"mysql": "MySQL", "mariadb": "MariaDB"}


def find(inventory: Inventory) -> Findings:
    for name, side in reached(inventory):
        known = side.server.flavour
        oldest = (OLDEST if name == "source" else OLDEST_TARGET)[known.kind]
        if known.version < oldest:
            least = f"{_NAMES[known.kind]} {'.'.join(map(str, oldest))}"
            yield found(
                Severity.block,
                f"The {name} is {known.label}; before {least} it cannot be a {name}.",
                remedy=f"Upgrade it to {least} or newer.",
                side=name,
                field=name,
            )
    source, target = inventory.source.server.flavour, inventory.target.server.flavour
    if source.kind != target.kind:
        yield found(
            Severity.warn,
            f"The source is {source.label}, the target {target.label}: they write some things differently.",
            remedy="Ferrybot compares every object afterwards and says what differs. Try it with a copy first.",
        )
    elif target.version[:2] < source.version[:2]:
        yield found(
            Severity.block,
            f"The target, {target.label}, is older than the source, {source.label}.",
            remedy=f"Choose a target of {_NAMES[source.kind]} {source.version[0]}.{source.version[1]} or newer.",
            side="target",
            field="target",
        )


def measured(inventory: Inventory) -> str:
    return " to ".join(side.server.flavour.text for _, side in reached(inventory))


CHECK = MyCheck("versions", "Target is not older", find, measured)
