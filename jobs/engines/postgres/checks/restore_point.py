"""The target can be taken back: by its archive in general, and by a restore point where it is overwritten."""

from __future__ import annotations

from jobs.core.model import Finding, Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, human, listed
from jobs.engines.postgres.checks.target_empty import standing
from jobs.engines.postgres.facts_safe import Replacement
from jobs.engines.postgres.inventory import Inventory

ROOM = 1.2
"""A dump is compressed, yet nobody knows how well: the size of the database and a little more always suffices."""


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    if inventory.options.overwrite and not inventory.own_run and list(standing(inventory)):
        yield from _overwriting(inventory, inventory.replacement.get())
    elif not server.archiving:
        yield found(
            Severity.inform,
            "The target does not archive its WAL: no point in time to go back to is known.",
            object=server.database,
            remedy="If anything else on this server matters, take a backup or a snapshot of it first. "
            "A target that was found empty can be emptied again.",
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
        yield _block(f"{facts.tool_problem}.", "pg_dump", facts.tool_remedy)
    yield from _rights(inventory, facts)
    yield from _beyond(inventory, facts)


def _rights(inventory: Inventory, facts: Replacement) -> Findings:
    server = inventory.target.server
    if facts.not_ours:
        owners = sorted({label.rpartition(" of ")[2] for label in facts.not_ours})
        grants = "\n".join(f"GRANT {quote.name(owner)} TO {quote.name(server.role)};" for owner in owners[:20])
        yield _block(
            f"User {server.role} can neither drop nor bring back {counted(len(facts.not_ours), 'object')} of the"
            f" target: {listed(facts.not_ours)}.",
            facts.not_ours[0],
            f"{grants}\n-- run by a superuser, on the target; or use the owner of everything as the target's user",
        )
    unread = [t.label for t in inventory.target.tables.get() if not t.readable and not t.of_extension]
    if unread:
        yield _block(
            f"User {server.role} cannot read {counted(len(unread), 'table')} of the target, so they cannot be saved:"
            f" {listed(unread)}.",
            unread[0],
            f"GRANT pg_read_all_data TO {quote.name(server.role)};\n-- run by a superuser, on the target",
        )


def _beyond(inventory: Inventory, facts: Replacement) -> Findings:
    """What goes and could not come back by this user's hands."""
    server = inventory.target.server
    offered = {a.name: a for a in inventory.target.available_extensions.get()}
    free = server.superuser or server.managed_admin
    shut = [
        f"extension {n}" for n in facts.going if not free and (a := offered.get(n)) and a.superuser and not a.trusted
    ]
    hard = [*facts.superuser_only, *shut]
    if hard:
        yield _block(
            f"Only a superuser could bring back {listed(hard)}.",
            hard[0],
            "Use a superuser as the target's user for this migration, or drop these by hand if they may go for good.",
        )
    subscriptions = [o.label for o in inventory.target.objects.get() if o.kind == "subscription"]
    if subscriptions:
        yield _block(
            f"The target subscribes to another server ({listed(subscriptions)}), which no restore point holds.",
            subscriptions[0],
            "\n".join(f"DROP SUBSCRIPTION {quote.name(name)};" for name in subscriptions),
        )


def _block(message: str, object: str, remedy: str) -> Finding:
    return found(Severity.block, message, object=object, remedy=remedy, side="target", field="overwrite")


def measured(inventory: Inventory) -> str:
    facts = inventory.replacement.value
    if inventory.options.overwrite and facts is not None and list(standing(inventory)):
        return f"{human(facts.room.free_bytes)} free in {facts.room.folder}, pg_dump {facts.tool}"
    return "the target archives its WAL"


CHECK = PgCheck("restore_point", "A restore point exists", find, measured)
