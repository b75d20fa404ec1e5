"""The schema as SQL for PostgreSQL: what is made before the rows, and what must not see them arrive. Pure.

Everything that cannot be said, or is said differently, becomes a `Left` with its reason: nothing vanishes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jobs.core.model import Options
from jobs.engines.mysql.catalog import Catalog, CheckConstraint, ForeignKey, Index, Part
from jobs.engines.mysql_postgres import collations, expressions, names, spatial, views
from jobs.engines.mysql_postgres.defaults import default, now
from jobs.engines.mysql_postgres.expressions import Untranslated
from jobs.engines.mysql_postgres.keys import IDENTITIES, orphans, spoken, unique, unlike
from jobs.engines.mysql_postgres.rules import Rules
from jobs.engines.mysql_postgres.shape import MovedColumn, MovedTable, Shape
from jobs.engines.postgres import quote


@dataclass(frozen=True)
class Left:
    """What stays behind or arrives otherwise: `gone` says which."""

    kind: str
    name: str
    why: str
    gone: bool = True

    def __str__(self) -> str:
        return f"{self.kind.capitalize()} {self.name} {'stays behind' if self.gone else 'changes'}: {self.why}."


@dataclass(frozen=True)
class Made:
    """One object and its SQL. `drop` takes it away again; `table` is the label of the table that it belongs to."""

    kind: str
    name: str
    sql: str
    drop: str = ""
    table: str = ""
    orphans: str = ""
    bytes: int = 0
    quoted: str = ""
    members: str = ""


@dataclass
class Ddl:
    """All of it. `identities`: (table, column, next value) of columns that count by themselves."""

    pre: list[Made] = field(default_factory=list)
    indexes: list[Made] = field(default_factory=list)
    foreign_keys: list[Made] = field(default_factory=list)
    post: list[Made] = field(default_factory=list)
    views: list[Made] = field(default_factory=list)
    identities: list[tuple[MovedTable, MovedColumn, int]] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


def build(catalog: Catalog, options: Options, rules: Rules) -> tuple[Shape, Ddl]:
    """The shape of a catalog under rules, and its SQL."""
    shape = Shape(catalog, options, rules)
    return shape, _Builder(shape).build()


class _Builder:
    def __init__(self, shape: Shape) -> None:
        self.shape, self.out = shape, Ddl()
        self.taken = names.Taken([t.name for t in shape.tables] + [shape.fold(v.name) for v in shape.catalog.views])

    def build(self) -> Ddl:
        if self.shape.schema != "public":
            schema = quote.name(self.shape.schema)
            self.out.pre.append(
                Made("schema", self.shape.schema, f"create schema {schema}", f"drop schema if exists {schema}")
            )
        self._comparing()
        for source, column, why in self.shape.not_computed:
            label = f"{source.name}.{column.name}"
            self._left("generated column", label, f"its values are copied, its expression is not: {why}", gone=False)
        for table in self.shape.tables:
            self._table(table)
        for table in self.shape.tables:
            self._indexes(table)
            self._checks(table)
            self._updates(table)
            self._comments(table)
        for table in self.shape.tables:
            for key in table.source.foreign_keys:
                self._foreign_key(table, key)
        self._views()
        self._programs()
        return self.out

    def _comparing(self) -> None:
        """What texts need that compare without case or accents."""
        forms = [column.form for table in self.shape.tables for column in table.columns]
        if any(form.type == collations.CITEXT for form in forms) and collations.makes_citext(self.shape.rules):
            sql = "create extension citext with schema public"
            self.out.pre.append(Made("extension", "citext", sql, "drop extension if exists citext"))
        if any(form.type.startswith("public.geometry") for form in forms) and spatial.makes_postgis(self.shape.rules):
            sql = "create extension postgis with schema public"
            self.out.pre.append(Made("extension", "postgis", sql, "drop extension if exists postgis"))
        for name in sorted({form.collation for form in forms} - {""}):
            self.out.pre.append(Made("collation", name, *collations.create(self.shape.schema, name)))

    def _left(self, kind: str, name: str, why: str, *, gone: bool = True) -> None:
        self.out.left.append(Left(kind, name, why, gone))

    def _table(self, table: MovedTable) -> None:
        lines = [self._column(table, column) for column in table.columns]
        checks = [line for column in table.columns if (line := self._members(table, column))]
        body = ",\n    ".join([*lines, *checks])
        cut = table.cut.clause if table.cut else ""
        made = Made(
            "table",
            table.name,
            f"create table {table.quoted} (\n    {body}\n){cut}",
            f"drop table if exists {table.quoted}",
            table.label,
        )
        self.out.pre.append(made)
        self._partitions(table)
        if table.source.versioned:
            self._left("row history", table.source.name, "the rows of today travel, earlier versions do not")

    def _partitions(self, table: MovedTable) -> None:
        if table.whole:
            why = f"the rows live in one table: {table.whole}"
            return self._left("partitioning", table.source.name, why, gone=False)
        if table.cut is None:
            return None
        if table.cut.note:
            self._left("partitioning", table.source.name, table.cut.note, gone=False)
        for part, bound in table.cut.parts:
            name = self.taken.free(f"{table.name}_{self.shape.fold(part)}", table.name)
            quoted = quote.qualified(table.schema, name)
            # Gone with its table: it needs no drop of its own.
            sql = f"create table {quoted} partition of {table.quoted} {bound}"
            self.out.pre.append(Made("partition", name, sql, table=table.label))
        return None

    def _column(self, table: MovedTable, column: MovedColumn) -> str:
        source, kind = column.source, column.form.type
        if column.form.native:
            kind = self._enum(table, column)
        line = f"{quote.name(column.name)} {kind}"
        if column.form.collation:
            line += f" collate {quote.qualified(self.shape.schema, column.form.collation)}"
        if column.computed:
            # A comparison is a boolean, which only integer takes and gives.
            made = "::integer" if source.column_type.lower().startswith("tinyint(1)") else ""
            line += f" generated always as (({column.computed}){made}::{kind}) stored"
        if not column.nullable:
            line += " not null"
        if source.auto_increment and kind in IDENTITIES:
            line += " generated by default as identity"
            self.out.identities.append((table, column, table.source.auto_increment or 1))
        elif source.auto_increment:
            self._left("counting", f"{table.source.name}.{source.name}", f"{kind} cannot be an identity", gone=False)
        return line + self._default(table, column)

    def _default(self, table: MovedTable, column: MovedColumn) -> str:
        if column.computed:
            return ""
        try:
            words = self.shape.words(table.source)
            text = default(column.source, column.form, self.shape.catalog.flavour, words)
        except Untranslated as error:
            self._left("default", f"{table.source.name}.{column.source.name}", str(error))
            return ""
        return f" default {text}" if text else ""

    def _enum(self, table: MovedTable, column: MovedColumn) -> str:
        name = self.taken.free(f"{table.name}_{column.name}", table.name)
        quoted = quote.qualified(self.shape.schema, name)
        members = ", ".join(quote.text(member) for member in column.form.members)
        self.out.pre.append(
            Made(
                "type",
                name,
                f"create type {quoted} as enum ({members})",
                f"drop type if exists {quoted}",
                members=",".join(column.form.members),
            )
        )
        return quoted

    def _members(self, table: MovedTable, column: MovedColumn) -> str:
        if column.form.longest:
            name, letters = names.shorten(f"{table.name}_{column.name}_length"), f"{quote.name(column.name)}::text"
            return f"constraint {quote.name(name)} check (char_length({letters}) <= {column.form.longest})"
        if not column.form.members or column.form.native:
            return ""
        members = ", ".join(quote.text(member) for member in column.form.members)
        name = names.shorten(f"{table.name}_{column.name}_check")
        return f"constraint {quote.name(name)} check ({quote.name(column.name)} in ({members}))"

    def _indexes(self, table: MovedTable) -> None:
        known = {column.source.name.lower() for column in table.columns}
        for index in table.source.indexes:
            label = f"{table.source.name}.{index.name}"
            if any(part.column and part.column.lower() not in known for part in index.parts):
                self._left("index", label, "its column has no type in PostgreSQL until the question is answered")
                continue
            try:
                self._index(table, index)
            except Untranslated as error:
                self._left("index", label, str(error))

    def _index(self, table: MovedTable, index: Index) -> None:
        if index.kind in ("FULLTEXT", "SPATIAL", "RTREE"):
            return self._unusual(table, index)
        plain = all(part.column and part.prefix is None for part in index.parts)
        columns = [table.column(part.column) for part in index.parts if part.column]
        if any(column.form.type == "json" for column in columns):
            raise Untranslated("PostgreSQL cannot sort json")
        wish = f"{table.name}_pkey" if index.primary else self.shape.fold(index.name)
        name = self.taken.free(wish, table.name)
        size = table.source.index_bytes // max(1, len(table.source.indexes))
        drop = f"drop index if exists {quote.qualified(table.schema, name)}"
        if plain and index.unique:
            word = "primary key" if index.primary else "unique"
            listed = quote.names([column.name for column in columns])
            sql = f"alter table {table.quoted} add constraint {quote.name(name)} {word} ({listed})"
            kind = word
        else:
            parts = ", ".join(self._part(table, part) for part in index.parts)
            unique = "unique " if index.unique else ""
            sql = f"create {unique}index {quote.name(name)} on {table.quoted} ({parts})"
            kind = "index"
            if index.primary:
                self._left(
                    "primary key", table.source.name, "a key on prefixes arrives as a unique index", gone=False
                )
        self.out.indexes.append(Made(kind, name, sql, drop, table.label, bytes=size))
        return None

    def _part(self, table: MovedTable, part: Part) -> str:
        down = " desc" if part.descending else ""
        if part.expression:
            return f"(({expressions.expression(part.expression, self.shape.words(table.source))})){down}"
        column = table.column(part.column)
        name = quote.name(column.name)
        if part.prefix is None:
            return name + down
        if column.form.type == "bytea":
            return f"substring({name} from 1 for {part.prefix}){down}"
        return f"left({name}, {part.prefix}){down}" if column.form.type not in _WITHOUT_PREFIX else _unsortable()

    def _unusual(self, table: MovedTable, index: Index) -> None:
        label = f"{table.source.name}.{index.name}"
        if index.kind != "FULLTEXT":
            return self._spatial(table, index, label)
        # citext's own operators are out of sight of an index.
        columns = [f"{quote.name(table.column(part.column).name)}::text" for part in index.parts]
        texts = " || ' ' || ".join(f"coalesce({column}, '')" for column in columns)
        name = self.taken.free(self.shape.fold(index.name), table.name)
        sql = f"create index {quote.name(name)} on {table.quoted} using gin (to_tsvector('simple', {texts}))"
        if self.shape.rules.whole("fulltext") != "gin":
            return self._left("full-text index", label, f"queries must be rewritten for it; one that serves: {sql}")
        drop = f"drop index if exists {quote.qualified(table.schema, name)}"
        self.out.indexes.append(Made("index", name, sql, drop, table.label))
        return self._left(
            "full-text index", label, "it is a GIN index now; queries say @@ instead of MATCH", gone=False
        )

    def _spatial(self, table: MovedTable, index: Index, label: str) -> None:
        column = table.column(index.parts[0].column)
        if not column.form.type.startswith("public.geometry"):
            return self._left("index", label, "spatial indexes need PostGIS")
        name = self.taken.free(self.shape.fold(index.name), table.name)
        sql = f"create index {quote.name(name)} on {table.quoted} using gist ({quote.name(column.name)})"
        drop = f"drop index if exists {quote.qualified(table.schema, name)}"
        self.out.indexes.append(Made("index", name, sql, drop, table.label))
        return None

    def _checks(self, table: MovedTable) -> None:
        valid = {f"json_valid(`{c.source.name}`)".lower() for c in table.columns if c.form.type in ("json", "jsonb")}
        for check in table.source.checks:
            if check.clause.lower().strip("() ") in {text.strip("() ") for text in valid}:
                continue  # the type itself says so
            self._check(table, check)

    def _check(self, table: MovedTable, check: CheckConstraint) -> None:
        label = f"{table.source.name}.{check.name}"
        if not check.enforced:
            return self._left("check", label, "it is not enforced in the source")
        try:
            text = expressions.expression(check.clause, self.shape.words(table.source))
        except Untranslated as error:
            return self._left("check", label, str(error))
        name = quote.name(names.shorten(self.shape.fold(check.name)))
        sql = f"alter table {table.quoted} add constraint {name} check ({text})"
        self.out.post.append(Made("check", label, sql, table=table.label))
        return None

    def _updates(self, table: MovedTable) -> None:
        """ON UPDATE CURRENT_TIMESTAMP: set unless the statement set it, and only when the row changes."""
        columns = [column for column in table.columns if column.source.on_update]
        if not columns:
            return
        name = names.shorten(f"{table.name}_on_update")
        function, trigger = quote.qualified(table.schema, name), quote.name(name)
        sets = "\n".join(
            f"        if new.{c} is not distinct from old.{c} then new.{c} := {moment}; end if;"
            for c, moment in ((quote.name(column.name), now(column.source, column.form)) for column in columns)
        )
        body = f"begin\n    if new is distinct from old then\n{sets}\n    end if;\n    return new;\nend"
        sql = (
            f"create function {function}() returns trigger language plpgsql as {quote.text(body)};\n"
            f"create trigger {trigger} before update on {table.quoted} for each row execute procedure {function}()"
        )
        drop = f"drop trigger if exists {trigger} on {table.quoted}; drop function if exists {function}()"
        self.out.post.append(Made("trigger", name, sql, drop, table.label))

    def _comments(self, table: MovedTable) -> None:
        if table.source.comment:
            sql = f"comment on table {table.quoted} is {quote.text(table.source.comment)}"
            self.out.post.append(Made("comment", table.name, sql, table=table.label))
        for column in table.columns:
            if column.source.comment:
                on = f"{table.quoted}.{quote.name(column.name)}"
                sql = f"comment on column {on} is {quote.text(column.source.comment)}"
                self.out.post.append(Made("comment", f"{table.name}.{column.name}", sql, table=table.label))

    def _foreign_key(self, table: MovedTable, key: ForeignKey) -> None:
        label = f"{table.source.name}.{key.name}"
        other = self.shape.moved(key.other_table) if key.other_database == self.shape.catalog.database else None
        if other is None:
            return self._left("foreign key", label, f"{key.other_database}.{key.other_table} does not travel")
        if not unique(other, key.other_columns):
            columns = ", ".join(key.other_columns)
            return self._left("foreign key", label, f"no unique key of {other.source.name} is on ({columns})")
        ours = [table.column(name) for name in key.columns]
        theirs = [other.column(name) for name in key.other_columns]
        odd = next((f"{spoken(a)} and {spoken(b)}" for a, b in zip(ours, theirs, strict=True) if unlike(a, b)), "")
        if odd:
            return self._left("foreign key", label, f"its columns became {odd}")
        name = names.shorten(self.shape.fold(key.name))
        sql = (
            f"alter table {table.quoted} add constraint {quote.name(name)}"
            f" foreign key ({quote.names([c.name for c in ours])})"
            f" references {other.quoted} ({quote.names([c.name for c in theirs])})"
            f" on update {key.on_update.lower()} on delete {key.on_delete.lower()} not valid"
        )
        drop = f"alter table if exists {table.quoted} drop constraint if exists {quote.name(name)}"
        size = table.source.data_bytes
        made = Made("foreign key", name, sql, drop, table.label, orphans(table, ours, other, theirs), size)
        self.out.foreign_keys.append(made)
        return None

    def _views(self) -> None:
        bodies, why = views.bodies(self.shape.catalog.views, self.shape.words())
        for view in self.shape.catalog.views:
            body = bodies.get(view.name)
            if body is None:
                self._left("view", view.name, why[view.name])
                continue
            name = self.shape.fold(view.name)
            quoted = quote.qualified(self.shape.schema, name)
            columns = quote.names([self.shape.fold(column) for column in view.columns])
            sql = f"create view {quoted} ({columns}) as {body}"
            self.out.views.append(Made("view", name, sql, quoted=quoted))

    def _programs(self) -> None:
        catalog, must = self.shape.catalog, "it is a program and must be rewritten by a person"
        moved = {table.source.name for table in self.shape.tables}
        for trigger in catalog.triggers:
            if trigger.table in moved:
                self._left("trigger", trigger.name, f"on {trigger.table}, {must}")
        for routine in catalog.routines:
            self._left(routine.kind.lower(), routine.name, must)
        for event in catalog.events:
            self._left("event", event.name, f"{must}, for a scheduler as pg_cron")
        for sequence in catalog.sequences:
            self._left("sequence", sequence.name, f"make one that starts at {sequence.next_value}")


_WITHOUT_PREFIX = ("json", "jsonb", "uuid")


def _unsortable() -> str:
    raise Untranslated("a prefix of what is no text any more")
