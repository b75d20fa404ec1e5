"""Every value has a place in PostgreSQL, or a person said what becomes of it."""

from __future__ import annotations

from jobs.core.model import Finding, Severity
from jobs.core.questions import answer
from jobs.engines.mysql import quote
from jobs.engines.mysql_postgres import types
from jobs.engines.mysql_postgres.checks.base import Findings, PairCheck, found
from jobs.engines.mysql_postgres.inspect_values import Look
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.mysql_postgres.rules import key
from jobs.engines.mysql_postgres.values import said
from jobs.engines.shared.words import counted, listed


def find(inventory: Inventory) -> Findings:
    answers = {question.key: answer(question, inventory.options) for question in inventory.questions}
    unseen: list[Look] = []
    for look in inventory.looks.get():
        if look.about in ("type", "srid"):
            continue
        if look.rows is None:
            unseen.append(look)
        elif look.rows and look.about == "packet":
            yield _packet(look)
        elif look.rows:
            chosen = answers.get(key(look.about, look.table, look.column), "")
            yield _refused(inventory, look, chosen)
    if unseen:
        columns = list(dict.fromkeys(f"{look.label} ({look.reason})" for look in unseen))
        yield found(
            Severity.unknown,
            f"{counted(len(columns), 'column was', 'columns were')} not searched for values that PostgreSQL refuses:"
            f" {listed(columns)}.",
            object=unseen[0].label if len(columns) == 1 else "",
            remedy="Acknowledge it: such a value ends the run with an error that names its column; no row is lost.",
            side="source",
        )


def _refused(inventory: Inventory, look: Look, chosen: str) -> Finding:
    table = inventory.mine.source.catalog.get().by_name[look.table]
    column = table.column(look.column)
    fault = next(fault for fault in types.faults(table, column) if fault.about == look.about)
    rows = look.rows or 0
    what = f"{look.label} holds {counted(rows, fault.noun, fault.nouns)}, which PostgreSQL refuses."
    text = said(fault, chosen)
    query = f"SELECT * FROM {quote.name(look.table)} WHERE {fault.condition};"  # noqa: S608 - shown, not run
    return found(
        Severity.warn,
        f"{what} {text}: as chosen." if text else f"{what} The plan asks what becomes of them.",
        object=look.label,
        remedy=f"Answer the question in the plan, or mend the rows in the source. They are:\n{query}",
        side="source",
    )


def _packet(look: Look) -> Finding:
    return found(
        Severity.block,
        f"{look.label} holds {counted(look.rows or 0, 'value')} that the source cannot send as text in one packet.",
        object=look.label,
        remedy="SET GLOBAL max_allowed_packet = 1073741824;\n-- on the source, by an administrator; then check again",
        side="source",
    )


def measured(inventory: Inventory) -> str:
    return f"{counted(len({look.label for look in inventory.looks.get()}), 'column')} searched, nothing found"


CHECK = PairCheck("values", "PostgreSQL takes every value", find, measured)
