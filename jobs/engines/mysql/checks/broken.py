"""Everything that moves can be described by its own server."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    for kind, name, error in _failed(inventory):
        yield found(
            Severity.block,
            f"The source cannot describe {kind} {name}: {error}.",
            object=name,
            remedy="Mend it (CHECK TABLE, REPAIR TABLE; ALTER or DROP VIEW), grant what is missing, or leave it out.",
            side="source",
        )


def _failed(inventory: Inventory) -> Iterator[tuple[str, str, str]]:
    catalog = inventory.source.catalog.get()
    yield from (("table", table.name, table.create_error) for table in inventory.selected if table.create_error)
    if inventory.options.scope is Scope.data_only:
        return
    yield from (("view", view.name, view.create_error) for view in catalog.views if view.create_error)
    yield from (("trigger", t.name, t.create_error) for t in catalog.triggers if t.create_error)
    yield from (("event", event.name, event.create_error) for event in catalog.events if event.create_error)


CHECK = MyCheck("broken", "Objects are whole", find, lambda _: "the source describes them all")
