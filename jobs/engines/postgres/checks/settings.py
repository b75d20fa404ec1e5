"""Settings of the database itself are not part of its inside and do not travel."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, lines
from jobs.engines.postgres.connect import scrub
from jobs.engines.postgres.facts import Oddity
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    settings = [o for o in inventory.source.oddities.get() if o.kind == "setting"]
    if settings:
        names = ", ".join(dict.fromkeys(o.note.partition("=")[0] for o in settings))
        database = inventory.target.server.database
        yield found(
            Severity.inform,
            f"Settings of the source database do not travel: {names}.",
            object=inventory.source.server.database,
            remedy=lines(
                [*(_statement(o, database) for o in settings[:20]), "-- run by the target database's owner"]
            ),
            side="source",
        )


def _statement(setting: Oddity, database: str) -> str:
    name, _, value = setting.note.partition("=")
    # A setting may be somebody's own, such as app.token: its value is not ours to repeat.
    shown = "…" if "." in name else scrub(value)
    shown = shown if name == "search_path" or "." in name else quote.text(shown)
    role = setting.name.removeprefix("role ") if setting.name != "everybody" else ""
    who = f"ALTER ROLE {quote.name(role)} IN DATABASE" if role else "ALTER DATABASE"
    return f"{who} {quote.name(database)} SET {'.'.join(map(quote.name, name.split('.')))} = {shown};"


CHECK = PgCheck("settings", "Settings of the database", find, lambda _: "none")
