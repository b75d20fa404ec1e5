"""An owner to whom the target's user gives an object must itself have the right to create such a thing there.

Only a superuser may give objects to a role that could not have made them. Grants come last in a move, so a right
that the source grants does not count yet; the rights of a schema's owner, and those on schema public, do.
"""

from __future__ import annotations

from collections.abc import Iterator

from jobs.core.model import Finding, Scope, Severity
from jobs.engines.postgres import missing_roles, quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, listed
from jobs.engines.postgres.facts import Wrapper
from jobs.engines.postgres.facts_rights import Role, RoleNeed
from jobs.engines.postgres.inventory import Inventory

_WHO = "-- run by the database's owner or a superuser, on the target; or choose not to keep owners"


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    making = set(missing_roles.to_make(inventory))
    roles = {role.name: role for role in inventory.target.roles.get()}
    for (name, place, where), objects in sorted(_given(inventory).items()):
        role = roles.get(name) or (_new(name, inventory) if name in making else None)
        # A role that is missing is said so elsewhere; what is already ours is not given at all.
        if role is None or role.superuser or server.superuser or name == server.role:
            continue
        if place == "schema" and where == "public" and not role.creates_in_public:
            grant = f"GRANT CREATE ON SCHEMA public TO {quote.name(name)};"
            yield _lacks(name, objects, "create objects in schema public of the target", f"{grant}\n{_WHO}")
        elif place == "schema" and where != "public":
            yield from _foreign_schema(role, where, objects, inventory)
        elif place == "database" and not role.creates:
            grant = f"GRANT CREATE ON DATABASE {quote.name(server.database)} TO {quote.name(name)};"
            yield _lacks(name, objects, f"create in database {server.database} of the target", f"{grant}\n{_WHO}")
        elif place == "wrapper" and _shut(name, where, inventory.target.wrappers.get()):
            grant = f"GRANT USAGE ON FOREIGN DATA WRAPPER {quote.name(where)} TO {quote.name(name)};"
            yield _lacks(name, objects, f"use foreign-data wrapper {where} of the target", f"{grant}\n{_WHO}")


def _new(name: str, inventory: Inventory) -> Role:
    """A role that the run makes: ours to give to, without any right but those of everybody."""
    opened = inventory.target.server.major < 15
    return Role(
        name=name,
        superuser=False,
        assumable=True,
        inherited=True,
        creates=False,
        creates_in_public=opened,
        inherits=(),
    )


def _given(inventory: Inventory) -> dict[tuple[str, str, str], list[str]]:
    """(owner, kind of place, place) -> what is given."""
    given: dict[tuple[str, str, str], list[str]] = {}
    for need in _owned(inventory):
        if need.place:
            where = {"schema": need.schema_name, "wrapper": need.wrapper}.get(need.place, "")
            given.setdefault((need.role, need.place, where), []).append(need.object)
    return given


def _owned(inventory: Inventory) -> Iterator[RoleNeed]:
    if inventory.options.keep_owners and inventory.options.scope is not Scope.data_only:
        for need in inventory.source.role_needs.get():
            if need.use == "owner" and inventory.moves(need.schema_name, need.table_name):
                yield need


def _foreign_schema(role: Role, schema: str, objects: list[str], inventory: Inventory) -> Findings:
    """Objects of one role in the schema of another."""
    owner = next(
        (n.role for n in _owned(inventory) if not n.place and n.schema_name == n.object == schema), role.name
    )
    if owner != role.name and owner not in role.inherits:
        yield _lacks(
            role.name,
            objects,
            f"create in schema {schema} of {owner} before the grants arrive",
            f"GRANT {quote.name(owner)} TO {quote.name(role.name)};\n"
            "-- run by a superuser or a role with ADMIN on it, on the target, for the time of the move (REVOKE it"
            " afterwards); or use a superuser as the target's user, or choose not to keep owners",
        )


def _shut(role: str, wrapper: str, wrappers: tuple[Wrapper, ...]) -> bool:
    """A wrapper that is not there yet belongs to another check."""
    return any(w.name == wrapper and role not in w.users for w in wrappers)


def _lacks(role: str, objects: list[str], what: str, remedy: str) -> Finding:
    return found(
        Severity.block,
        f"Role {role} may not {what}, so {listed(objects, 3)} cannot be given to it.",
        object=role,
        remedy=remedy,
        side="target",
        field="keep_owners",
    )


CHECK = PgCheck("owner_rights", "Owners may have what they are given", find, lambda _: "every owner may create it")
