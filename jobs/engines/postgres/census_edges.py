"""The census of what pg_dump does not carry: settings of the database, and rows in tables of extensions."""

from __future__ import annotations

from typing import Protocol

from jobs.core.model import Options, Scope
from jobs.core.verdict import Difference
from jobs.engines.postgres import configuration, settings
from jobs.engines.postgres.connect import Connection


class _Counted(Protocol):
    agreed: list[tuple[str, int]]
    differences: list[Difference]
    unchecked: list[str]

    def add(self, kind: str, source: dict[str, str], target: dict[str, str]) -> None: ...


def count(counted: _Counted, source: Connection, target: Connection, options: Options) -> None:
    """Adds to what the census counted; the source within its snapshot."""
    if options.scope is not Scope.data_only:
        counted.add("database setting", *settings.compared(source, target, roles=options.keep_grants))
    if options.scope is not Scope.schema_only:
        agreed, differences, unchecked = configuration.compare(source, target)
        counted.agreed += [("extension's table", agreed)] if agreed or differences else []
        counted.differences += differences
        counted.unchecked += unchecked
