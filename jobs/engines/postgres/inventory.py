"""Everything that is known of the two sides, read once: the only thing that checks and plan look at."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import ConfigDict, Field

from jobs.core.model import Environment, Frozen, Options
from jobs.engines.postgres.facts import (
    AvailableExtension,
    Bloat,
    Collation,
    CollationUse,
    Column,
    Connections,
    Definition,
    Extension,
    Fact,
    ForeignKey,
    Language,
    Leftover,
    Object,
    Oddity,
    Orphans,
    PathFunction,
    Pooling,
    Reference,
    Replication,
    Routine,
    Server,
    SideName,
    Speed,
    Standby,
    Table,
    Unreachable,
    Unreached,
    Wrapper,
)
from jobs.engines.postgres.facts_rights import Hidden, Privileged, Role, RoleNeed, RoleShape
from jobs.engines.postgres.facts_safe import Holding, Replacement
from jobs.engines.postgres.select import named, selected


class Side(Frozen):
    """One reached side. A fact that a side is not asked for stays unread."""

    model_config = ConfigDict(validate_default=True)  # an unread fact, too, is of its own type

    server: Server
    identifier: Fact[str] = Fact()
    connections: Fact[Connections] = Fact()
    pooling: Fact[Pooling] = Fact()
    speed: Fact[Speed] = Fact()
    tables: Fact[tuple[Table, ...]] = Fact()
    columns: Fact[tuple[Column, ...]] = Fact()
    objects: Fact[tuple[Object, ...]] = Fact()
    oddities: Fact[tuple[Oddity, ...]] = Fact()
    definitions: Fact[tuple[Definition, ...]] = Fact()
    extensions: Fact[tuple[Extension, ...]] = Fact()
    available_extensions: Fact[tuple[AvailableExtension, ...]] = Fact()
    languages: Fact[tuple[Language, ...]] = Fact()
    wrappers: Fact[tuple[Wrapper, ...]] = Fact()
    routines: Fact[tuple[Routine, ...]] = Fact()
    collations: Fact[tuple[Collation, ...]] = Fact()
    default_collation: Fact[str] = Field(default=Fact(), description="actual version of the database's collation")
    collation_uses: Fact[tuple[CollationUse, ...]] = Fact()
    roles: Fact[tuple[Role, ...]] = Fact()
    role_needs: Fact[tuple[RoleNeed, ...]] = Fact()
    role_shapes: Fact[tuple[RoleShape, ...]] = Fact()
    privileged: Fact[tuple[Privileged, ...]] = Fact()
    path_functions: Fact[tuple[PathFunction, ...]] = Fact()
    bloat: Fact[tuple[Bloat, ...]] = Fact()
    foreign_keys: Fact[tuple[ForeignKey, ...]] = Fact()
    orphans: Fact[tuple[Orphans, ...]] = Fact()
    hidden: Fact[tuple[Hidden, ...]] = Fact()
    references: Fact[tuple[Reference, ...]] = Fact()
    tablespaces: Fact[tuple[str, ...]] = Fact()
    locked_sequences: Fact[tuple[Hidden, ...]] = Field(default=Fact(), description="not ours to set")
    silences: Fact[bool] = Field(default=Fact(), description="may set session_replication_role")
    xml: Fact[bool] = Field(default=Fact(), description="built with libxml")
    compressions: Fact[tuple[str, ...]] = Field(default=Fact(), description="of values; none to choose before 14")
    build_needs: Fact[tuple[Oddity, ...]] = Field(default=Fact(), description="what takes lz4 or libxml")
    replication: Fact[Replication] = Fact()
    standby: Fact[Standby] = Field(default=Fact(), description="read of a source that is one")
    leftover: Fact[Leftover] = Fact()
    free_bytes: Fact[int] = Fact()
    filled: Fact[tuple[str, ...]] = Field(default=Fact(), description="tables with rows; read for data only")


class Tool(Frozen):
    """pg_dump and pg_restore as found: the major version and its full name; or why none fits this source."""

    major: int = 0
    text: str = ""
    problem: str = ""
    remedy: str = ""


class Address(Frozen):
    """Where a side is, as it was asked for."""

    label: str
    host: str
    port: int
    database: str
    user: str
    tls: str
    environment: Environment | Literal[""] = ""


class Inventory(Frozen):
    """Every fact of one validation."""

    model_config = ConfigDict(validate_default=True)

    migration: str
    options: Options
    source_address: Address
    target_address: Address
    source_side: Side | Unreachable
    target_side: Side | Unreachable
    tool: Fact[Tool] = Fact()
    holding: Fact[Holding] = Field(default=Fact(), description="read where the source is to be held")
    replacement: Fact[Replacement] = Field(default=Fact(), description="read where the target is to be overwritten")
    stated_free_bytes: int | None = Field(default=None, description="by the service or by the requester")

    @property
    def source(self) -> Side:
        """Raises `Unreached`."""
        return _reached(self.source_side, "source")

    @property
    def target(self) -> Side:
        """Raises `Unreached`."""
        return _reached(self.target_side, "target")

    @cached_property
    def selected(self) -> tuple[Table, ...]:
        """The source's tables that move, in their order by name. Raises `Unread` or `Unreached`."""
        candidates = [t for t in self.source.tables.get() if not t.of_extension and t.persistence != "t"]
        return tuple(selected(candidates, self.options.include, self.options.exclude))

    @cached_property
    def selected_keys(self) -> frozenset[tuple[str, str]]:
        return frozenset(t.key for t in self.selected)

    @cached_property
    def rowless_keys(self) -> frozenset[tuple[str, str]]:
        """Tables that move without their rows. Raises `Unread` or `Unreached`."""
        return frozenset(named(self.selected, self.options.exclude_data))

    @property
    def own_run(self) -> bool:
        """The target holds an unfinished run of this very migration."""
        leftover = self.target.leftover.get()
        return leftover.present and leftover.migrations == (self.migration,)

    def moves(self, schema_name: str, table_name: str) -> bool:
        """Whether an object travels: it belongs to a selected table, or to none."""
        return not table_name or (schema_name, table_name) in self.selected_keys


def _reached(side: Side | Unreachable, name: SideName) -> Side:
    if isinstance(side, Unreachable):
        raise Unreached(f"The {name} could not be reached.")
    return side
