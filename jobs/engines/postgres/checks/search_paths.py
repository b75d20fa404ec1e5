"""Functions behind indexes, generated columns and checks need no search_path: a restore has none."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, listed
from jobs.engines.postgres.facts import PathFunction
from jobs.engines.postgres.inventory import Inventory

REFRESH_WITHOUT_PATH_FROM = 17
"""From here on a server fills materialized views with a path of its own (release notes of 17)."""
_MATVIEW = "materialized view "


def find(inventory: Inventory) -> Findings:
    by_function: dict[tuple[str, str], list[PathFunction]] = {}
    for item in inventory.source.path_functions.get():
        if item.used_by.startswith(_MATVIEW) and inventory.target.server.major < REFRESH_WITHOUT_PATH_FROM:
            continue  # filled under the path of the source's own sessions
        if inventory.options.scope is not Scope.data_only and inventory.moves(item.used_schema, item.used_table):
            by_function.setdefault((item.schema_name, item.name), []).append(item)
    for (schema, name), items in by_function.items():
        where = ".".join(part for part in (items[0].used_schema, items[0].used_table) if part)
        yield found(
            Severity.warn,
            f"Function {schema}.{name}, needed by {items[0].used_by} of {where}, names"
            f" {listed(item.word for item in items)} without a schema: with an empty search_path it fails.",
            object=f"{schema}.{name}",
            remedy=_remedy(schema, name, items),
            side="source",
        )


def _remedy(schema: str, name: str, items: list[PathFunction]) -> str:
    called, _, arguments = name.partition("(")
    path = ", ".join(quote.name(s) for s in dict.fromkeys([*(item.word_schema for item in items), "pg_temp"]))
    return (
        f"ALTER FUNCTION {quote.qualified(schema, called)}({arguments} SET search_path = {path};\n"
        "-- run by its owner, on the source; or write the schema before each name in it"
    )


CHECK = PgCheck("search_paths", "Functions need no search_path", find, lambda _: "none, as far as their texts tell")
