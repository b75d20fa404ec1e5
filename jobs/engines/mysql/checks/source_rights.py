"""The source's user can see and read everything that is to be moved.

What an account has no right on does not exist for it: a table, trigger or event that is hidden would be left behind
without a word. So the rights themselves are looked at, not only what is seen."""

from __future__ import annotations

from jobs.core.model import Finding, Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, lines, listed
from jobs.engines.mysql.checks.remedies import asked, grant, grant_everywhere, who
from jobs.engines.mysql.flavour import Flavour
from jobs.engines.mysql.inventory import Inventory

_LONG = 20
_SEEING = ("EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE")
"""Each of these shows the names of routines."""


def find(inventory: Inventory) -> Findings:
    server = inventory.source.server
    mine = asked(inventory.source.grants, server, "source")
    chosen = bool(inventory.options.include)
    if not mine.may("SELECT", server.database):
        yield found(
            Severity.warn if chosen else Severity.block,
            "The source's user may read single tables only; it cannot see whether there are others.",
            object=server.database,
            remedy=f"{grant(['SELECT'], server)}\n{who('source')}"
            + ("" if chosen else "; or name the wanted tables under Only these tables"),
            side="source",
            field="user",
        )
    shut = asked(inventory.source.unreadable, server, "source")
    if shut:
        yield found(
            Severity.block,
            f"The source's user cannot read {counted(len(shut), 'table')}: {listed(shut)}.",
            object=shut[0] if len(shut) == 1 else server.database,
            remedy=lines([*(grant(["SELECT"], server, table) for table in shut[:_LONG]), who("source")]),
            side="source",
            field="user",
        )
    if inventory.options.scope is not Scope.data_only:
        yield from _objects(inventory)


def _objects(inventory: Inventory) -> Findings:
    server, catalog = inventory.source.server, inventory.source.catalog.get()
    mine = inventory.source.grants.get()
    hidden = [privilege for privilege in ("TRIGGER", "EVENT") if not mine.may(privilege, server.database)]
    if any(view.create_error for view in catalog.views) and not mine.may("SHOW VIEW", server.database):
        hidden.append("SHOW VIEW")
    if not _texts(inventory) and not any(mine.may(privilege, server.database) for privilege in _SEEING):
        hidden.append("EXECUTE")
    if hidden:
        kinds = {"TRIGGER": "triggers", "EVENT": "events", "SHOW VIEW": "the text of views", "EXECUTE": "routines"}
        yield _block(
            inventory,
            f"The source's user cannot see {listed(kinds[privilege] for privilege in hidden)}.",
            f"{grant(hidden, server)}\n{who('source')}; or choose data only",
        )
    textless = [routine.name for routine in catalog.routines if not routine.create]
    if textless:
        yield _block(
            inventory,
            f"The source's user cannot read the text of {counted(len(textless), 'routine')}: {listed(textless)}.",
            f"{_routine_right(server.flavour, inventory)}\n{who('source')}",
        )


def _texts(inventory: Inventory) -> bool:
    """The account may read the text of routines, which shows their names too."""
    mine, database = inventory.source.grants.get(), inventory.source.server.database
    table = mine.may("SELECT", "mysql", "proc") or mine.may("SELECT", "mysql")
    return table or mine.may("SHOW CREATE ROUTINE", database) or mine.may_everywhere("SELECT", "SHOW_ROUTINE")


def _routine_right(known: Flavour, inventory: Inventory) -> str:
    server = inventory.source.server
    if known.can("show create routine"):
        return grant(["SHOW CREATE ROUTINE"], server)
    if known.can("show_routine"):
        return grant_everywhere(["SHOW_ROUTINE"], server)
    return grant(["SELECT"], server, "proc").replace(f"`{server.database}`.", "`mysql`.")


def _block(inventory: Inventory, message: str, remedy: str) -> Finding:
    return found(
        Severity.block,
        message,
        object=inventory.source.server.database,
        remedy=remedy,
        side="source",
        field="user",
    )


def measured(inventory: Inventory) -> str:
    return f"{counted(len(inventory.selected), 'table')} readable by {inventory.source.server.account}"


CHECK = MyCheck("source_rights", "Source user can read everything", find, measured)
