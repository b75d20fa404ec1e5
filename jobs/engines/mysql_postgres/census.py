"""The census across the two: every object of the source is in the target as it should be, or is said to stay behind.

What should be there is derived from the source's catalog here once more, apart from the SQL that made it: an object
that the making of that SQL forgot is missed here. Pure, but for `found`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from jobs.core.verdict import Difference
from jobs.engines.mysql import quote as my
from jobs.engines.mysql.catalog import ForeignKey
from jobs.engines.mysql_postgres import names
from jobs.engines.mysql_postgres.ddl import Ddl
from jobs.engines.mysql_postgres.keys import IDENTITIES
from jobs.engines.mysql_postgres.shape import MovedColumn, MovedTable, Shape
from jobs.engines.postgres import wire
from jobs.engines.postgres.connect import Connection

Objects = dict[str, str]


@cache
def statements() -> dict[str, str]:
    """Kind -> the statement that lists the target's objects of it."""
    folder = files("jobs.engines.mysql_postgres").joinpath("sql")
    mine = folder.joinpath("mine.sql").read_text()
    pieces = re.split(r"^-- name: (.+)$", folder.joinpath("census.sql").read_text(), flags=re.M)[1:]
    return {kind: text.replace("{mine}", mine) for kind, text in zip(pieces[::2], pieces[1::2], strict=True)}


@dataclass
class Counted:
    """How many objects of each kind agree, and every one that does not."""

    agreed: list[tuple[str, int]] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


def found(target: Connection) -> dict[str, Objects]:
    """Kind -> name -> definition, as the target says it."""
    return {
        kind: {name or "": definition or "" for name, definition in wire.run(target, sql, lambda: None)}
        for kind, sql in statements().items()
    }


def compare(shape: Shape, ddl: Ddl, there: dict[str, Objects], refused: dict[str, str], *, empty: bool) -> Counted:
    """`refused`: views that the target did not take, and why. `empty`: the target was empty before the run."""
    counted = Counted()
    for kind, wanted in expected(shape, ddl).items():
        _add(counted, kind, wanted, there.get(kind, {}), refused, empty=empty)
    return counted


def expected(shape: Shape, ddl: Ddl) -> dict[str, Objects]:
    """Kind -> name -> definition, as the source's catalog and the rules want it."""
    left = {(entry.kind, entry.name) for entry in ddl.left if entry.gone}
    wanted: dict[str, Objects] = {kind: {} for kind in statements()}
    for table in shape.tables:
        place = f"{table.schema}.{table.name}"
        wanted["table"][place] = ""
        for column in table.columns:
            wanted["column"][f"{place}.{column.name}"] = _column(shape, table, column, left)
            if column.source.auto_increment and column.form.type in IDENTITIES:
                wanted["sequence"][f"{table.schema}.{sequence_name(table.name, column.name)}"] = ""
            if column.source.comment:
                wanted["comment"][f"{place}.{column.name}"] = _md5(column.source.comment)
        if table.source.comment:
            wanted["comment"][place] = _md5(table.source.comment)
        wanted["index"] |= dict(_indexes(table, ddl, left))
        wanted["check"] |= dict.fromkeys(_checks(shape, table, left), "")
        if any(column.source.on_update for column in table.columns):
            called = names.shorten(f"{table.name}_on_update")
            wanted["trigger"][f"{place}.{called}"] = "O"
            wanted["routine"][f"{table.schema}.{called}"] = ""
        for key in table.source.foreign_keys:
            if ("foreign key", f"{table.source.name}.{key.name}") not in left:
                called = names.shorten(shape.fold(key.name))
                wanted["foreign key"][f"{place}.{called}"] = _foreign_key(shape, table, key)
    for view in shape.catalog.views:
        if ("view", view.name) not in left:
            wanted["view"][f"{shape.schema}.{shape.fold(view.name)}"] = str(len(view.columns))
    _partitions(wanted, shape, ddl)
    for made in ddl.pre:
        if made.kind == "type":
            wanted["enum"][f"{shape.schema}.{made.name}"] = made.members
    return wanted


def _partitions(wanted: dict[str, Objects], shape: Shape, ddl: Ddl) -> None:
    """Partitions, in order, and collations."""
    for table in shape.tables:
        names_ = [made.name for made in ddl.pre if made.kind == "partition" and made.table == table.label]
        for number in range(len(table.cut.parts) if table.cut else 0):
            name = names_[number] if number < len(names_) else f"(partition {number + 1} of {table.name})"
            wanted["partition"][f"{table.schema}.{name}"] = table.name
        for column in table.columns:
            if column.form.collation:
                wanted["collation"][f"{shape.schema}.{column.form.collation}"] = ""


def _column(shape: Shape, table: MovedTable, column: MovedColumn, left: set[tuple[str, str]]) -> str:
    kind = long_name(column.form.type)
    if column.form.native:
        kind = "an enum"
    if column.form.collation:
        kind += f" collate {column.form.collation}"
    text = kind + ("" if column.nullable else " not null")
    if column.source.auto_increment and column.form.type in IDENTITIES:
        return text + " identity"
    if column.computed:
        return text + " generated"
    source = column.source
    given = source.default is not None and not (source.default.upper() == "NULL" and source.nullable)
    gone = ("default", f"{table.source.name}.{source.name}") in left
    return text + (" default" if given and not gone and not source.generated and not source.auto_increment else "")


def long_name(kind: str) -> str:
    """A type as PostgreSQL writes it."""
    word, bracket, rest = kind.partition("(")
    if word == "varchar":
        return f"character varying({rest}"
    if word in ("timestamp", "time") and not kind.endswith("time zone"):
        return f"{kind} without time zone"
    if word == "numeric" and bracket and "," not in rest:
        return f"numeric({rest[:-1]},0)"
    return kind


def _indexes(table: MovedTable, ddl: Ddl, left: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    made = [index for index in ddl.indexes if index.table == table.label]
    label = table.source.name
    gone = {name for kind, name in left if kind in ("index", "full-text index")}
    wanted = [index for index in table.source.indexes if f"{label}.{index.name}" not in gone]
    for number, index in enumerate(wanted):
        name = made[number].name if number < len(made) else f"(none for {index.name})"
        plain = all(part.column and part.prefix is None for part in index.parts)
        word = " primary" if index.primary and plain else " unique" if index.unique else ""
        width = 1 if index.kind == "FULLTEXT" else len(index.parts)
        yield f"{table.schema}.{name}", f"{table.name}{word} {width}"


def _checks(shape: Shape, table: MovedTable, left: set[tuple[str, str]]) -> Iterator[str]:
    place = f"{table.schema}.{table.name}"
    for check in table.source.checks:
        documents = [my.name(c.source.name) for c in table.columns if c.form.type in ("json", "jsonb")]
        typed = check.clause.lower().strip("() ") in {f"json_valid({name.lower()}" for name in documents}
        if not typed and ("check", f"{table.source.name}.{check.name}") not in left:
            yield f"{place}.{names.shorten(shape.fold(check.name))}"
    for column in table.columns:
        if column.form.longest:
            yield f"{place}.{names.shorten(f'{table.name}_{column.name}_length')}"
        if column.form.members and not column.form.native:
            yield f"{place}.{names.shorten(f'{table.name}_{column.name}_check')}"


_ACTIONS = {"CASCADE": "c", "SET NULL": "n", "SET DEFAULT": "d", "RESTRICT": "r", "NO ACTION": "a"}


def _foreign_key(shape: Shape, table: MovedTable, key: ForeignKey) -> str:
    other = shape.moved(key.other_table)
    assert other
    ours = ",".join(table.column(name).name for name in key.columns)
    theirs = ",".join(other.column(name).name for name in key.other_columns)
    return f"{other.name} ({ours}) ({theirs}) {_ACTIONS[key.on_update.upper()]}{_ACTIONS[key.on_delete.upper()]}"


def sequence_name(table: str, column: str) -> str:
    """As PostgreSQL makes it (makeObjectName): the longer of the two names gives way."""
    first, second, room = table.encode(), column.encode(), names.MOST_BYTES - len("_seq") - 1
    while len(first) + len(second) > room:
        if len(first) > len(second):
            first = first[:-1]
        else:
            second = second[:-1]
    return f"{first.decode(errors='ignore')}_{second.decode(errors='ignore')}_seq"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _add(
    counted: Counted, kind: str, wanted: Objects, there: Objects, refused: dict[str, str], *, empty: bool
) -> None:
    agreeing = 0
    for name in sorted(wanted):
        what = _difference(wanted[name], there.get(name))
        reason = refused.get(name.rpartition(".")[2]) if kind == "view" else None
        if what and reason:
            what = f"{what}: PostgreSQL refused it ({reason})"
        if what:
            counted.differences.append(Difference(kind=kind, name=name, what=what))
        agreeing += not what
    if empty:
        counted.differences += _unexpected(kind, wanted.keys(), there.keys())
    if wanted or there:
        counted.agreed.append((kind, agreeing))


def _difference(wanted: str, there: str | None) -> str:
    if there is None:
        return "missing on the target"
    if wanted.startswith("an enum") and there.endswith(wanted.removeprefix("an enum")):
        return ""
    return "" if wanted == there else f"expected {wanted or 'it as it is'}; target: {there or 'nothing of note'}"


def _unexpected(kind: str, wanted: Iterable[str], there: Iterable[str]) -> list[Difference]:
    return [
        Difference(kind=kind, name=name, what="unexpected on the target") for name in sorted(set(there) - set(wanted))
    ]
