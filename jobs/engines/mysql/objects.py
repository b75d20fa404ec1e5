"""What a database holds, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from jobs.engines.mysql.flavour import Flavour

RUN_TABLES = ("_ferrybot_run", "_ferrybot_task", "_ferrybot_need", "_ferrybot_made")
"""Ours, in a target; never part of a database that moves."""
FOUND_TABLE = "_ferrybot_found"
"""Ours too: there while what a target held is replaced or brought back; it outlives a run's tables."""


@dataclass(frozen=True)
class Column:
    """A column. `default` is as this kind of server writes it: an expression in MariaDB, a value in MySQL unless
    `default_is_expression`; None without one. `generated` is empty, `virtual` or `stored`.

    `data_type` is the plain word (`int`), `column_type` the whole (`int(10) unsigned`)."""

    name: str
    position: int
    data_type: str
    column_type: str
    nullable: bool
    default: str | None
    default_is_expression: bool
    charset: str
    collation: str
    length: int | None
    octets: int | None
    precision: int | None
    scale: int | None
    fraction: int | None
    comment: str
    extra: str
    generated: Literal["", "virtual", "stored"]
    expression: str
    auto_increment: bool
    on_update: bool
    invisible: bool

    @property
    def of_period(self) -> bool:
        """Whether the server itself writes here since when, or until when, a row's version is."""
        return self.expression.upper() in ("ROW START", "ROW END")

    @property
    def unsigned(self) -> bool:
        return "unsigned" in self.column_type.partition("(")[2].partition(")")[2] or " unsigned" in self.column_type


@dataclass(frozen=True)
class Part:
    """A column or expression of an index; `prefix` counts characters (bytes of binary columns), None is the whole."""

    column: str
    expression: str
    prefix: int | None
    descending: bool


@dataclass(frozen=True)
class Index:
    """An index; `kind` is BTREE, HASH, FULLTEXT, SPATIAL or RTREE. `ignored`: the optimizer does not use it."""

    name: str
    unique: bool
    kind: str
    parts: tuple[Part, ...]
    comment: str
    ignored: bool

    @property
    def primary(self) -> bool:
        return self.name == "PRIMARY"


@dataclass(frozen=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    other_database: str
    other_table: str
    other_columns: tuple[str, ...]
    on_update: str
    on_delete: str


@dataclass(frozen=True)
class CheckConstraint:
    """A CHECK; MariaDB names one of a column after it, so `name` is not unique in a table."""

    name: str
    clause: str
    enforced: bool
    of_column: bool


@dataclass(frozen=True)
class Partitions:
    """How a table is partitioned: `method` in capitals, `parts` are (name, subpartition, description)."""

    method: str
    expression: str
    submethod: str
    subexpression: str
    parts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Table:
    """A base table. `rows` is the engine's estimate; `auto_increment` the next value, None without such a column;
    `create` the server's own statement. `create_error` says why that could not be read (a crashed table)."""

    name: str
    engine: str
    versioned: bool
    row_format: str
    options: str
    charset: str
    collation: str
    comment: str
    rows: int
    data_bytes: int
    index_bytes: int
    auto_increment: int | None
    create: str
    create_error: str = ""
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[CheckConstraint, ...] = ()
    partitions: Partitions | None = None

    @property
    def bytes(self) -> int:
        return self.data_bytes + self.index_bytes

    @property
    def primary_key(self) -> Index | None:
        return next((index for index in self.indexes if index.primary), None)

    def column(self, name: str) -> Column:
        """By name, which servers compare without case. Raises StopIteration when there is none."""
        return next(column for column in self.columns if column.name.lower() == name.lower())


@dataclass(frozen=True)
class View:
    """`body` is the select alone, `create` the whole statement; `columns` in order."""

    name: str
    definer: str
    security: str
    check_option: str
    charset: str
    collation: str
    body: str
    columns: tuple[str, ...]
    create: str
    create_error: str = ""


@dataclass(frozen=True)
class Trigger:
    """`order` counts within a table, event and timing from 1."""

    name: str
    table: str
    event: str
    timing: str
    order: int
    definer: str
    sql_mode: str
    charset: str
    collation: str
    database_collation: str
    body: str
    create: str
    create_error: str = ""


@dataclass(frozen=True)
class Routine:
    """`kind` is PROCEDURE, FUNCTION, PACKAGE or PACKAGE BODY. Without a right on its text `create` is empty."""

    name: str
    kind: str
    definer: str
    security: str
    sql_mode: str
    charset: str
    collation: str
    database_collation: str
    comment: str
    create: str
    create_error: str = ""


@dataclass(frozen=True)
class Event:
    """`status` is ENABLED, DISABLED or a word for replicas."""

    name: str
    definer: str
    status: str
    time_zone: str
    sql_mode: str
    charset: str
    collation: str
    database_collation: str
    comment: str
    create: str
    create_error: str = ""


@dataclass(frozen=True)
class Sequence:
    """A MariaDB sequence; `next_value` is what the next nextval() gives at the earliest (its cache is skipped)."""

    name: str
    create: str
    next_value: int
    cycle_count: int = 0


@dataclass(frozen=True)
class Catalog:
    """Everything of one database."""

    flavour: Flavour
    database: str
    charset: str
    collation: str
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    routines: tuple[Routine, ...] = ()
    events: tuple[Event, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    by_name: Mapping[str, Table] = field(default_factory=dict, compare=False, repr=False)

    @property
    def empty(self) -> bool:
        return not (self.tables or self.views or self.triggers or self.routines or self.events or self.sequences)
