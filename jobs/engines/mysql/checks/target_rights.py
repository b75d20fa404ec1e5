"""The target's user may create what will be moved, fill it, and read it back for the proof."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, listed
from jobs.engines.mysql.checks.remedies import asked, grant, who
from jobs.engines.mysql.inventory import Inventory

_ALWAYS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP")
"""The run keeps its tasks in tables of its own, and takes rows out again that a crash left half done."""
_SCHEMA = ("ALTER", "INDEX")


def needed(inventory: Inventory) -> tuple[str, ...]:
    """The privileges on the target's database, in the order in which people write them."""
    if inventory.options.scope is Scope.data_only:
        return _ALWAYS
    catalog = inventory.source.catalog.get()
    more = {
        "REFERENCES": any(table.foreign_keys for table in inventory.selected),
        "CREATE VIEW": bool(catalog.views),
        "SHOW VIEW": bool(catalog.views),
        "TRIGGER": bool(catalog.triggers),
        "CREATE ROUTINE": bool(catalog.routines),
        "ALTER ROUTINE": bool(catalog.routines),
        "EXECUTE": bool(catalog.routines),
        "EVENT": bool(catalog.events),
    }
    return (*_ALWAYS, *_SCHEMA, *(privilege for privilege, wanted in more.items() if wanted))


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    mine = asked(inventory.target.grants, server, "target")
    missing = [privilege for privilege in needed(inventory) if not mine.may(privilege, server.database)]
    if missing:
        yield found(
            Severity.block,
            f"The target's user lacks {listed(missing, 20)} on the database.",
            object=server.database,
            remedy=f"{grant(missing, server)}\n{who('target')}",
            side="target",
            field="user",
        )


def measured(inventory: Inventory) -> str:
    server = inventory.target.server
    return f"{server.account} may write to {server.database}"


CHECK = MyCheck("target_rights", "Target user may create and fill everything", find, measured)
