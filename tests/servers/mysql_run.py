"""What the tests' driver must know of MariaDB: addresses, and a look at databases by queries of the tests' own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from bot.sandbox.servers import MariaDbServer
from jobs.core.model import Endpoint, Options, TlsMode
from jobs.core.verdict import RestorePoint
from jobs.engines.mysql.engine import MysqlEngine
from jobs.ports.engine import Asked
from tests.support.driver import MIGRATION, Journey, Spy, doomed, drain, steps, work
from tests.support.driver import address as _address

__all__ = [
    "ENGINE",
    "MIGRATION",
    "Migration",
    "MysqlDatabase",
    "Spy",
    "_address",
    "all_tables",
    "assert_same",
    "contents",
    "databases",
    "definition",
    "doomed",
    "drain",
    "endpoint",
    "nothing_of_ours",
    "steps",
    "work",
]

ENGINE = MysqlEngine()
_numbers = itertools.count()


@dataclass(frozen=True)
class MysqlDatabase:
    """A database of a test server."""

    server: MariaDbServer
    name: str

    def run(self, *statements: str) -> None:
        """Statements as root, with this database chosen."""
        connection = self.server.connect(self.name)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            connection.commit()
        finally:
            connection.close()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = self.server.connect(self.name)
        try:
            with connection.cursor() as cursor:
                cursor.execute("set time_zone = '+00:00'")
                cursor.execute(query, values or None)
                return list(cursor.fetchall())
        finally:
            connection.close()


@contextmanager
def databases(server: MariaDbServer, count: int = 2, charset: str = "utf8mb4") -> Iterator[list[MysqlDatabase]]:
    """Fresh databases, dropped at the end."""
    server.start()
    made = [MysqlDatabase(server, f"test_{next(_numbers)}") for _ in range(count)]
    connection = server.connect()
    try:
        with connection.cursor() as cursor:
            for database in made:
                cursor.execute(f"create database {database.name} character set {charset}")
    finally:
        connection.close()
    yield made
    server.start()
    connection = server.connect()
    with connection.cursor() as cursor:
        for database in made:
            cursor.execute(f"drop database if exists {database.name}")
    connection.close()


def endpoint(database: MysqlDatabase, user: str | None = None, password: str | None = None) -> Endpoint:
    server = database.server
    return Endpoint(
        label=database.name,
        dialect=server.dialect,
        host=server.host,
        port=server.port,
        database=database.name,
        user=user or server.superuser,
        password=SecretStr(server.password if password is None else password),
        tls=TlsMode.disable,  # the tests' servers have none, and to prefer it costs 30 to 110 ms a connection
    )


@dataclass
class Migration(Journey):
    """A source, a target, and the plan between them."""

    source: MysqlDatabase
    target: MysqlDatabase
    options: Options = field(default_factory=Options)
    migration: str = MIGRATION
    user: tuple[str, str] | None = None
    restore_folder: str = ""
    restore_point: RestorePoint | None = None

    def asked(self) -> Asked:
        return Asked(
            restore_folder=self.restore_folder,
            restore_point=self.restore_point,
            migration=self.migration,
            source=endpoint(self.source),
            target=endpoint(self.target, *(self.user or (None, None))),
            options=self.options,
        )


def assert_same(source: MysqlDatabase, target: MysqlDatabase) -> None:
    """Equal rows in every table, and equal schemas, by queries of the tests' own."""
    tables = all_tables(source)
    assert all_tables(target) == tables
    for table in tables:
        assert contents(source, table) == contents(target, table), table
        assert definition(source, table) == definition(target, table)


def definition(database: MysqlDatabase, table: str) -> str:
    return str(database.rows(f"show create table `{table.replace('`', '``')}`")[0][1])


def contents(database: MysqlDatabase, table: str) -> list[str]:
    """Every row as hexadecimal bytes of every column: the test's own proof."""
    quoted = f"`{table.replace('`', '``')}`"
    columns = database.rows(
        "select column_name from information_schema.columns where table_schema = database() and table_name = %s"
        " order by ordinal_position",
        table,
    )
    names = [f"`{name.replace('`', '``')}`" for (name,) in columns]
    listed = ", ".join(
        f"ifnull(if(length({name}) > 100000, sha2({name}, 256), hex({name})), 'null')" for name in names
    )
    return sorted(row[0] for row in database.rows(f"select concat_ws(' ', {listed}) from {quoted}"))


def all_tables(database: MysqlDatabase) -> Sequence[str]:
    found = database.rows(
        "select table_name from information_schema.tables where table_schema = database()"
        " and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and table_name not like '\\_ferrybot\\_%%' order by 1"
    )
    return [row[0] for row in found]


def nothing_of_ours(database: MysqlDatabase) -> bool:
    return not database.rows(
        "select 1 from information_schema.tables where table_schema = database()"
        " and table_name like '\\_ferrybot\\_%%'"
    )
