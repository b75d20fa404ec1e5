"""The target's user may create what will be moved, or fill what is there."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, lines, listed
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    if inventory.options.scope is Scope.data_only:
        yield from _fill(inventory)
    else:
        yield from _create(inventory)


def _create(inventory: Inventory) -> Findings:
    server = inventory.target.server
    role = quote.name(server.role)
    if not server.can_create_schema:
        yield found(
            Severity.block,
            f"User {server.role} may not create schemas in database {server.database}.",
            object=server.database,
            remedy=f"GRANT CREATE ON DATABASE {quote.name(server.database)} TO {role};\n"
            "-- run by the database's owner or a superuser",
            side="target",
            field="user",
        )
    if not server.can_use_public and _uses_public(inventory):
        yield found(
            Severity.block,
            f"User {server.role} may not create objects in schema public.",
            object="public",
            remedy=f"GRANT CREATE ON SCHEMA public TO {role};\n-- run by the database's owner or a superuser",
            side="target",
            field="user",
        )


def _uses_public(inventory: Inventory) -> bool:
    loose = (o.schema_name for o in inventory.source.objects.get() if not o.table_name)
    return "public" in {t.schema_name for t in inventory.selected} | set(loose)


def _fill(inventory: Inventory) -> Findings:
    server = inventory.target.server
    shut = [t for t in inventory.target.tables.get() if t.key in inventory.selected_keys and not t.writable]
    if shut:
        grants = [
            f"GRANT SELECT, INSERT ON {quote.qualified(*t.key)} TO {quote.name(server.role)};" for t in shut[:20]
        ]
        yield found(
            Severity.block,
            f"User {server.role} may not insert into {counted(len(shut), 'table')}: {listed(t.label for t in shut)}.",
            object=shut[0].label,
            remedy=lines([*grants, "-- run by the tables' owner or a superuser"]),
            side="target",
            field="user",
        )


def measured(inventory: Inventory) -> str:
    server = inventory.target.server
    return f"user {server.role} may write to {server.database}"


CHECK = PgCheck("target_rights", "Target user may create the schema", find, measured)
