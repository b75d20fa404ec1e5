"""Questions about values that PostgreSQL refuses: what takes their place, as the file or a person says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs.core.model import Question
from jobs.core.questions import answer
from jobs.engines.mysql.catalog import Column, Table
from jobs.engines.mysql_postgres import own, types
from jobs.engines.mysql_postgres.choices import Wish
from jobs.engines.mysql_postgres.inspect_values import Look
from jobs.engines.mysql_postgres.rules import key
from jobs.engines.mysql_postgres.values import Fault
from jobs.engines.shared.words import counted

Counts = dict[tuple[str, str, str], Look]
"""By table, column and what was counted."""

BEYOND = "out of range"


def becomes(table: Table, column: Column, of_type: Sequence[Question], wish: Wish) -> str:
    """The word for the column's type, as its question will be answered."""
    at = key("type", table.name, column.name)
    asked = next((question for question in of_type if question.key == at), None)
    return answer(asked, wish.options) if asked else types.kind(table, column, wish.rules)


def tied(table: Table, column: Column) -> str:
    """The key that forbids to change numbers and times of this column; empty where none does.

    Ranges of a key select the same rows on both sides, and both ends of a foreign key stay as they are."""
    indexes = [(i.name, [p.column for p in i.parts]) for i in table.indexes if i.unique]
    keys = [*indexes, *((foreign.name, foreign.columns) for foreign in table.foreign_keys)]
    named = column.name.lower()
    return next((name for name, columns in keys if named in [c.lower() for c in columns]), "")


def narrowed(table: Table, column: Column, wish: Wish) -> bool:
    """The file names what takes the place of numbers or times beyond the narrower type, and they fit it."""
    variants = types.variants(column)
    if variants is None or tied(table, column):
        return False
    return bool(fitting(table, column, BEYOND, variants.first, wish))


def fitting(table: Table, column: Column, about: str, word: str, wish: Wish) -> str | None:
    """The first value of the file that the column takes, as it will be written; None where there is none."""
    for value in wish.stated.replacements(about, table.name, column.name):
        try:
            return own.fitted(about, column, word, types.members(column), value)
        except own.Unfit:
            continue
    return None


def of_values(table: Table, column: Column, counts: Counts, wish: Wish, word: str) -> Iterator[Question]:
    """A question about each kind of such values that was found; where nobody looked, if the file names a value.

    `word`: what the column becomes."""
    for fault in types.faults(table, column):
        look = counts.get((table.name, column.name, "type" if fault.about == BEYOND else fault.about))
        if fault.about == BEYOND and not narrowed(table, column, wish):
            continue
        variants = types.variants(column)
        kind = variants.first if fault.about == BEYOND and variants is not None else word
        named = fitting(table, column, fault.about, kind, wish)
        if look is not None and look.rows is not None and not look.rows:
            continue
        if named is None and (look is None or look.rows is None):
            continue
        yield _question(table, column, fault, look.rows if look else None, named)


def _question(table: Table, column: Column, fault: Fault, rows: int | None, named: str | None) -> Question:
    number = "nobody looked" if rows is None else counted(rows, fault.noun, fault.nouns)
    offered = tuple(
        choice for choice in fault.choices if choice.value != "null" or not _of_primary_key(table, column)
    )
    choices = offered if named is None else (own.choice(named), *offered)
    narrow = "Only if the column becomes the narrower type." if fault.about == BEYOND else ""
    return Question(
        key=key(fault.about, table.name, column.name),
        title=f"{fault.about.capitalize()} in {table.name}.{column.name}: {number}. What becomes of them?",
        choices=choices,
        default="" if named is None else own.SIGN + named,
        detail=(narrow or "PostgreSQL refuses such a value. Or mend the rows in the source and run the checks again.")
        + (" NULL makes the column take NULL." if not column.nullable and offered == fault.choices else ""),
    )


def _of_primary_key(table: Table, column: Column) -> bool:
    """A primary key takes no NULL."""
    key = table.primary_key
    return key is not None and column.name.lower() in [part.column.lower() for part in key.parts]
