"""Roles that own or are granted something exist on the target, and objects may be given to the owners."""

from __future__ import annotations

from jobs.core.model import Finding, Severity
from jobs.engines.postgres import missing_roles, quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.facts_rights import Role, RoleNeed
from jobs.engines.postgres.inventory import Inventory

_LATER = "; or choose not to keep owners"


def find(inventory: Inventory) -> Findings:
    there = {role.name: role for role in inventory.target.roles.get()}
    making = set(missing_roles.to_make(inventory))
    for name, needs in sorted(missing_roles.needs(inventory).items()):
        role = there.get(name)
        if role is None and name in making:
            yield from _made(name, needs, inventory)
        elif role is None:
            yield _missing(name, needs)
        elif not inventory.target.server.superuser:
            yield from _not_ours(role, inventory, needs)
            yield from _grantor(name, inventory, needs)


def _missing(role: str, needs: list[RoleNeed]) -> Finding:
    always = any(need.use == "named" for need in needs)
    return found(
        Severity.block,
        f"Role {role}, {_uses(needs)}, is missing on the target.",
        object=role,
        remedy=f"CREATE ROLE {quote.name(role)} NOLOGIN;\n-- run by a role with CREATEROLE on the target; or choose"
        " to create missing roles" + ("" if always else ", or not to keep owners and grants"),
        side="target",
        field="keep_owners",
    )


def _made(role: str, needs: list[RoleNeed], inventory: Inventory) -> Findings:
    """The run makes it, if the target's user may make roles."""
    user = inventory.target.server.role
    if inventory.target.server.can_create_role:
        yield found(
            Severity.inform,
            f"Role {role}, {_uses(needs)}, is missing on the target: the run makes it, without a password.",
            object=role,
            remedy=f"If it logs in, afterwards on the target: ALTER ROLE {quote.name(role)} PASSWORD '…';",
            side="target",
        )
    else:
        yield found(
            Severity.block,
            f"Role {role}, {_uses(needs)}, is missing on the target, and {user} may not make roles there.",
            object=role,
            remedy=f"ALTER ROLE {quote.name(user)} CREATEROLE;\n-- run by a superuser on the target; or have it make"
            f" the role: CREATE ROLE {quote.name(role)} NOLOGIN;",
            side="target",
            field="keep_owners",
        )
    yield from _grantor(role, inventory, needs) if not inventory.target.server.superuser else ()


def _not_ours(role: Role, inventory: Inventory, needs: list[RoleNeed]) -> Findings:
    """To give something away one must be able to become its owner; to work on it afterwards, have its rights."""
    gives = any(need.use == "owner" for need in needs) and not role.assumable
    works = any(need.use in ("owner", "defaults") for need in needs) and not role.inherited
    if gives or works:
        user = inventory.target.server.role
        yield found(
            Severity.block,
            f"User {user} may not {'give objects to' if gives else 'work on what belongs to'} role {role.name},"
            f" {_uses(needs)}.",
            object=role.name,
            remedy=_membership(role, inventory),
            side="target",
            field="keep_owners",
        )


def _membership(role: Role, inventory: Inventory) -> str:
    if role.superuser:
        # Membership would hand over the whole server.
        return (
            "Choose not to keep owners, give these objects to another role on the source, or use a superuser as the"
            " target's user."
        )
    server = inventory.target.server
    user = quote.name(server.role)
    if server.major >= 16:
        return (
            f"GRANT {quote.name(role.name)} TO {user} WITH INHERIT TRUE, SET TRUE;\n"
            f"-- run by a superuser or a role with ADMIN on it, on the target{_LATER}"
        )
    inherit = f"\nALTER ROLE {user} INHERIT;" if role.assumable else ""
    return (
        f"GRANT {quote.name(role.name)} TO {user};{inherit}\n"
        f"-- run by a superuser or a role with ADMIN on it, on the target{_LATER}"
    )


def _grantor(role: str, inventory: Inventory, needs: list[RoleNeed]) -> Findings:
    """Such a grant is repeated in the name of whoever made it, which takes SET SESSION AUTHORIZATION."""
    granted = [need.object for need in needs if need.use == "grantor"]
    if granted:
        yield found(
            Severity.block,
            f"Rights on {listed(granted, 3)} were granted by {role}, who does not own it: only a superuser can repeat"
            f" that; {inventory.target.server.role} is none.",
            object=granted[0],
            remedy=f"On the source: REVOKE … GRANTED BY {quote.name(role)}, and have the owner grant the same; or"
            " choose not to keep grants.",
            side="source",
            field="keep_grants",
        )


def _uses(needs: list[RoleNeed]) -> str:
    owned = [n.object for n in needs if n.use == "owner"]
    named = [n.object for n in needs if n.use == "named"]
    if owned:
        return f"owner of {listed(owned, 3)}"
    return f"named by {listed(named, 3)}" if named else f"granted rights on {listed((n.object for n in needs), 3)}"


def measured(inventory: Inventory) -> str:
    needs = missing_roles.needs(inventory)
    return f"{counted(len(needs), 'role')} there" if needs else "owners and grants are not kept"


CHECK = PgCheck("owners", "Owners and grantees exist", find, measured)
