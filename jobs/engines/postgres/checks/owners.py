"""Roles that own or are granted something exist on the target, and objects may be given to the owners."""

from __future__ import annotations

from jobs.core.model import Finding, Scope, Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.facts import RoleNeed
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    there = {role.name: role.assumable for role in inventory.target.roles.get()}
    for role, needs in sorted(_needs(inventory).items()):
        if role not in there:
            yield _missing(role, needs)
        elif not there[role] and any(n.use == "owner" for n in needs):
            yield _not_ours(role, inventory.target.server.role, needs)


def _needs(inventory: Inventory) -> dict[str, list[RoleNeed]]:
    options = inventory.options
    kept = {use for use, wanted in (("owner", options.keep_owners), ("grantee", options.keep_grants)) if wanted}
    if options.scope is Scope.data_only:
        return {}
    needs: dict[str, list[RoleNeed]] = {}
    for need in inventory.source.role_needs.get():
        if need.use in kept and inventory.moves(need.schema_name, need.table_name) and not _comes_along(need):
            needs.setdefault(need.role, []).append(need)
    return needs


def _comes_along(need: RoleNeed) -> bool:
    """Schema public is there already, with an owner that differs from version to version."""
    return need.use == "owner" and (need.schema_name, need.object) == ("public", "public")


def _missing(role: str, needs: list[RoleNeed]) -> Finding:
    return found(
        Severity.block,
        f"Role {role}, {_uses(needs)}, is missing on the target.",
        object=role,
        remedy=f"CREATE ROLE {quote.name(role)} NOLOGIN;\n"
        "-- run by a role with CREATEROLE on the target; or choose not to keep owners and grants",
        side="target",
        field="keep_owners",
    )


def _not_ours(role: str, user: str, needs: list[RoleNeed]) -> Finding:
    return found(
        Severity.block,
        f"User {user} may not give objects to role {role}, {_uses(needs)}.",
        object=role,
        remedy=f"GRANT {quote.name(role)} TO {quote.name(user)};\n"
        "-- run by a superuser or a role with ADMIN on it, on the target; or choose not to keep owners",
        side="target",
        field="keep_owners",
    )


def _uses(needs: list[RoleNeed]) -> str:
    owned = [n.object for n in needs if n.use == "owner"]
    return f"owner of {listed(owned, 3)}" if owned else f"granted rights on {listed((n.object for n in needs), 3)}"


def measured(inventory: Inventory) -> str:
    needs = _needs(inventory)
    return f"{counted(len(needs), 'role')} there" if needs else "owners and grants are not kept"


CHECK = PgCheck("owners", "Owners and grantees exist", find, measured)
