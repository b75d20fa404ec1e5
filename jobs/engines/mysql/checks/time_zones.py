"""Both servers live in one time zone, and know the zones that events name."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, listed, reached
from jobs.engines.mysql.checks.remedies import who
from jobs.engines.mysql.facts import Server
from jobs.engines.mysql.inventory import Inventory


def zone(server: Server) -> str:
    """The zone of sessions that choose none."""
    known = server.settings.get("time_zone", "")
    return server.settings.get("system_time_zone", "") if known.upper() == "SYSTEM" else known


def find(inventory: Inventory) -> Findings:
    names = [zone(side.server) for _, side in reached(inventory)]
    if names[0].upper() != names[1].upper():
        yield found(
            Severity.warn,
            f"The source's time zone is {names[0]}, the target's {names[1]}: TIMESTAMPs are the same instants, but"
            " programs that choose no zone read and write them differently.",
            object="time_zone",
            remedy=f"Set the target's time_zone as the source has it, or let programs choose theirs.\n"
            f"{who('target')}",
            side="target",
        )
    events = inventory.source.catalog.get().events if inventory.options.scope is not Scope.data_only else ()
    named = [event.name for event in events if event.time_zone[:1].isalpha() and event.time_zone != "SYSTEM"]
    if named and not inventory.target.zones.get():
        yield found(
            Severity.block,
            f"Events name time zones that the target has not loaded: {listed(named)}.",
            object=named[0],
            remedy=f"mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql\n{who('target')}",
            side="target",
        )


def measured(inventory: Inventory) -> str:
    return f"both {zone(inventory.source.server)}"


CHECK = MyCheck("time_zones", "Time zones agree", find, measured)
