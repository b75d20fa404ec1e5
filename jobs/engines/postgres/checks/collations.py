"""Collations and locale providers that the source uses exist on the target."""

from __future__ import annotations

from jobs.core.model import Finding, Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found
from jobs.engines.postgres.facts import Collation, CollationUse
from jobs.engines.postgres.inventory import Inventory

_PROVIDERS = {"c": "libc", "i": "ICU", "b": "builtin"}
_PORTABLE = ("C", "POSIX", "")


def find(inventory: Inventory) -> Findings:
    yield from _named(inventory)
    yield from _own(inventory)
    yield from _default(inventory)


def _named(inventory: Inventory) -> Findings:
    """Collations of pg_catalog, which no dump creates: they come with the operating system or the build."""
    theirs = inventory.target.collations.get()
    able = providers(theirs)
    there = {c.name for c in theirs if c.schema_name == "pg_catalog" and c.provider in able}
    for use in inventory.source.collation_uses.get():
        if use.schema_name == "pg_catalog" and use.name not in there:
            yield _missing(use)


def providers(collations: tuple[Collation, ...]) -> set[str]:
    """The locale providers that a server was built with; since 16 every catalog names ICU's `unicode`, ICU or not."""
    return {c.provider for c in collations if c.provider != "i" or c.name.endswith("-x-icu")}


def _missing(use: CollationUse) -> Finding:
    remedy = "Have the locale generated on the target's server and imported by a superuser:\n"
    remedy += "SELECT pg_import_system_collations('pg_catalog');"
    if use.provider == "i":
        remedy = "Choose a target that was built with ICU, or change the collation on the source."
    return found(
        Severity.block,
        f"Collation {use.name} ({_PROVIDERS.get(use.provider, use.provider)}), used by {use.used_by}, is missing on"
        " the target.",
        object=use.name,
        remedy=remedy,
        side="target",
        field="target",
    )


def _own(inventory: Inventory) -> Findings:
    """Collations that people made travel with the schema, if the target knows their provider and locale."""
    theirs = inventory.target.collations.get()
    able = providers(theirs)
    for collation in inventory.source.collations.get():
        if collation.schema_name in ("pg_catalog", "information_schema"):
            continue
        label = f"{collation.schema_name}.{collation.name}"
        if collation.provider not in able:
            yield found(
                Severity.block,
                f"Collation {label} needs {_PROVIDERS.get(collation.provider, collation.provider)}, which the target"
                " was built without.",
                object=label,
                remedy="Choose a target with this locale provider, or drop the collation on the source.",
                side="target",
                field="target",
            )
        elif collation.provider == "c" and not _known(collation, theirs):
            yield found(
                Severity.unknown,
                f"Collation {label} needs the system's locale {collation.locale}, which the target does not list.",
                object=label,
                remedy="Have this locale generated on the target's server.",
                side="target",
            )


def _known(collation: Collation, theirs: tuple[Collation, ...]) -> bool:
    return collation.locale in _PORTABLE or plain(collation.locale) in {plain(c.locale) for c in theirs}


def _default(inventory: Inventory) -> Findings:
    source, target = inventory.source.server, inventory.target.server
    ours, theirs = (
        sorting(source.provider, source.collate, source.locale),
        sorting(target.provider, target.collate, target.locale),
    )
    if ours != theirs:
        yield found(
            Severity.warn,
            f"The databases sort text differently: {' '.join(ours)} on the source, {' '.join(theirs)} on the target.",
            object=target.database,
            remedy="Create the target database with the source's locale if the order of text matters.",
            side="target",
        )


def sorting(provider: str, collate: str, locale: str) -> tuple[str, str]:
    """What decides the default order: provider and locale."""
    return _PROVIDERS.get(provider, provider), plain(collate if provider == "c" else locale)


def plain(locale: str) -> str:
    """`en_US.UTF-8` and `en_US.utf8` are one locale."""
    return locale.replace("UTF-8", "utf8").replace("UTF8", "utf8")


def measured(inventory: Inventory) -> str:
    server = inventory.source.server
    used = counted(len(inventory.source.collation_uses.get()), "named collation")
    return f"{' '.join(sorting(server.provider, server.collate, server.locale))}; {used}"


CHECK = PgCheck("collations", "Collations are available", find, measured)
