"""The source's user can read everything that is to be moved."""

from __future__ import annotations

from itertools import groupby

from jobs.core.model import Finding, Severity
from jobs.engines.postgres import quote
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, lines, listed
from jobs.engines.postgres.facts import Table
from jobs.engines.postgres.inventory import Inventory

_WHO = "-- run by the owner or a superuser, on the source"
_LONG = 20


def find(inventory: Inventory) -> Findings:
    role = quote.name(inventory.source.server.role)
    shut = [t for t in inventory.selected if not t.readable and t.kind != "f"]
    for schema, tables in groupby(shut, key=lambda t: t.schema_name):
        yield _tables(schema, list(tables), role)
    yield from _hidden(inventory, role)


def _tables(schema: str, shut: list[Table], role: str) -> Finding:
    usage = f"GRANT USAGE ON SCHEMA {quote.name(schema)} TO {role};"
    if len(shut) > _LONG:
        grants = [f"GRANT SELECT ON ALL TABLES IN SCHEMA {quote.name(schema)} TO {role};"]
    else:
        grants = [f"GRANT SELECT ON {quote.qualified(*t.key)} TO {role};" for t in shut]
    return found(
        Severity.block,
        f"The source's user cannot read {counted(len(shut), 'table')}: {listed(t.label for t in shut)}.",
        object=shut[0].label if len(shut) == 1 else schema,
        remedy=lines([usage, *grants, _WHO]),
        side="source",
        field="user",
    )


def _hidden(inventory: Inventory, role: str) -> Findings:
    hidden = inventory.source.hidden.get()
    used = {t.schema_name for t in inventory.selected}
    filtered = bool(inventory.options.include or inventory.options.exclude)
    for item in hidden:
        if item.kind == "schema" and (item.schema_name in used or not filtered):
            yield found(
                Severity.block,
                f"The source's user cannot look into schema {item.schema_name}.",
                object=item.schema_name,
                remedy=f"GRANT USAGE ON SCHEMA {quote.name(item.schema_name)} TO {role};\n{_WHO}",
                side="source",
                field="user",
            )
    sequences = [h for h in hidden if h.kind == "sequence" and inventory.moves(h.schema_name, h.table_name)]
    if sequences:
        grants = [f"GRANT SELECT ON SEQUENCE {quote.qualified(h.schema_name, h.name)} TO {role};" for h in sequences]
        names = [f"{h.schema_name}.{h.name}" for h in sequences]
        yield found(
            Severity.block,
            f"The source's user cannot read {counted(len(names), 'sequence')}: {listed(names)}.",
            object=names[0],
            remedy=lines([*grants[:_LONG], _WHO]),
            side="source",
            field="user",
        )
    yield from _large_objects(inventory, role)


def _large_objects(inventory: Inventory, role: str) -> Findings:
    large = [h.name for h in inventory.source.hidden.get() if h.kind == "large object"]
    if large:
        yield found(
            Severity.block,
            f"The source's user cannot read {counted(len(large), 'large object')}: {listed(large)}.",
            object=large[0],
            remedy=lines([*(f"GRANT SELECT ON LARGE OBJECT {number} TO {role};" for number in large[:_LONG]), _WHO]),
            side="source",
            field="user",
        )


def measured(inventory: Inventory) -> str:
    return f"{counted(len(inventory.selected), 'table')} readable by {inventory.source.server.role}"


CHECK = PgCheck("source_rights", "Source user can read everything", find, measured)
