"""Everything that is known of the two sides, read once: the only thing that checks and plan look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from jobs.core.model import Dialect, Environment, Options, Scope
from jobs.engines.mysql.catalog import Catalog, Table
from jobs.engines.mysql.facts import (
    Connections,
    Consistency,
    Fact,
    Leftover,
    Orphans,
    Replication,
    Server,
    SideName,
    Speed,
    Transaction,
    Unreachable,
    Unreached,
    Zeros,
)
from jobs.engines.mysql.grants import Grants
from jobs.engines.shared.room import Room
from jobs.engines.shared.select import named, selected

_UNREAD: Fact[Any] = Fact()


@dataclass(frozen=True)
class Side:
    """One reached side. A fact that a side is not asked for stays unread."""

    server: Server
    grants: Fact[Grants] = _UNREAD
    catalog: Fact[Catalog] = _UNREAD
    engines: Fact[Mapping[str, bool]] = _UNREAD
    """storage engine as it is written -> whether it has transactions; only those that can be used"""
    collations: Fact[Mapping[str, str]] = _UNREAD
    """collation -> its character set"""
    accounts: Fact[frozenset[str]] = _UNREAD
    """`user@host`, and names of roles"""
    databases: Fact[tuple[str, ...]] = _UNREAD
    zones: Fact[bool] = _UNREAD
    """named time zones are loaded"""
    connections: Fact[Connections] = _UNREAD
    speed: Fact[Speed] = _UNREAD
    replication: Fact[Replication] = _UNREAD
    replicas: Fact[int] = _UNREAD
    """servers that replicate from this one"""
    transactions: Fact[tuple[Transaction, ...]] = _UNREAD
    consistency: Fact[Consistency] = _UNREAD
    leftover: Fact[Leftover] = _UNREAD
    free_bytes: Fact[int] = _UNREAD
    unreadable: Fact[tuple[str, ...]] = _UNREAD
    """tables that this account sees but cannot read"""
    filled: Fact[tuple[str, ...]] = _UNREAD
    """tables with rows; read for data only"""
    orphans: Fact[tuple[Orphans, ...]] = _UNREAD
    zeros: Fact[tuple[Zeros, ...]] = _UNREAD


@dataclass(frozen=True)
class Address:
    """Where a side is, as it was asked for."""

    label: str
    dialect: Dialect
    host: str
    port: int
    database: str
    user: str
    tls: str
    environment: Environment | Literal[""] = ""


@dataclass(frozen=True)
class Entry:
    """A table of the source, for patterns `database.table`."""

    database: str
    table: Table

    @property
    def key(self) -> tuple[str, str]:
        return self.database, self.table.name

    @property
    def parent(self) -> None:
        """Partitions are no tables of their own here."""


@dataclass(frozen=True)
class Replacement:
    """What overwriting the target needs to know of it. `bytes` are those of its tables' rows."""

    room: Room
    bytes: int
    sessions: tuple[str, ...] = ()
    """who else is connected to it, as far as this account may see"""
    broken_views: tuple[str, ...] = ()
    """views that the server itself cannot read: over something that is gone, or whose definer is"""
    tool: str = ""
    tool_problem: str = ""
    tool_remedy: str = ""


@dataclass(frozen=True)
class Inventory:
    """Every fact of one validation."""

    migration: str
    options: Options
    source_address: Address
    target_address: Address
    source_side: Side | Unreachable
    target_side: Side | Unreachable
    stated_free_bytes: int | None = None
    """by the service or by the requester"""
    replacement: Fact[Replacement] = _UNREAD
    extra: Mapping[str, object] = field(default_factory=dict)
    """what another pair of dialects adds"""

    @property
    def source(self) -> Side:
        """Raises `Unreached`."""
        return _reached(self.source_side, "source")

    @property
    def target(self) -> Side:
        """Raises `Unreached`."""
        return _reached(self.target_side, "target")

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Every table of the source. Raises `Unread` or `Unreached`."""
        catalog = self.source.catalog.get()
        return tuple(Entry(catalog.database, table) for table in catalog.tables)

    @cached_property
    def selected(self) -> tuple[Table, ...]:
        """The source's tables that move, by name. Raises `Unread` or `Unreached`."""
        options = self.options
        return tuple(entry.table for entry in selected(self.entries, options.include, options.exclude))

    @cached_property
    def selected_names(self) -> frozenset[str]:
        return frozenset(table.name for table in self.selected)

    @cached_property
    def rowless(self) -> frozenset[str]:
        """Tables that move without their rows. Raises `Unread` or `Unreached`."""
        return frozenset(name for _, name in named(self.entries, self.options.exclude_data)) & self.selected_names

    @cached_property
    def filled(self) -> tuple[Table, ...]:
        """Tables whose rows move. Raises `Unread` or `Unreached`."""
        if self.options.scope is Scope.schema_only:
            return ()
        return tuple(table for table in self.selected if table.name not in self.rowless)

    @property
    def own_run(self) -> bool:
        """The target holds an unfinished run of this very migration."""
        leftover = self.target.leftover.get()
        return leftover.present and leftover.migrations == (self.migration,)


def _reached(side: Side | Unreachable, name: SideName) -> Side:
    if isinstance(side, Unreachable):
        raise Unreached(f"The {name} could not be reached.")
    return side
