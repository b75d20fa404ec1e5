"""Objects of the source that only a superuser may make on the target, or rights that only one may grant."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.facts_rights import Privileged
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    for item in [] if server.superuser else _moving(inventory):
        what = f"The grant on {item.label}" if item.kind == "grant" else f"{item.kind.capitalize()} {item.label}"
        verb = "repeat" if item.kind == "grant" else "make"
        # What a cloud lets its own kind of administrator do differs from cloud to cloud.
        unsure = server.managed_admin
        yield found(
            Severity.unknown if unsure else Severity.block,
            f"{what} is for a superuser to {verb} ({item.why}); "
            + (f"whether {server.role} may cannot be seen." if unsure else f"{server.role} is none."),
            object=item.label,
            remedy="Use a superuser as the target's user, or "
            + (
                "choose not to keep grants." if item.kind == "grant" else "drop it on the source if nothing needs it."
            ),
            side="target",
            field="user",
        )


def _moving(inventory: Inventory) -> list[Privileged]:
    if inventory.options.scope is Scope.data_only:
        return []
    grants = inventory.options.keep_grants
    return [item for item in inventory.source.privileged.get() if grants or item.kind != "grant"]


def measured(inventory: Inventory) -> str:
    return "the user is a superuser" if inventory.target.server.superuser else "none"


CHECK = PgCheck("superuser_only", "Objects that only a superuser may make", find, measured)
