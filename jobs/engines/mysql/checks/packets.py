"""What the source holds goes through the target's limit for one value."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, human, listed
from jobs.engines.mysql.checks.remedies import who
from jobs.engines.mysql.inventory import Inventory

_LARGE = frozenset({"mediumtext", "longtext", "mediumblob", "longblob", "json", "geometry"})
_SETTING = "max_allowed_packet"


def find(inventory: Inventory) -> Findings:
    limits = [side.server.number(_SETTING) for side in (inventory.source, inventory.target)]
    large = [
        f"{table.name}.{column.name}"
        for table in inventory.selected
        for column in table.columns
        if column.data_type in _LARGE
    ]
    if large and limits[1] < limits[0]:
        yield found(
            Severity.warn,
            f"The target takes values of at most {human(limits[1])}, the source {human(limits[0])}; larger ones may"
            f" be in {listed(large)}.",
            object=_SETTING,
            remedy=f"SET GLOBAL {_SETTING} = {limits[0]};\n{who('target')}",
            side="target",
        )


def measured(inventory: Inventory) -> str:
    limits = [human(side.server.number(_SETTING)) for side in (inventory.source, inventory.target)]
    return f"{limits[0]} on the source, {limits[1]} on the target"


CHECK = MyCheck("packets", "Large values fit", find, measured)
