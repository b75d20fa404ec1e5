"""Which dialect can be moved into which: what forms offer and the engines' registry holds."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.core.model import Dialect

NAMES: Mapping[Dialect, str] = {
    Dialect.postgresql: "PostgreSQL",
    Dialect.mysql: "MySQL",
    Dialect.mariadb: "MariaDB",
}

SOURCES: Mapping[Dialect, tuple[Dialect, ...]] = {
    Dialect.postgresql: (Dialect.postgresql, Dialect.mysql, Dialect.mariadb),
    Dialect.mysql: (Dialect.mysql, Dialect.mariadb),
    Dialect.mariadb: (Dialect.mariadb, Dialect.mysql),
}
"""Of each target the sources, the likeliest first."""


def movable(source: Dialect, target: Dialect) -> bool:
    return source in SOURCES[target]
