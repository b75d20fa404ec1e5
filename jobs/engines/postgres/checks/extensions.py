"""Every extension of the source can be had on the target, at least as new, by this user."""

from __future__ import annotations

import re

from jobs.core.model import Finding, Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found
from jobs.engines.postgres.facts import AvailableExtension, Extension
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    available = {a.name: a for a in inventory.target.available_extensions.get()}
    going = inventory.replacement.get().going if inventory.options.overwrite else ()
    installed = {e.name: e for e in inventory.target.extensions.get() if e.name not in going}
    for extension in inventory.source.extensions.get():
        there = installed.get(extension.name)
        offered = available.get(extension.name)
        if there is not None:
            yield from _present(extension, there)
        elif offered is None:
            yield _missing(extension, inventory)
        else:
            yield from _old(extension, offered.default_version)
            yield from _not_creatable(extension, offered, inventory)


def _missing(extension: Extension, inventory: Inventory) -> Finding:
    major = inventory.target.server.major
    return found(
        Severity.block,
        f"Extension {extension.name} {extension.version} is not available on the target.",
        object=extension.name,
        remedy=f"Have its package for PostgreSQL {major} installed on the target's server (by its administrator), or"
        f" drop it on the source if nothing uses it:\nDROP EXTENSION {quote.name(extension.name)};",
        side="target",
        field="target",
    )


def _present(extension: Extension, there: Extension) -> Findings:
    if there.schema_name != extension.schema_name:
        yield found(
            Severity.block,
            f"Extension {extension.name} is in schema {there.schema_name} on the target, in {extension.schema_name}"
            " on the source.",
            object=extension.name,
            remedy=f"ALTER EXTENSION {quote.name(extension.name)} SET SCHEMA {quote.name(extension.schema_name)};\n"
            "-- run by its owner or a superuser, on the target",
            side="target",
            field="target",
        )
    yield from _old(extension, there.version)


def _old(extension: Extension, version: str) -> Findings:
    if numbers(version) < numbers(extension.version):
        yield found(
            Severity.block,
            f"Extension {extension.name} would be version {version} on the target, older than {extension.version}.",
            object=extension.name,
            remedy="Have a newer package installed on the target's server (by its administrator); if it is already"
            f" created there: ALTER EXTENSION {quote.name(extension.name)} UPDATE;",
            side="target",
            field="target",
        )


def _not_creatable(extension: Extension, offered: AvailableExtension, inventory: Inventory) -> Findings:
    server = inventory.target.server
    allowed = server.superuser or server.managed_admin or offered.trusted or not offered.superuser
    if not allowed:
        yield found(
            Severity.block,
            f"Only a superuser can create extension {extension.name} on the target; {server.role} is none.",
            object=extension.name,
            remedy=_creation(extension, server.database),
            side="target",
            field="user",
        )


def _creation(extension: Extension, database: str) -> str:
    if extension.schema_name not in ("public", "pg_catalog"):
        # The schema is one of the source's: the move itself must create it.
        return "Use a superuser as the target's user, or move the extension to schema public on the source."
    create = f"CREATE EXTENSION {quote.name(extension.name)} SCHEMA {quote.name(extension.schema_name)};"
    return f"{create}\n-- run by a superuser in database {database} of the target"


def numbers(version: str) -> tuple[int, ...]:
    """`1.10.2` as (1, 10, 2): versions compare by number, not by letter."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def measured(inventory: Inventory) -> str:
    return f"{counted(len(inventory.source.extensions.get()), 'extension')} available"


CHECK = PgCheck("extensions", "Extensions are available", find, measured)
