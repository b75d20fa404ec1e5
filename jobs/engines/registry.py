"""Which engine moves from one dialect to another: the only place that knows them all."""

from __future__ import annotations

from jobs.core.errors import Permanent
from jobs.core.model import Dialect
from jobs.engines.postgres.engine import PostgresEngine
from jobs.ports.engine import Engine

_ENGINES: dict[tuple[Dialect, Dialect], Engine] = {
    (Dialect.postgresql, Dialect.postgresql): PostgresEngine(),
}

_NAMES = {Dialect.postgresql: "PostgreSQL", Dialect.mysql: "MySQL", Dialect.mariadb: "MariaDB"}


def engine_for(source: Dialect, target: Dialect) -> Engine:
    """The engine of a pair. Raises `Permanent` for a pair that is not supported yet."""
    engine = _ENGINES.get((source, target))
    if engine is None:
        known = ", ".join(f"{_NAMES[a]} to {_NAMES[b]}" for a, b in _ENGINES)
        raise Permanent(
            f"Moving from {_NAMES[source]} to {_NAMES[target]} is not supported yet.",
            meaning="Nothing was read or changed.",
            remedy=f"So far Ferrybot moves {known}.",
        )
    return engine
