"""What some servers have and others do not: where the source uses it, and what becomes of it there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jobs.engines.mysql import conditional, quote, schema
from jobs.engines.mysql.catalog import Column, Table
from jobs.engines.mysql.flavour import Flavour


@dataclass(frozen=True)
class Feature:
    """`name` as in `flavour`, `words` for people, and where a table uses it."""

    name: str
    words: str
    uses: Callable[[Table], Iterator[str]]
    remedy: str


def _columns(test: Callable[[Column], bool]) -> Callable[[Table], Iterator[str]]:
    return lambda table: (f"{table.name}.{column.name}" for column in table.columns if test(column))


def _expressions(table: Table) -> Iterator[str]:
    return (f"{table.name}.{i.name}" for i in table.indexes if any(part.expression for part in i.parts))


def _checks(table: Table) -> Iterator[str]:
    return (f"{table.name}.{check.name}" for check in table.checks)


def _asleep(table: Table) -> Iterator[str]:
    return (f"{table.name}.{check.name}" for check in table.checks if not check.enforced)


def _ignored(table: Table) -> Iterator[str]:
    return (f"{table.name}.{index.name}" for index in table.indexes if index.ignored)


def _versioned(table: Table) -> Iterator[str]:
    return iter((table.name,) if table.versioned else ())


def srids(table: Table) -> Iterator[str]:
    """Columns that take geometries of one reference system only."""
    definitions = schema.take_apart(table.create).definitions if conditional.SRID in table.create else ()
    return (
        f"{table.name}.{column.name}"
        for column in table.columns
        for definition in definitions
        if definition.startswith(quote.name(column.name)) and conditional.srid(definition)
    )


FEATURES = (
    Feature("expression indexes", "indexes on expressions", _expressions, "Index a generated column instead."),
    Feature("invisible columns", "invisible columns", _columns(lambda c: c.invisible), "Make them visible."),
    Feature("checks", "CHECK constraints", _checks, "They would be read and forgotten: choose a newer target."),
    Feature(
        "enforced",
        "CHECK constraints that are not enforced",
        _asleep,
        "It would skip NOT ENFORCED in silence and refuse rows: drop them on the source, or enforce them.",
    ),
    Feature(
        "indexes out of use",
        "invisible or ignored indexes",
        _ignored,
        "Drop them on the source, or make them visible.",
    ),
    Feature("system versioning", "system-versioned tables", _versioned, "ALTER TABLE … DROP SYSTEM VERSIONING."),
    Feature(
        "uuid type",
        "columns of type UUID",
        _columns(lambda c: c.data_type == "uuid"),
        "Make them BINARY(16) or CHAR(36).",
    ),
    Feature(
        "inet6 type",
        "columns of type INET6",
        _columns(lambda c: c.data_type == "inet6"),
        "Make them VARBINARY(16) or VARCHAR(39).",
    ),
    Feature(
        "inet4 type",
        "columns of type INET4",
        _columns(lambda c: c.data_type == "inet4"),
        "Make them INT UNSIGNED or VARCHAR(15).",
    ),
)


def lacking(tables: tuple[Table, ...], target: Flavour) -> Iterator[tuple[Feature, list[str]]]:
    """Features that the tables use and the target does not have."""
    for feature in FEATURES:
        if not target.can(feature.name):
            used = [name for table in tables for name in feature.uses(table)]
            if used:
                yield feature, used
