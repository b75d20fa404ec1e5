"""The target can be taken back: by its binary log in general, and by a restore point where it is overwritten."""

from __future__ import annotations

from typing import Any

from jobs.core.model import Finding, Severity
from jobs.engines.mysql import quote
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, human, listed
from jobs.engines.mysql.checks.creators import TRUST_REMEDY, trusted
from jobs.engines.mysql.checks.remedies import asked, grant, grant_everywhere, who
from jobs.engines.mysql.checks.target_empty import standing
from jobs.engines.mysql.exact_rows import delicate
from jobs.engines.mysql.inventory import Inventory, Replacement
from jobs.engines.mysql.owners import SETTERS, definers

ROOM = 2.0
"""Bytes are written as two digits each, and numbers as text: seldom more than twice what the tables hold."""
OLDEST_HISTORY = (10, 11, 0)
"""Of MariaDB's server and program: the first that can save the history of system-versioned tables."""


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    if inventory.options.overwrite and not inventory.own_run and list(standing(inventory)):
        yield from _overwriting(inventory, inventory.replacement.get())
    elif not server.on("log_bin"):
        yield found(
            Severity.inform,
            "The target writes no binary log: no point in time to go back to is known.",
            object=server.database,
            remedy="If anything else on this server matters, take a backup of it first. A target that was found empty"
            " can be emptied again.",
            side="target",
        )


def _overwriting(inventory: Inventory, facts: Replacement) -> Findings:
    room, need = facts.room, int(facts.bytes * ROOM)
    if room.problem:
        yield _block(
            f"There is no place for the restore point: {room.problem}.",
            "FERRYBOT_RESTORE_POINTS",
            "Set FERRYBOT_RESTORE_POINTS, for every worker, to a folder that all of them share and may write to.",
        )
    elif room.free_bytes < need:
        yield _block(
            f"The restore point may need {human(need)}; {room.folder} has {human(room.free_bytes)} free.",
            room.folder,
            "Free space there, or let FERRYBOT_RESTORE_POINTS name a larger disk.",
        )
    if facts.tool_problem:
        yield _block(f"{facts.tool_problem}.", "dump program", facts.tool_remedy)
    if facts.broken_views:
        yield _block(
            f"{counted(len(facts.broken_views), 'view')} of the target cannot be read, not even by the server:"
            f" {listed(facts.broken_views)}.",
            facts.broken_views[0],
            "Drop or mend what reads something that is gone, or whose definer is:\n"
            + "\n".join(f"DROP VIEW {quote.name(name)};" for name in facts.broken_views[:20]),
        )
    yield from _rights(inventory)
    yield from _definers(inventory)
    yield from _beyond(inventory)


def _rights(inventory: Inventory) -> Findings:
    """What saving, dropping and bringing back need."""
    server, catalog = inventory.target.server, inventory.target.catalog.get()
    mine = asked(inventory.target.grants, server, "target")
    wanted = {
        "LOCK TABLES": bool(catalog.tables),
        "CREATE VIEW": bool(catalog.views),
        "SHOW VIEW": bool(catalog.views),
        "TRIGGER": True,
        "CREATE ROUTINE": True,
        "ALTER ROUTINE": True,
        "EXECUTE": True,
        "EVENT": True,
        "REFERENCES": any(table.foreign_keys for table in catalog.tables),
    }
    missing = [word for word, needed in wanted.items() if needed and not mine.may(word, server.database)]
    if missing:
        yield _block(
            f"The target's user cannot save, drop and bring back everything there: it lacks {listed(missing, 20)}.",
            server.database,
            f"{grant(missing, server)}\n{who('target')}",
        )
    items: tuple[Any, ...] = (*catalog.tables, *catalog.views, *catalog.routines, *catalog.triggers, *catalog.events)
    shut = [item.name for item in items if not item.create]
    if shut:
        yield _block(
            f"The definitions of {counted(len(shut), 'object')} of the target cannot be read and so not be saved:"
            f" {listed(shut)}.",
            shut[0],
            "Mend or drop what is broken (a view over a table that is gone); for routines grant the right to see"
            f" their text (SELECT on mysql.proc; newer servers: SHOW CREATE ROUTINE, SHOW_ROUTINE).\n{who('target')}",
        )


def _definers(inventory: Inventory) -> Findings:
    """A definer who is somebody else can be named again only by whoever may."""
    server, catalog = inventory.target.server, inventory.target.catalog.get()
    mine = asked(inventory.target.grants, server, "target")
    tables = frozenset(catalog.by_name)
    others = sorted({name for account, name in definers(catalog, tables) if account and account != server.account})
    if others and not mine.may_everywhere(*SETTERS):
        privilege = "SET USER" if server.flavour.kind == "mariadb" else "SET_USER_ID"
        yield _block(
            f"User {server.account} could not bring back {counted(len(others), 'object')} with another definer:"
            f" {listed(others)}.",
            others[0],
            f"{grant_everywhere([privilege], server)}\n{who('target')}; or use the definer as the target's user",
        )
    logged = [f"function {r.name}" for r in catalog.routines if r.kind == "FUNCTION"]
    logged += [f"trigger {trigger.name}" for trigger in catalog.triggers]
    if logged and not trusted(server) and not mine.may_everywhere("SUPER"):
        yield _block(
            f"The target writes a binary log, and its user could not bring back {listed(logged)} without SUPER.",
            logged[0],
            TRUST_REMEDY,
        )


def _beyond(inventory: Inventory) -> Findings:
    """What the dump program of this family cannot save whole."""
    server, catalog = inventory.target.server, inventory.target.catalog.get()
    versioned = [table for table in catalog.tables if table.versioned]
    lost = [t.name for t in versioned if server.flavour.version < OLDEST_HISTORY or delicate(t)]
    if lost:
        yield _block(
            f"The history of {counted(len(lost), 'system-versioned table')} of the target cannot be saved whole:"
            f" {listed(lost)}.",
            lost[0],
            "Drop them if they may go for good, or replace the target by hand.",
        )


def _block(message: str, object: str, remedy: str) -> Finding:
    return found(Severity.block, message, object=object, remedy=remedy, side="target", field="overwrite")


def measured(inventory: Inventory) -> str:
    facts = inventory.replacement.value
    if inventory.options.overwrite and facts is not None and list(standing(inventory)):
        return f"{human(facts.room.free_bytes)} free in {facts.room.folder}, {facts.tool}"
    return "the target writes a binary log"


CHECK = MyCheck("restore_point", "A restore point exists", find, measured)
