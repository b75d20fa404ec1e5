"""Every table is read as it was at one instant."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.checks.remedies import asked, grant, who
from jobs.engines.mysql.inventory import Inventory


def loose(inventory: Inventory) -> list[str]:
    """Tables whose rows move and whose engine knows no snapshot."""
    engines = asked(inventory.source.engines, inventory.source.server, "source")
    return [table.name for table in inventory.filled if table.engine and not engines.get(table.engine, False)]


def find(inventory: Inventory) -> Findings:
    if inventory.options.scope is Scope.schema_only:
        return
    tables = loose(inventory)
    if tables:
        held = inventory.options.hold_source
        yield found(
            Severity.inform if held else Severity.warn,
            f"{counted(len(tables), 'table')} know no snapshot (MyISAM, Aria, MEMORY …): {listed(tables)}. What is"
            f" written to them during the run {'waits' if held else 'may be copied or not'}.",
            object=tables[0] if len(tables) == 1 else inventory.source.server.database,
            remedy="Let nobody write to them during the run, hold the source, or first: ALTER TABLE … ENGINE ="
            " InnoDB.",
            side="source",
        )
    server = inventory.source.server
    if inventory.source.consistency.get() == "single" and inventory.options.parallelism > 1:
        yield found(
            Severity.warn,
            "Nothing tells whether two sessions of the source see the same instant, so one session reads"
            " every table.",
            object=server.database,
            remedy=f"To read with several lanes:\n{grant(['LOCK TABLES'], server)}\n{who('source')}\n"
            "or switch the source's binary log on (MySQL: with gtid_mode)",
            side="source",
        )


def measured(inventory: Inventory) -> str:
    return {
        "binlog": "all sessions at one place in the binary log",
        "gtid": "all sessions after the same transactions",
        "lock": "taken in a moment without writers",
        "single": "one session reads everything",
    }[inventory.source.consistency.get()]


CHECK = MyCheck("snapshot", "Tables are read at one instant", find, measured)
