"""Which roles of the source something that moves needs, and which of them the target lacks. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.core.model import Scope
from jobs.engines.postgres.facts_rights import RoleNeed
from jobs.engines.postgres.inventory import Inventory


def needs(inventory: Inventory) -> dict[str, list[RoleNeed]]:
    """Role -> what needs it, under the chosen options. Raises `Unread` or `Unreached`."""
    options = inventory.options
    if options.scope is Scope.data_only:
        return {}
    kept = {"named"}
    kept |= {"owner"} if options.keep_owners else set()
    kept |= {"grantee", "grantor", "defaults", "setting"} if options.keep_grants else set()
    found: dict[str, list[RoleNeed]] = {}
    for need in inventory.source.role_needs.get():
        if (
            need.use in kept
            and inventory.moves(need.schema_name, need.table_name)
            and not _comes_along(need, inventory)
        ):
            found.setdefault(need.role, []).append(need)
    return found


def _comes_along(need: RoleNeed, inventory: Inventory) -> bool:
    """Schema public belongs to whoever owns the database, unless somebody gave it away."""
    return need.role == "pg_database_owner" or (
        public_stays(inventory) and (need.use, need.schema_name, need.object) == ("owner", "public", "public")
    )


def public_stays(inventory: Inventory) -> bool:
    """Up to 14 schema public is the first superuser's, by nobody's choice: where the target's user may not give it
    to that role, it stays whose it is."""
    server = inventory.target.server
    if inventory.source.server.major >= 15 or server.superuser:
        return False
    owner = next(
        (o.note for o in inventory.source.oddities.get() if (o.kind, o.name) == ("schema public", "owner")), ""
    )
    role = next((role for role in inventory.target.roles.get() if role.name == owner), None)
    return bool(owner) and not (role is not None and role.assumable and server.owns_public)


def missing(inventory: Inventory) -> list[str]:
    """The names of those that the target lacks."""
    there = {role.name for role in inventory.target.roles.get()}
    return sorted(set(needs(inventory)) - there)


def to_make(inventory: Inventory) -> list[str]:
    """Those that the run makes. What begins with pg_ is reserved: no user can make it."""
    if not inventory.options.create_roles:
        return []
    return [name for name in missing(inventory) if not name.startswith("pg_")]


def sentences(inventory: Inventory) -> Iterator[str]:
    """What of the new roles does not travel."""
    names = to_make(inventory)
    shapes = {shape.name: shape for shape in inventory.source.role_shapes.get()} if names else {}
    server = inventory.target.server
    for name in names:
        shape = shapes.get(name)
        if shape is None:
            continue
        withheld = [shape.never] if shape.never else []
        if not server.superuser:
            withheld += [
                word for word, has in (("CREATEDB", shape.createdb), ("CREATEROLE", shape.createrole)) if has
            ]
        if withheld:
            yield (
                f"Role {name} is made without {', '.join(withheld)}, unless the target's user has that to give."
                if (not shape.never)
                else f"Role {name} is made without {', '.join(withheld)}."
            )
        if shape.login:
            yield f"Role {name} has no password until somebody sets one: ALTER ROLE … PASSWORD."
