"""The target can read XML where the source's tables hold some, or its definitions use some."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.facts import Oddity
from jobs.engines.postgres.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    needs = _needs(inventory)
    if not needs or inventory.target.xml.get():
        return
    columns = [need.label for need in needs if need.note == "column"]
    others = [f"{need.note} {need.label}" for need in needs if need.note != "column"]
    if columns:
        yield found(
            Severity.block,
            f"The target was built without XML support; {counted(len(columns), 'XML column')}: {listed(columns)}.",
            object=columns[0],
            remedy="Choose a target that was built with libxml, or make the columns text on the source.",
            side="target",
            field="target",
        )
    if others:
        yield found(
            Severity.block,
            f"The target was built without XML support, which these use: {listed(others)}.",
            object=others[0],
            remedy="Choose a target that was built with libxml, or drop these on the source.",
            side="target",
            field="target",
        )


def _needs(inventory: Inventory) -> list[Oddity]:
    """Into a schema that is there already only rows travel."""
    columns_only = inventory.options.scope is Scope.data_only
    return [
        need
        for need in inventory.source.build_needs.get()
        if need.kind == "xml"
        and inventory.moves(need.schema_name, need.table_name)
        and not (columns_only and (need.note != "column" or not need.table_name))
    ]


def measured(inventory: Inventory) -> str:
    return counted(sum(need.note == "column" for need in _needs(inventory)), "XML column")


CHECK = PgCheck("xml", "XML is supported", find, measured)
