"""How texts compare in the target whose collation ignores case or accents in the source. Pure.

*plain*: every letter counts, as PostgreSQL does it. *icu*: a nondeterministic collation of ICU that ignores the same;
its rules are those of Unicode, which MySQL's older collations (`general_ci`) only come near. *citext*: case does not
count, accents do.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobs.engines.mysql.catalog import Column, Table
from jobs.engines.mysql.collations import traits
from jobs.engines.mysql_postgres import values
from jobs.engines.mysql_postgres.rules import Rules
from jobs.engines.postgres import quote

PLAIN, ICU, CITEXT_WORD, NEW = "plain", "icu", "citext", "new "
"""`new citext`: the extension is not there yet and the run makes it; so undoing takes away only what it made."""
CITEXT = "public.citext"
_LOCALES = {
    "mysql_ai_ci": "und-u-ks-level1",
    "mysql_as_ci": "und-u-ks-level2",
    "mysql_ai_cs": "und-u-kc-true-ks-level1",
}
"""Strengths of the Unicode Collation Algorithm: letters alone, with accents, letters and case."""


@dataclass(frozen=True)
class Able:
    """What the target offers. `citext`, `postgis`: the word by which it can be chosen, empty where it cannot be
    had, and `no_postgis` says why."""

    icu: bool = False
    citext: str = ""
    postgis: str = ""
    no_postgis: str = "PostgreSQL has no such type without PostGIS."

    @property
    def words(self) -> tuple[str, ...]:
        """What may be chosen, plain first."""
        return tuple(filter(None, (PLAIN, ICU if self.icu else "", self.citext)))


def called(column: Column) -> str:
    """The target's collation that ignores what the column's ignores; empty where everything counts."""
    if column.data_type not in values.TEXTS or not column.collation:
        return ""
    known = traits(column.collation)
    if known.binary or column.collation == "binary" or (known.case and known.accents):
        return ""
    return f"mysql_{'as' if known.accents else 'ai'}_{'cs' if known.case else 'ci'}"


def chosen(table: Table, column: Column, rules: Rules) -> str:
    """`icu` or `citext`; empty where every letter counts."""
    if not called(column):
        return ""
    word = rules.of_column("collation", table.name, column.name) or of_whole(table, column, rules)
    word = word.removeprefix(NEW)
    return "" if word == PLAIN else word


def of_whole(table: Table, column: Column, rules: Rules) -> str:
    """What the answer for the whole database means for a column; `… keys` speaks of columns of indexes only."""
    word = rules.whole("collations")
    if not word.endswith(" keys"):
        return word
    return word.removesuffix(" keys") if indexed(table, column) else PLAIN


def indexed(table: Table, column: Column) -> bool:
    """Columns of foreign keys are among them: the source has an index on each."""
    return any(part.column.lower() == column.name.lower() for index in table.indexes for part in index.parts)


def create(schema: str, name: str) -> tuple[str, str]:
    """SQL that makes one of our collations, and that takes it away."""
    quoted = quote.qualified(schema, name)
    made = f"create collation {quoted} (provider = icu, locale = {quote.text(_LOCALES[name])}, deterministic = false)"
    return made, f"drop collation if exists {quoted}"


def makes_citext(rules: Rules) -> bool:
    """Whether the run makes the extension: somebody chose it where it was not there."""
    return any(value.startswith(f"{NEW}{CITEXT_WORD}") for value in rules.answers.values())
