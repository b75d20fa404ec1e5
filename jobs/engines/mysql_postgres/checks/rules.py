"""The rules of ferrybot.yaml do what they say: one that does nothing is most likely a slip."""

from __future__ import annotations

from jobs.core.model import Finding, Severity
from jobs.engines.mysql_postgres import collations, types
from jobs.engines.mysql_postgres.checks import replacements
from jobs.engines.mysql_postgres.checks.base import Findings, PairCheck, found
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.mysql_postgres.rules import OF_COLUMNS, key, offer
from jobs.engines.shared.select import matches
from jobs.engines.shared.words import counted, listed

_REMEDY = "Mend the rule under to_postgresql in ferrybot.yaml, or acknowledge it."


def find(inventory: Inventory) -> Findings:
    asked = {question.key: question for question in inventory.questions}
    yield from replacements.find(inventory)
    for at, value in inventory.stated.pairs:
        if at.startswith(OF_COLUMNS):
            pattern = at.removeprefix(OF_COLUMNS)
            holds = [
                question
                for place in _columns(inventory, pattern)
                for about in ("type", "collation")
                if (question := asked.get(key(about, *place))) and offer(value, [question.default])
            ]
            if not holds:
                yield _useless(f"{pattern}: {value}", _why_idle(inventory, pattern))
        elif at in asked and not offer(value, (choice.value for choice in asked[at].choices)):
            offered = listed(choice.value for choice in asked[at].choices)
            yield _useless(f"{at}: {value}", f"here it can only be {offered}")
        elif at == "collations" and at not in asked and value != collations.PLAIN and _loose(inventory):
            yield _useless(f"{at}: {value}", "the target has neither ICU nor citext")


def _columns(inventory: Inventory, pattern: str) -> list[tuple[str, str]]:
    return [
        (table.name, column.name)
        for table in inventory.tables
        for column in table.columns
        if matches(pattern.lower(), (table.name.lower(), column.name.lower()))
    ]


def _loose(inventory: Inventory) -> bool:
    return any(collations.called(column) for table in inventory.tables for column in table.columns)


def _why_idle(inventory: Inventory, pattern: str) -> str:
    places = _columns(inventory, pattern)
    if not places:
        return "it names no column that moves"
    words = [
        word
        for table in inventory.tables
        for column in table.columns
        if (table.name, column.name) in places
        for word in (*types.words(table, column), *(inventory.able.words if collations.called(column) else ()))
    ]
    possible = listed(sorted(set(filter(None, words))))
    return f"{listed('.'.join(place) for place in places)} can be {possible}" if possible else "there is no choice"


def _useless(rule: str, why: str) -> Finding:
    return found(
        Severity.warn,
        f"The rule {rule} does nothing: {why}.",
        object=rule,
        remedy=_REMEDY,
        side="source",
    )


def measured(inventory: Inventory) -> str:
    return f"{counted(len(inventory.stated.pairs), 'rule')} of ferrybot.yaml"


CHECK = PairCheck("rules", "Rules for types hold", find, measured)
