"""Settings of the database travel too; what stays behind, and what the target will not let us set, is said."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.postgres import quote, settings
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, lines, listed
from jobs.engines.postgres.connect import scrub
from jobs.engines.postgres.facts import Oddity
from jobs.engines.postgres.inventory import Inventory
from jobs.engines.postgres.settings import STAY, Setting


def find(inventory: Inventory) -> Findings:
    every = [o for o in inventory.source.oddities.get() if o.kind == "setting"]
    travelling = [o for o in every if _name(o) not in STAY and inventory.options.scope is not Scope.data_only]
    staying = [o for o in every if o not in travelling]
    if staying:
        yield found(
            Severity.inform,
            f"Settings of the source database stay behind: {listed(map(_name, staying))}.",
            object=inventory.source.server.database,
            remedy=_statements(staying, inventory),
            side="source",
        )
    server = inventory.target.server
    if travelling and not server.owns_database:
        yield found(
            Severity.warn,
            f"User {server.role} does not own database {server.database}, so it may not give it the source's"
            f" settings: {listed(map(_name, travelling))}. The run will end with these differences.",
            object=server.database,
            remedy=f"{_statements(travelling, inventory)}; or ALTER DATABASE {quote.name(server.database)}"
            f" OWNER TO {quote.name(server.role)};",
            side="target",
        )


def _statements(found: list[Oddity], inventory: Inventory) -> str:
    database = inventory.target.server.database
    return lines([*(_statement(o, database) for o in found[:20]), "-- run by the target database's owner"])


def _name(setting: Oddity) -> str:
    return setting.note.partition("=")[0]


def _statement(oddity: Oddity, database: str) -> str:
    name, _, value = oddity.note.partition("=")
    role = oddity.name.removeprefix("role ") if oddity.name != "everybody" else ""
    if "." not in name:
        return settings.statement(Setting(role, name, scrub(value)), database) + ";"
    # A setting may be somebody's own, such as app.token: its value is not ours to repeat.
    return settings.statement(Setting(role, name, ""), database).removesuffix("''") + "…;"


def measured(inventory: Inventory) -> str:
    names = {_name(o) for o in inventory.source.oddities.get() if o.kind == "setting"}
    return f"{listed(sorted(names))} will be set on the target too" if names else "none"


CHECK = PgCheck("settings", "Settings of the database", find, measured)
