"""Functions in C or an untrusted language can be created on the target."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.facts import Routine
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    for routine in inventory.source.routines.get():
        name = f"{routine.schema_name}.{routine.name}"
        if not (server.superuser or (server.managed_admin and not _native(routine))):
            yield found(
                Severity.block,
                f"Function {name} is written in {routine.language}, which only a superuser may create on the target.",
                object=name,
                remedy="Use a superuser as the target's user, or drop the function if nothing calls it.",
                side="target",
                field="user",
            )
        elif _native(routine) and routine.library:
            yield found(
                Severity.unknown,
                f"Function {name} needs the library {routine.library}; whether the target has it cannot be seen.",
                object=name,
                remedy="Have the same library installed on the target's server, built for its version.",
                side="target",
            )


def _native(routine: Routine) -> bool:
    return routine.language in ("c", "internal")


CHECK = PgCheck(
    "native_functions", "Functions in C or untrusted languages", find, lambda _: "none outside extensions"
)
