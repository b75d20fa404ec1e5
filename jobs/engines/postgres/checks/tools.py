"""pg_dump and pg_restore of the workers are new enough for the source."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    tool, source = inventory.tool.get(), inventory.source.server
    if tool.problem:
        yield found(Severity.block, f"{tool.problem}.", remedy=tool.remedy, object="pg_dump", side="source")
    elif tool.major < source.major:
        yield found(
            Severity.block,
            f"pg_dump {tool.text} is older than the source, PostgreSQL {source.version}, and refuses it.",
            object="pg_dump",
            remedy=f"Install PostgreSQL {source.major}'s client programs where the workers run.",
            side="source",
        )


def measured(inventory: Inventory) -> str:
    return f"pg_dump {inventory.tool.get().text}"


CHECK = PgCheck("tools", "pg_dump is new enough", find, measured)
