"""What is noted in the target before anything of it is replaced: that it was begun, and what is put back."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.engines.mysql import quote
from jobs.engines.mysql.connect import Connection, one, rows, run
from jobs.engines.mysql.objects import FOUND_TABLE

_DDL = f"""
create table if not exists {FOUND_TABLE} (
    one tinyint not null primary key,
    migration varchar(32) not null,
    charset varchar(64) not null,
    collation varchar(64) not null
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin row_format = dynamic"""
_THERE = "select count(*) from information_schema.tables where table_schema = database() and table_name = %s"


@dataclass(frozen=True)
class Found:
    """Whose run replaces what the target held, and the database's own character set before."""

    migration: str
    charset: str
    collation: str


def look(target: Connection, migration: str) -> Found:
    """The database as it is now."""
    charset, collation = one(
        target,
        "select default_character_set_name, default_collation_name from information_schema.schemata"
        " where schema_name = database()",
    )
    return Found(migration, charset, collation)


def write(target: Connection, found: Found) -> None:
    """Commits by itself. A table without its row, as a crash leaves it, says nothing yet."""
    run(target, _DDL)
    run(
        target,
        f"insert ignore into {FOUND_TABLE} (one, migration, charset, collation) values (1, %s, %s, %s)",  # noqa: S608 - ours
        [found.migration, found.charset, found.collation],
    )


def read(target: Connection) -> Found | None:
    """What was written; None where nothing is being replaced."""
    if not one(target, _THERE, [FOUND_TABLE])[0]:
        return None
    noted = rows(target, f"select migration, charset, collation from {FOUND_TABLE}")  # noqa: S608 - ours
    return Found(*noted[0]) if noted else None


def put_back(target: Connection, database: str, found: Found) -> None:
    """The database's character set, which its routines and later tables inherit."""
    run(
        target,
        f"ALTER DATABASE {quote.name(database)} CHARACTER SET {found.charset} COLLATE {found.collation}",
    )


def drop(target: Connection) -> None:
    """The very last: until then whoever comes after a crash knows what was begun."""
    run(target, f"drop table if exists {FOUND_TABLE}")
