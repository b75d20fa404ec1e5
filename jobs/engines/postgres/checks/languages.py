"""Every language of the source's functions is there on the target, or comes with an extension or its handler."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    there = {language.name: language.usable for language in inventory.target.languages.get()}
    user = inventory.target.server.role
    for language in inventory.source.languages.get():
        if language.name not in there and not language.of_extension and not language.with_handler:
            yield found(
                Severity.block,
                f"Language {language.name} is missing on the target.",
                object=language.name,
                remedy=f"CREATE EXTENSION {quote.name(language.name)};\n"
                "-- run by a superuser on the target; its package must be installed on the server",
                side="target",
                field="target",
            )
        elif language.used and not there.get(language.name, True):
            yield found(
                Severity.block,
                f"User {user} may not create functions in language {language.name} of the target.",
                object=language.name,
                remedy=f"GRANT USAGE ON LANGUAGE {quote.name(language.name)} TO {quote.name(user)};\n"
                "-- run by a superuser, on the target",
                side="target",
                field="user",
            )


def measured(inventory: Inventory) -> str:
    return counted(len(inventory.source.languages.get()), "language")


CHECK = PgCheck("languages", "Languages are available", find, measured)
