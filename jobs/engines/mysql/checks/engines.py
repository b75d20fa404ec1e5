"""The target has the storage engines of the tables that move, and rows are where their table is."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql import quote
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, lines, listed
from jobs.engines.mysql.inventory import Inventory

_ELSEWHERE = frozenset({"FEDERATED", "CONNECT", "SPIDER", "MRG_MYISAM", "BLACKHOLE", "S3", "OQGRAPH", "SPHINX"})
"""Tables of these show rows of another place, or none."""
_LONG = 20


def find(inventory: Inventory) -> Findings:
    known = {name.lower() for name in inventory.target.engines.get()}
    by_engine: dict[str, list[str]] = {}
    for table in inventory.selected:
        by_engine.setdefault(table.engine, []).append(table.name)
    for engine, tables in sorted(by_engine.items()):
        if engine and engine.lower() not in known and inventory.options.scope is not Scope.data_only:
            statements = [f"ALTER TABLE {quote.name(name)} ENGINE = InnoDB;" for name in tables[:_LONG]]
            yield found(
                Severity.block,
                f"The target has no storage engine {engine}, which {counted(len(tables), 'table')} use:"
                f" {listed(tables)}.",
                object=engine,
                remedy=lines([*statements, "-- on the source; or install the engine's plugin on the target"]),
                side="target",
            )
        elif engine.upper() in _ELSEWHERE:
            yield found(
                Severity.warn,
                f"{counted(len(tables), 'table')} of engine {engine} hold no rows of their own: {listed(tables)}.",
                object=engine,
                remedy="Leave them out, and make them anew on the target; or accept that what they show is copied.",
                side="source",
                field="exclude",
            )


def measured(inventory: Inventory) -> str:
    return listed(sorted({table.engine for table in inventory.selected if table.engine})) or "no table"


CHECK = MyCheck("engines", "Storage engines are there", find, measured)
