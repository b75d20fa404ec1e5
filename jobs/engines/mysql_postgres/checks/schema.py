"""The schema has a form in PostgreSQL; what changes and what stays behind is said."""

from __future__ import annotations

from collections import defaultdict

from jobs.core.model import Scope, Severity
from jobs.core.questions import answer
from jobs.engines.mysql.catalog import Index
from jobs.engines.mysql_postgres import collations, types
from jobs.engines.mysql_postgres.checks.base import Findings, PairCheck, found
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.mysql_postgres.rules import key
from jobs.engines.mysql_postgres.shape import MovedColumn, MovedTable, Problem
from jobs.engines.shared.words import counted, listed


def _types(inventory: Inventory) -> Findings:
    for problem in _problems(inventory, "type"):
        table, _, column = problem.object.partition(".")
        asked = any(q.key == key("type", table, column) for q in inventory.questions)
        yield found(
            Severity.warn if asked else Severity.block,
            f"{problem.object} has no type in PostgreSQL: {problem.what}.",
            object=problem.object,
            remedy="Answer the question in the plan, leave the table out, or change the column's type in the source."
            if asked
            else "Leave the table out, or change the column's type in the source.",
            side="source",
        )


def _problems(inventory: Inventory, about: str) -> list[Problem]:
    return [problem for problem in inventory.made[0].problems if problem.about == about]


def _names(inventory: Inventory) -> Findings:
    for problem in _problems(inventory, "name"):
        yield found(
            Severity.block,
            f"{problem.object}: {problem.what}.",
            object=problem.object,
            remedy="Rename it in the source, or leave the table out. Names that differ in case only may keep their"
            " capitals: a question of the plan offers it.",
            side="source",
        )


def _variants(inventory: Inventory) -> Findings:
    """Types that depend on values."""
    columns = {f"{t.name}.{c.name}": c for t in inventory.tables for c in t.columns}
    for look in inventory.looks.get():
        variants = types.variants(columns[look.label]) if look.about == "type" else None
        if variants is None or look.rows == 0:
            continue
        question = next((q for q in inventory.questions if q.key == key("type", look.table, look.column)), None)
        chosen = answer(question, inventory.options) if question else variants.second
        seen = counted(look.rows, "row") if look.rows is not None else f"nobody looked, {look.reason}"
        yield found(
            Severity.warn,
            f"{look.label} {variants.why} ({seen}): it becomes {_spoken(chosen, variants.first)}.",
            object=look.label,
            remedy="Acknowledge it, or answer the question in the plan otherwise.",
            side="source",
        )


def _spoken(chosen: str, first: str) -> str:
    return "boolean: every number but 0 is true" if chosen == first == "boolean" else f"{chosen} instead of {first}"


def _collations(inventory: Inventory) -> Findings:
    """Uniqueness without case or accents is not PostgreSQL's, unless it was chosen so."""
    loose: dict[str, list[str]] = defaultdict(list)
    for table in inventory.made[0].tables:
        for index in table.source.indexes:
            for collation in _insensitive(table, index):
                loose[collation].append(f"{table.source.name}.{index.name}")
    if loose:
        indexes = sorted({name for found_ in loose.values() for name in found_})
        yield found(
            Severity.warn,
            f"For {counted(len(indexes), 'unique key')} of the source texts are equal that differ in case or accents"
            f" only ({listed(sorted(loose), 3)}): {listed(indexes)}. In PostgreSQL they are different, and searches"
            " tell them apart too.",
            object=indexes[0],
            remedy="Acknowledge it; or answer the question how texts compare, where the plan has it; or add a unique"
            " index on lower(column) afterwards.",
            side="source",
        )


def _insensitive(table: MovedTable, index: Index) -> set[str]:
    """Collations of a unique key that ignore more than the target's texts will."""
    if not index.unique:
        return set()
    columns = [c for c in table.columns for part in index.parts if part.column.lower() == c.source.name.lower()]
    return {column.source.collation for column in columns if _looser(column)}


def _looser(column: MovedColumn) -> bool:
    ignores = collations.called(column.source)
    if column.form.type == collations.CITEXT:
        return ignores != "mysql_as_ci"  # case does not count there, accents do
    return bool(ignores) and not column.form.collation and column.form.type != "uuid"


_QUIET = frozenset({"partitioning"})


def _left(inventory: Inventory) -> Findings:
    if inventory.options.scope is Scope.data_only:
        return
    for left in inventory.made[1].left:
        program = left.kind in ("trigger", "procedure", "function", "event", "package", "package body", "sequence")
        severity = Severity.inform if program or left.kind in _QUIET or not left.gone else Severity.warn
        yield found(
            severity,
            str(left),
            object=left.name,
            remedy="Make it by hand on the target after the move." if left.gone else "",
            side="source",
        )


def _measured_left(inventory: Inventory) -> str:
    return "every object has a form in PostgreSQL"


TYPES = PairCheck("types", "Every column has a type", _types, lambda i: counted(_columns(i), "column"))
NAMES = PairCheck("names", "Names fit and do not collide", _names, lambda i: counted(len(i.tables), "table"))
VARIANTS = PairCheck("variants", "Numbers and times fit their types", _variants, lambda _: "all values fit")
COLLATIONS = PairCheck("collations", "Unique means the same", _collations, lambda _: "case and accents count")
LEFT = PairCheck("left", "Nothing stays behind", _left, _measured_left)


def _columns(inventory: Inventory) -> int:
    return sum(len(table.columns) for table in inventory.tables)
