"""Everything that is known of the two sides, read once: the only thing that checks and plan look at.

The source is described in MySQL's words (`mine`), the target in PostgreSQL's (`theirs`). There, what is to be moved
stands as the source: so PostgreSQL's own checks of room, rights and emptiness say what they say of any move.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from jobs.core.model import Options, Question
from jobs.engines.mysql.catalog import Catalog, Table
from jobs.engines.mysql.facts import Fact
from jobs.engines.mysql.inventory import Inventory as MySqlInventory
from jobs.engines.mysql.inventory import Side as MySqlSide
from jobs.engines.mysql_postgres import spatial
from jobs.engines.mysql_postgres.choices import Wish
from jobs.engines.mysql_postgres.collations import CITEXT_WORD, NEW, Able
from jobs.engines.mysql_postgres.ddl import Ddl, build
from jobs.engines.mysql_postgres.inspect_values import Look
from jobs.engines.mysql_postgres.questions import questions
from jobs.engines.mysql_postgres.rules import Rules, Stated
from jobs.engines.mysql_postgres.shape import Shape
from jobs.engines.postgres import facts as pg
from jobs.engines.postgres.checks.collations import providers
from jobs.engines.postgres.inventory import Inventory as PostgresInventory
from jobs.engines.postgres.inventory import Side as PostgresSide

GROWTH = 1.6
"""Bytes on disk in PostgreSQL for one of InnoDB's: row headers, and no clustered table."""


@dataclass(frozen=True)
class Inventory:
    """Every fact of one validation."""

    mine: MySqlInventory
    reached: PostgresInventory
    """the target as PostgreSQL's engine sees it; its source side is the target once more"""
    looks: Fact[tuple[Look, ...]]
    stated: Stated = field(default_factory=Stated)

    @property
    def options(self) -> Options:
        return self.mine.options

    @property
    def source(self) -> MySqlSide:
        """Raises MySQL's `Unreached`."""
        return self.mine.source

    @property
    def target(self) -> PostgresSide:
        """Raises PostgreSQL's `Unreached`."""
        return self.reached.target

    @property
    def catalog(self) -> Catalog:
        """Raises `Unread` or `Unreached`."""
        return self.source.catalog.get()

    @property
    def tables(self) -> tuple[Table, ...]:
        """The source's tables that move, by name."""
        return self.mine.selected

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """Without looks at values everything is asked as if the worst were there."""
        return tuple(questions(self.catalog, self.tables, self.looks.value, self.wish))

    @property
    def wish(self) -> Wish:
        """What the file and people say beyond the facts."""
        return Wish(self.stated, self.options, self.able)

    @cached_property
    def able(self) -> Able:
        """How texts can compare in the target; what could not be read is not offered."""
        side = self.reached.target_side
        if not isinstance(side, PostgresSide):
            return Able()
        postgis, why = self._postgis(side)
        return Able(
            icu="i" in providers(side.collations.value or ()),
            citext=_offered(side, "citext", CITEXT_WORD),
            postgis=postgis,
            no_postgis=why,
        )

    def _postgis(self, side: PostgresSide) -> tuple[str, str]:
        """The word for PostGIS's type, or why there is none."""
        if self.catalog.flavour.kind != "mariadb":
            return (
                "",
                "PostGIS is offered from MariaDB only: MySQL turns the axes of some SRIDs, which was not proven.",
            )
        word = _offered(side, "postgis", spatial.WORD)
        if word:
            return word, ""
        needs = "PostgreSQL has no such type without PostGIS. Install its package on the target's server, then, as"
        return "", f"{needs} an administrator: CREATE EXTENSION postgis SCHEMA public; and check again."

    @cached_property
    def rules(self) -> Rules:
        return Rules.of(self.questions, self.options)

    @cached_property
    def made(self) -> tuple[Shape, Ddl]:
        """What the rules make of the source. Raises `Unread` or `Unreached`."""
        return build(self.catalog, self.options, self.rules)

    @cached_property
    def theirs(self) -> PostgresInventory:
        """The move as one between two PostgreSQL servers, for that engine's checks and estimates."""
        shape, _ = self.made
        target = self.target
        pairs = [(_table(table.schema, table.name, table.source), table) for table in shape.tables]
        side = PostgresSide(
            server=target.server,
            connections=pg.Fact(value=_connections(self.source)),
            speed=_speed(self.source),
            tables=pg.Fact(value=tuple(made for made, _ in pairs)),
            columns=pg.Fact(
                value=tuple(
                    pg.Column(
                        schema_name=made.schema_name,
                        table_name=made.name,
                        name=column.name,
                        type=column.form.type,
                        base=0,
                        element=0,
                        generated=bool(column.computed),
                    )
                    for made, table in pairs
                    for column in table.columns
                )
            ),
            objects=pg.Fact(value=()),
            oddities=pg.Fact(value=()),
        )
        options = self.options
        plain = Options(scope=options.scope, parallelism=options.parallelism, overwrite=options.overwrite)
        # Made anew: a copy would bring along what was cached about the earlier source.
        known = {name: getattr(self.reached, name) for name in PostgresInventory.model_fields}
        return PostgresInventory(**{**known, "source_side": side, "options": plain})


def _offered(side: PostgresSide, name: str, word: str) -> str:
    """The word by which an extension's type is chosen: `new …` where the run would make it, empty where it cannot."""
    known = {extension.name: extension for extension in side.extensions.value or ()}
    offered = {extension.name: extension for extension in side.available_extensions.value or ()}
    there, new = known.get(name), offered.get(name)
    if there is not None:
        return word if there.schema_name == "public" else ""
    may = side.server.superuser or side.server.managed_admin
    return NEW + word if new and (may or new.trusted or not new.superuser) else ""


def _table(schema: str, name: str, source: Table) -> pg.Table:
    return pg.Table(
        schema_name=schema,
        name=name,
        kind="r",
        persistence="p",
        owner="",
        partition=False,
        parent_schema=None,
        parent_name=None,
        of_extension=False,
        table_bytes=int(source.data_bytes * GROWTH),
        index_bytes=int(source.index_bytes * GROWTH),
        largest_index_bytes=int(source.index_bytes * GROWTH),
        rows=source.rows,
        has_primary_key=source.primary_key is not None,
        row_security=False,
        row_security_forced=False,
        owns=True,
        readable=True,
        writable=True,
        guarded=False,
    )


def _connections(source: MySqlSide) -> pg.Connections:
    free = source.connections.get().free
    return pg.Connections(
        server_limit=free,
        reserved=0,
        server_used=0,
        database_limit=-1,
        database_used=0,
        role_limit=-1,
        role_used=0,
    )


def _speed(source: MySqlSide) -> pg.Fact[pg.Speed]:
    known = source.speed.value
    if known is None:
        return pg.Fact(reason=source.speed.reason)
    return pg.Fact(
        value=pg.Speed(round_trip_seconds=known.round_trip_seconds, bytes_per_second=known.bytes_per_second)
    )
