"""The source's tables as they will be in the target: names, types and what is computed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from jobs.core.model import Options
from jobs.engines.mysql.catalog import Catalog, Column, Table
from jobs.engines.mysql_postgres import expressions, names, partitions, types
from jobs.engines.mysql_postgres.digest import Digest
from jobs.engines.mysql_postgres.expressions import Untranslated, Words
from jobs.engines.mysql_postgres.partitions import Cut, Whole
from jobs.engines.mysql_postgres.rules import Rules
from jobs.engines.mysql_postgres.types import Form, Unmapped
from jobs.engines.postgres import quote
from jobs.engines.postgres.select import matches, selected


@dataclass(frozen=True)
class MovedColumn:
    """`computed` is a generated column's expression for the target; empty where values are copied.

    `mended`: of each kind of values that were answered for, its name and the source's condition."""

    source: Column
    name: str
    form: Form
    nullable: bool
    computed: str = ""
    mended: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class MovedTable:
    """A table; `label` is the source's name of it, which plans and proofs say. `cut`: how it is partitioned, and
    `whole` why it is not, though the source's is."""

    source: Table
    database: str
    schema: str
    name: str
    columns: tuple[MovedColumn, ...]
    cut: Cut | None = None
    whole: str = ""

    @property
    def label(self) -> str:
        return f"{self.database}.{self.source.name}"

    @property
    def quoted(self) -> str:
        return quote.qualified(self.schema, self.name)

    def column(self, source_name: str) -> MovedColumn:
        """By the source's name. Raises StopIteration."""
        return next(c for c in self.columns if c.source.name.lower() == source_name.lower())

    @property
    def copied(self) -> tuple[MovedColumn, ...]:
        """Those whose values travel."""
        return tuple(c for c in self.columns if not c.computed)


@dataclass(frozen=True)
class Problem:
    """Why a table cannot be moved as it is."""

    about: str
    object: str
    what: str


@dataclass(frozen=True)
class _Choice:
    """A table as patterns choose it; a MySQL partition is not a table of its own."""

    key: tuple[str, str]
    table: Table
    parent: None = None


def chosen(catalog: Catalog, options: Options) -> list[Table]:
    """The tables that move, by name."""
    every = [_Choice((catalog.database, table.name), table) for table in catalog.tables]
    return [choice.table for choice in selected(every, options.include, options.exclude)]


def names_table(pattern: str, database: str, table: str) -> bool:
    return matches(pattern, (database, table))


@dataclass(frozen=True)
class Shape:
    """A catalog under rules."""

    catalog: Catalog
    options: Options
    rules: Rules

    @cached_property
    def schema(self) -> str:
        wish = self.rules.whole("schema")
        return "public" if wish == "public" else names.fold(self.catalog.database, self.rules.whole("names"))

    @cached_property
    def digest(self) -> Digest:
        return Digest.fitting(self.catalog.flavour)

    @cached_property
    def chosen(self) -> list[Table]:
        return chosen(self.catalog, self.options)

    @cached_property
    def _made(self) -> tuple[list[MovedTable], list[Problem], list[tuple[Table, Column, str]]]:
        tables: list[MovedTable] = []
        problems: list[Problem] = []
        plain: list[tuple[Table, Column, str]] = []
        for table in self.chosen:
            columns = []
            for column in table.columns:
                try:
                    columns.append(self._column(table, column, plain))
                except Unmapped as error:
                    label = f"{table.name}.{column.name}"
                    problems.append(Problem("type", label, str(error)))
            name = self.fold(table.name)
            moved = MovedTable(table, self.catalog.database, self.schema, name, tuple(columns))
            tables.append(self._partitioned(moved) if table.partitions else moved)
        return tables, problems, plain

    def _partitioned(self, table: MovedTable) -> MovedTable:
        if self.rules.whole("partitions") != "keep":
            return replace(table, whole="as chosen")
        try:
            return replace(table, cut=partitions.cut(table.source, table.column))
        except Whole as error:
            return replace(table, whole=str(error))
        except (StopIteration, ValueError) as error:
            return replace(table, whole=f"they were not understood ({type(error).__name__})")

    @property
    def tables(self) -> list[MovedTable]:
        """Every chosen table; a column without a type is missing in it and a problem."""
        return self._made[0]

    @property
    def problems(self) -> list[Problem]:
        return self._made[1] + list(self._misnamed())

    @property
    def not_computed(self) -> list[tuple[Table, Column, str]]:
        """Generated columns that arrive as plain ones, and why."""
        return self._made[2]

    def fold(self, name: str) -> str:
        return names.fold(name, self.rules.whole("names"))

    def moved(self, source_name: str) -> MovedTable | None:
        return next((t for t in self.tables if t.source.name == source_name), None)

    def words(self, table: Table | None = None) -> Words:
        """Names for the translation of an expression of this table, or of a view."""
        booleans = self._booleans([table] if table else [moved.source for moved in self.tables])
        travels = {t.name for t in self.chosen} | {v.name for v in self.catalog.views}
        return Words(
            booleans=booleans,
            known=frozenset(travels),
            schema=self.schema,
            database=self.catalog.database,
            fold=self.fold,
        )

    def _booleans(self, tables: Sequence[Table]) -> frozenset[str]:
        """Columns, by name, that are a boolean in each of these tables that has one of the name."""
        kinds: dict[str, set[bool]] = {}
        for table in tables:
            for column in table.columns:
                flag = types.kind(table, column, self.rules) == "boolean"
                kinds.setdefault(column.name.lower(), set()).add(flag)
        return frozenset(name for name, found in kinds.items() if found == {True})

    def _column(self, table: Table, column: Column, plain: list[tuple[Table, Column, str]]) -> MovedColumn:
        name = self.fold(column.name)
        form = types.form(table, column, quote.name(name), self.rules, self.digest)
        computed = ""
        if column.of_period:
            plain.append((table, column, "it is the time of a row's version"))
        elif column.generated and self.rules.of_column("generated", table.name, column.name) != "plain":
            try:
                computed = expressions.computed(column.expression, self.words(table), self._zoned(table))
            except Untranslated as error:
                plain.append((table, column, str(error)))
        elif column.generated:
            plain.append((table, column, "as chosen"))
        mended = tuple(
            (fault.about, fault.condition)
            for fault, answer in types.answered(table, column, self.rules)
            if not computed and self.rules.of_column(fault.about, table.name, column.name) == answer
        )
        return MovedColumn(column, name, form, types.nullable(table, column, self.rules), computed, mended)

    def _zoned(self, table: Table) -> list[str]:
        """Columns that become a timestamp with time zone."""
        return [c.name for c in table.columns if types.kind(table, c, self.rules) == "timestamptz"]

    def _misnamed(self) -> Iterator[Problem]:
        rule = self.rules.whole("names")
        called = [t.name for t in self.chosen] + [v.name for v in self.catalog.views]
        for group in names.collisions(called, rule):
            yield Problem("name", group[0], f"{', '.join(group)} become one name, {self.fold(group[0])}")
        for table in self.chosen:
            yield from self._long(table)
            yield from self._kept(table)
            for group in names.collisions((c.name for c in table.columns), rule):
                yield Problem("name", f"{table.name}.{group[0]}", f"{', '.join(group)} become one name")

    def _kept(self, table: Table) -> Iterator[Problem]:
        for column in table.columns:
            if self.fold(column.name) in names.OF_THE_SYSTEM:
                yield Problem("name", f"{table.name}.{column.name}", "PostgreSQL keeps this column's name for itself")

    def _long(self, table: Table) -> Iterator[Problem]:
        for label, name in [(table.name, table.name), *((f"{table.name}.{c.name}", c.name) for c in table.columns)]:
            if names.too_long(self.fold(name)):
                size = len(self.fold(name).encode())
                yield Problem("name", label, f"its name has {size} bytes, PostgreSQL takes {names.MOST_BYTES}")


def labels(tables: Sequence[MovedTable]) -> list[str]:
    return [table.label for table in tables]
