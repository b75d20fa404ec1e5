"""What the tests' driver must know of PostgreSQL: addresses, and a look at databases by queries of the tests' own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from jobs.core.model import Dialect, Endpoint, Options, TlsMode
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import RestorePoint
from jobs.engines.postgres.engine import PostgresEngine
from jobs.engines.postgres.lane import open_lane
from jobs.ports.engine import Asked
from tests.support.driver import MIGRATION, Journey, Spy, doomed, drain, in_lanes, steps
from tests.support.servers import Database

__all__ = [
    "ENGINE",
    "MIGRATION",
    "Migration",
    "Spy",
    "all_tables",
    "assert_same",
    "contents",
    "doomed",
    "drain",
    "endpoint",
    "nothing_of_ours",
    "rows",
    "steps",
    "work",
]

ENGINE = PostgresEngine()


def endpoint(database: Database, user: str | None = None, password: str | None = None) -> Endpoint:
    server = database.server
    return Endpoint(
        label=database.name,
        dialect=Dialect.postgresql,
        host=server.host,
        port=server.port,
        database=database.name,
        user=user or server.superuser,
        password=SecretStr(server.password if password is None else password),
        tls=TlsMode.prefer,
    )


@dataclass
class Migration(Journey):
    """A source, a target, and the plan between them."""

    source: Database
    target: Database
    options: Options = field(default_factory=Options)
    migration: str = MIGRATION
    user: tuple[str, str] | None = None
    restore_folder: str = ""
    restore_point: RestorePoint | None = None

    def asked(self) -> Asked:
        return Asked(
            migration=self.migration,
            source=endpoint(self.source),
            target=endpoint(self.target, *(self.user or (None, None))),
            options=self.options,
            restore_folder=self.restore_folder,
            restore_point=self.restore_point,
        )


def work(asked: Asked, plan: MigrationPlan, lanes: int = 1, spy: Spy | None = None) -> None:
    """Lanes as other workers open them, in threads until no task is left."""
    in_lanes(lambda: open_lane(asked, plan), lanes, spy)


def assert_same(source: Database, target: Database) -> None:
    """Equal rows in every table and filled materialized view, by queries of the tests' own."""
    held = all_tables(source) + filled_views(source)
    assert all_tables(target) + filled_views(target) == held
    ours, theirs = contents(source, held), contents(target, held)
    assert [name for name in held if ours[name] != theirs[name]] == []


def nothing_of_ours(database: Database) -> bool:
    return not rows(database, "select 1 from pg_namespace where nspname = 'ferrybot'")


def rows(database: Database, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(query, values or None).fetchall()


def contents(database: Database, tables: Sequence[str]) -> dict[str, list[str]]:
    """Every row of some tables as text: the test's own proof, which uses nothing of the code under test."""
    with database.connect() as connection:
        connection.execute("set search_path = ''; set timezone = 'UTC'; set extra_float_digits = 3")
        return {
            table: sorted(row[0] for row in connection.execute(f"select whole_row::text from only {table} whole_row"))
            for table in tables
        }


def all_tables(database: Database) -> list[str]:
    return _relations(database, "c.relkind = 'r'")


def filled_views(database: Database) -> list[str]:
    return _relations(database, "c.relkind = 'm' and c.relispopulated")


def _relations(database: Database, which: str) -> list[str]:
    found = rows(
        database,
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        f" where {which} and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')"
        " and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e') order by 1",
    )
    return [row[0] for row in found]
