"""Which engine moves from one dialect to another: the only place that knows them all."""

from __future__ import annotations

from jobs.core.errors import Permanent
from jobs.core.model import Dialect
from jobs.core.pairs import NAMES, SOURCES
from jobs.engines.mysql.engine import MysqlEngine
from jobs.engines.mysql.overview import observe as observe_mysql
from jobs.engines.mysql_postgres.engine import MySqlPostgresEngine
from jobs.engines.postgres.engine import PostgresEngine
from jobs.engines.postgres.overview import observe as observe_postgres
from jobs.ports.engine import Engine
from jobs.ports.services import Observer

_FAMILY = (Dialect.mysql, Dialect.mariadb)
"""One engine for both: what differs is data (`mysql.flavour`), and an address may say either of the two."""

_ENGINES: dict[tuple[Dialect, Dialect], Engine] = {
    (Dialect.postgresql, Dialect.postgresql): PostgresEngine(),
    **{(source, target): MysqlEngine() for source in _FAMILY for target in _FAMILY},
    **{(source, Dialect.postgresql): MySqlPostgresEngine() for source in _FAMILY},
}


def engine_for(source: Dialect, target: Dialect) -> Engine:
    """The engine of a pair. Raises `Permanent` for a pair that is not supported yet."""
    engine = _ENGINES.get((source, target))
    if engine is None:
        known = ", ".join(NAMES[dialect] for dialect in SOURCES[target])
        raise Permanent(
            f"Moving from {NAMES[source]} to {NAMES[target]} is not supported yet.",
            meaning="Nothing was read or changed.",
            remedy=f"To {NAMES[target]} Ferrybot moves {known}.",
        )
    return engine


def pairs() -> frozenset[tuple[Dialect, Dialect]]:
    """(source, target) of every engine."""
    return frozenset(_ENGINES)


def observer_for(dialect: Dialect) -> Observer:
    """Who reads the facts of a server of this kind."""
    return observe_postgres if dialect is Dialect.postgresql else observe_mysql
