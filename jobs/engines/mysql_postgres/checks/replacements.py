"""The values that ferrybot.yaml names in the place of others fit the columns: else nothing starts."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.core.model import Finding, Severity
from jobs.engines.mysql.catalog import Column, Table
from jobs.engines.mysql_postgres import own, types
from jobs.engines.mysql_postgres.checks.base import Findings, found
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.mysql_postgres.replaced import BEYOND, becomes, fitting, tied
from jobs.engines.mysql_postgres.rules import OF_VALUES
from jobs.engines.shared.select import matches


def find(inventory: Inventory) -> Findings:
    """Part of the check of rules."""
    for at, value in inventory.stated.pairs:
        if at.startswith(OF_VALUES):
            about, _, pattern = at.removeprefix(OF_VALUES).partition(":")
            yield from _of_rule(inventory, about, pattern, value)


def _of_rule(inventory: Inventory, about: str, pattern: str, value: str) -> Findings:
    rule = f"{pattern}: {about}"
    places = list(_places(inventory, about, pattern))
    if not places:
        yield found(
            Severity.warn,
            f"The rule {rule} does nothing: no column that moves and is named so can hold such values.",
            object=rule,
            remedy="Mend the rule under to_postgresql, values, in ferrybot.yaml, or acknowledge it.",
            side="source",
        )
    for table, column in places:
        label = f"{table.name}.{column.name}"
        if "*" in pattern and not _needed(inventory, about, table, column):
            continue
        if about == BEYOND and (name := tied(table, column)):
            remedy = "Take the rule away: the wider type holds them all."
            yield _blocked(rule, label, f"key {name} forbids it", remedy)
        elif why := _unfit(inventory, about, table, column, value):
            yield _blocked(rule, label, why, "Mend it under to_postgresql, values, in ferrybot.yaml.")


def _blocked(rule: str, label: str, why: str, remedy: str) -> Finding:
    return found(
        Severity.block,
        f"What the rule {rule} names cannot take the place of values of {label}: {why}.",
        object=rule,
        remedy=f"{remedy} Then run the checks again; nothing was changed.",
        side="source",
    )


def _places(inventory: Inventory, about: str, pattern: str) -> Iterator[tuple[Table, Column]]:
    for table in inventory.tables:
        for column in table.columns:
            if matches(pattern.lower(), (table.name.lower(), column.name.lower())) and any(
                fault.about == about for fault in types.faults(table, column)
            ):
                yield table, column


def _needed(inventory: Inventory, about: str, table: Table, column: Column) -> bool:
    """Such values are there, or nobody looked."""
    counted = "type" if about == BEYOND else about
    looks = {(look.table, look.column, look.about): look.rows for look in inventory.looks.value or ()}
    return looks.get((table.name, column.name, counted)) != 0


def _unfit(inventory: Inventory, about: str, table: Table, column: Column, value: str) -> str:
    """Why the column does not take the value; of several rules that name it, one that fits is enough."""
    variants = types.variants(column)
    word = becomes(table, column, inventory.questions, inventory.wish)
    if about == BEYOND and variants is not None:
        word = variants.first
    if fitting(table, column, about, word, inventory.wish) is not None:
        return ""
    try:
        own.fitted(about, column, word, types.members(column), value)
    except own.Unfit as error:
        return str(error)
    return ""
