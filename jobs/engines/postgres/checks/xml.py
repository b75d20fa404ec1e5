"""The target can read XML where the source's tables hold some."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.inventory import Inventory

_XML = 142
"""pg_type.oid of xml, the same in every version."""


def find(inventory: Inventory) -> Findings:
    columns = _columns(inventory)
    if columns and not inventory.target.xml.get():
        yield found(
            Severity.block,
            f"The target was built without XML support; {counted(len(columns), 'XML column')}: {listed(columns)}.",
            object=columns[0],
            remedy="Choose a target that was built with libxml, or make the columns text on the source.",
            side="target",
            field="target",
        )


def _columns(inventory: Inventory) -> list[str]:
    return [
        f"{c.schema_name}.{c.table_name}.{c.name}"
        for c in inventory.source.columns.get()
        if _XML in (c.base, c.element) and (c.schema_name, c.table_name) in inventory.selected_keys
    ]


def measured(inventory: Inventory) -> str:
    return counted(len(_columns(inventory)), "XML column")


CHECK = PgCheck("xml", "XML is supported", find, measured)
