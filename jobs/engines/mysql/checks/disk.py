"""The target's disk has room for tables, indexes, sorting and the binary log that the load writes."""

from __future__ import annotations

from jobs.core.model import Finding, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, human
from jobs.engines.mysql.estimate import need_bytes
from jobs.engines.mysql.inventory import Inventory

_COMFORT = 1.3


def have_bytes(inventory: Inventory) -> int | None:
    """Free bytes: measured on the server, else as stated; None is unknown."""
    measured_bytes = inventory.target.free_bytes.value
    return inventory.stated_free_bytes if measured_bytes is None else measured_bytes


def find(inventory: Inventory) -> Findings:
    need, have = need_bytes(inventory), have_bytes(inventory)
    if need == 0:
        return
    if have is None:
        yield found(
            Severity.unknown,
            f"The free disk space of the target is unknown ({inventory.target.free_bytes.reason});"
            f" {human(need)} are needed.",
            object=inventory.target.server.database,
            remedy="Please state the free space; MariaDB measures it with INSTALL SONAME 'disks' and the right FILE.",
            side="target",
            field="free_bytes",
        )
    elif have < need:
        yield _short(
            inventory, Severity.block, f"Not enough disk on the target: need {human(need)}, have {human(have)}."
        )
    elif have < need * _COMFORT:
        yield _short(
            inventory, Severity.warn, f"Disk on the target is tight: need {human(need)}, have {human(have)}."
        )


def _short(inventory: Inventory, severity: Severity, message: str) -> Finding:
    return found(
        severity,
        message,
        object=inventory.target.server.database,
        remedy="Free space or enlarge the disk, or move fewer tables. Counted: tables, indexes, a sort, binary log.",
        side="target",
        field="free_bytes",
    )


def measured(inventory: Inventory) -> str:
    need, have = need_bytes(inventory), have_bytes(inventory)
    how = "stated" if inventory.target.free_bytes.value is None else "measured"
    return f"need {human(need)}" + (f", have {human(have)} ({how})" if have is not None else "")


CHECK = MyCheck("disk", "Target has enough disk", find, measured)
