"""Both databases have one encoding, and it is one that the server checks."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory

UNCHECKED = "SQL_ASCII"


def find(inventory: Inventory) -> Findings:
    source, target = inventory.source.server, inventory.target.server
    if source.encoding != target.encoding:
        hint = " It may hold bytes that are no text in any encoding." if UNCHECKED in (source.encoding,) else ""
        fresh = quote.name(f"{target.database}_new")
        yield found(
            Severity.block,
            f"The source's encoding is {source.encoding}, the target's {target.encoding}.{hint}",
            object=target.database,
            remedy=f"CREATE DATABASE {fresh} TEMPLATE template0 ENCODING {quote.text(source.encoding)}"
            f" LC_COLLATE 'C' LC_CTYPE 'C';\n"
            "-- run by a role with CREATEDB on the target, with a locale that fits the encoding",
            side="target",
            field="target",
        )
    elif source.encoding == UNCHECKED:
        yield found(
            Severity.warn,
            "Both databases are SQL_ASCII: bytes travel as they are, whatever they mean.",
            object=source.database,
            remedy="Consider converting the data to UTF8 first; nothing is lost if you do not.",
        )


def measured(inventory: Inventory) -> str:
    return inventory.source.server.encoding


CHECK = PgCheck("encoding", "Encodings agree", find, measured)
