"""One database as its catalogs describe it: frozen values, read in a fixed number of queries and one SHOW CREATE
for each object whose text travels. Both sides are read by the same code, so that the census compares like with like.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pymysql

from jobs.engines.mysql import quote
from jobs.engines.mysql.connect import Connection, flavour, one, rows
from jobs.engines.mysql.flavour import Flavour
from jobs.engines.mysql.objects import (
    RUN_TABLES,
    Catalog,
    CheckConstraint,
    Column,
    Event,
    ForeignKey,
    Index,
    Part,
    Partitions,
    Routine,
    Sequence,
    Table,
    Trigger,
    View,
)
from jobs.engines.mysql.queries import query

__all__ = [
    "RUN_TABLES",
    "Catalog",
    "CheckConstraint",
    "Column",
    "Event",
    "ForeignKey",
    "Index",
    "Part",
    "Partitions",
    "Routine",
    "Sequence",
    "Table",
    "Trigger",
    "View",
    "read",
    "show",
]
"""What a catalog is made of comes from `objects`; it is asked for here."""


def read(connection: Connection, database: str) -> Catalog:
    """The whole catalog of `database`; LookupError when it does not exist or may not be seen."""
    known = flavour(connection)
    charset, collation = one(
        connection,
        "select default_character_set_name, default_collation_name from information_schema.schemata"
        " where schema_name = %s",
        [database],
    )
    tables = tuple(_tables(connection, known, database))
    return Catalog(
        flavour=known,
        database=database,
        charset=charset,
        collation=collation,
        tables=tables,
        views=tuple(_views(connection, database)),
        triggers=tuple(_triggers(connection, database)),
        routines=tuple(_routines(connection, database)),
        events=tuple(_events(connection, database)),
        sequences=tuple(_sequences(connection, known, database)),
        by_name={table.name: table for table in tables},
    )


Groups = dict[str, list[tuple[Any, ...]]]


def _grouped(connection: Connection, text: str, database: str) -> Groups:
    """Rows by their first column, without it."""
    found: Groups = defaultdict(list)
    for first, *rest in rows(connection, text, [database]):
        found[first].append(tuple(rest))
    return found


def _tables(connection: Connection, known: Flavour, database: str) -> Iterator[Table]:
    columns = _grouped(connection, query("columns", known), database)
    indexes = _grouped(connection, query("indexes", known), database)
    keys = _grouped(connection, query("foreign_keys", known), database)
    checks = _grouped(connection, query("checks", known), database) if known.can("checks") else {}
    partitions = _grouped(connection, query("partitions", known), database)
    # MySQL 8 shows expressions as if each were the content of one more text.
    said = quote.unescaped if known.can("escaped expressions") else str
    for row in rows(connection, query("tables", known), [database]):
        name, kind, engine, row_format, options, charset, collation, comment, count, data, index, next_value = row
        create, error = show(connection, f"show create table {quote.qualified(database, name)}", 1)
        yield Table(
            name=name,
            engine=engine or "",
            versioned=kind == "SYSTEM VERSIONED",
            row_format=row_format or "",
            options=options or "",
            # MariaDB lists its uca1400 collations without their character sets' names; the full name begins with it.
            charset=charset or (collation or "").partition("_")[0],
            collation=collation or "",
            comment=comment or "",
            rows=int(count or 0),
            data_bytes=int(data or 0),
            index_bytes=int(index or 0),
            auto_increment=None if next_value is None else int(next_value),
            create=create,
            create_error=error,
            columns=tuple(_column(found, said) for found in columns.get(name, ())),
            indexes=tuple(_indexes(indexes.get(name, []), said)),
            foreign_keys=tuple(_foreign_keys(keys.get(name, []))),
            checks=tuple(_check(found, said) for found in checks.get(name, ())),
            partitions=_partitions(partitions.get(name, [])),
        )


Said = Callable[[str], str]
"""An expression as people wrote it, of what information_schema says."""


def _check(row: tuple[Any, ...], said: Said) -> CheckConstraint:
    name, clause, enforced, level = row
    return CheckConstraint(name, said(clause), enforced == "YES", level == "Column")


def _column(row: tuple[Any, ...], said: Said) -> Column:
    name, position, data_type, column_type, nullable, default, *rest = row
    charset, collation, length, octets, precision, scale, fraction, comment, extra, expression = rest
    words = (extra or "").lower()
    generated: Literal["", "virtual", "stored"] = ""
    if "virtual generated" in words:
        generated = "virtual"
    elif "stored generated" in words or "persistent" in words:
        generated = "stored"
    return Column(
        name=name,
        position=int(position),
        data_type=data_type.lower(),
        column_type=column_type,
        nullable=nullable == "YES",
        default=said(default) if default and "default_generated" in words else default,
        default_is_expression="default_generated" in words,
        charset=charset or "",
        collation=collation or "",
        length=length,
        octets=octets,
        precision=precision,
        scale=scale,
        fraction=fraction,
        comment=comment or "",
        extra=extra or "",
        generated=generated,
        expression=said(expression or ""),
        auto_increment="auto_increment" in words,
        on_update="on update" in words,
        invisible="invisible" in words,
    )


def _indexes(found: list[tuple[Any, ...]], said: Said) -> Iterator[Index]:
    by_name: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in found:
        by_name[row[0]].append(row)
    for name, parts in by_name.items():
        _, unique, kind, *_, comment, ignored = parts[0]
        yield Index(
            name,
            bool(int(unique)),
            kind,
            tuple(
                Part(column or "", said(expression or ""), None if prefix is None else int(prefix), direction == "D")
                for _, _, _, column, expression, prefix, direction, _, _ in parts
            ),
            comment or "",
            ignored == "YES",
        )


def _foreign_keys(found: list[tuple[Any, ...]]) -> Iterator[ForeignKey]:
    by_name: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in found:
        by_name[row[0]].append(row)
    for name, parts in by_name.items():
        _, _, other_database, other_table, _, on_update, on_delete = parts[0]
        columns, others = tuple(part[1] for part in parts), tuple(part[4] for part in parts)
        yield ForeignKey(name, columns, other_database, other_table, others, on_update, on_delete)


def _partitions(found: list[tuple[Any, ...]]) -> Partitions | None:
    if not found:
        return None
    method, expression, submethod, subexpression = (value or "" for value in found[0][:4])
    parts = tuple((part or "", sub or "", description or "") for *_, part, sub, description in found)
    return Partitions(method, expression, submethod, subexpression, parts)


def _views(connection: Connection, database: str) -> Iterator[View]:
    columns = _grouped(
        connection,
        "select table_name, column_name from information_schema.columns where table_schema = %s"
        " order by table_name, ordinal_position",
        database,
    )
    for row in rows(connection, query("views"), [database]):
        name, definer, security, check_option, charset, collation, body = row
        create, error = show(connection, f"show create view {quote.qualified(database, name)}", 1)
        create = _unqualified(create, database)
        names = tuple(found[0] for found in columns.get(name, ()))
        yield View(name, definer, security, check_option, charset, collation, body, names, create, error)


def _unqualified(create: str, database: str) -> str:
    """Without the database before columns, which MariaDB writes where a view's definer does not exist."""
    place = re.compile(re.escape(quote.name(database)) + r"\.(`(?:[^`]|``)*`\.`)")
    pieces = _QUOTED.split(create)
    return "".join(piece if number % 2 else place.sub(r"\1", piece) for number, piece in enumerate(pieces))


_QUOTED = re.compile(r"""('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")""", re.S)


def _triggers(connection: Connection, database: str) -> Iterator[Trigger]:
    for row in rows(connection, query("triggers"), [database]):
        name, table, event, timing, order, definer, mode, charset, collation, above, body = row
        create, error = show(connection, f"show create trigger {quote.qualified(database, name)}", 2)
        yield Trigger(
            name,
            table,
            event,
            timing,
            int(order),
            definer,
            _mode(mode),
            charset,
            collation,
            above,
            body,
            create,
            error,
        )


def _routines(connection: Connection, database: str) -> Iterator[Routine]:
    for row in rows(connection, query("routines"), [database]):
        name, kind, definer, security, mode, charset, collation, above, comment = row
        create, error = show(connection, f"show create {kind.lower()} {quote.qualified(database, name)}", 2)
        yield Routine(
            name, kind, definer, security, _mode(mode), charset, collation, above, comment or "", create, error
        )


def _events(connection: Connection, database: str) -> Iterator[Event]:
    for row in rows(connection, query("events"), [database]):
        name, definer, status, zone, mode, charset, collation, above, comment = row
        create, error = show(connection, f"show create event {quote.qualified(database, name)}", 3)
        yield Event(name, definer, status, zone, _mode(mode), charset, collation, above, comment or "", create, error)


def _mode(text: str | None) -> str:
    """As SET takes it: MariaDB's catalog of routines writes one mode by another name."""
    words = (text or "").split(",")
    return ",".join("ALLOW_INVALID_DATES" if word == "INVALID_DATES" else word for word in words)


def _sequences(connection: Connection, known: Flavour, database: str) -> Iterator[Sequence]:
    if not known.can("sequences"):
        return
    found = rows(
        connection,
        "select table_name from information_schema.tables where table_schema = %s and table_type = 'SEQUENCE'"
        " order by 1",
        [database],
    )
    for (name,) in found:
        place = quote.qualified(database, name)
        create, _ = show(connection, f"show create sequence {place}", 1)
        value, cycles = one(connection, f"select next_not_cached_value, cycle_count from {place}")  # noqa: S608 - quoted
        yield Sequence(name, create, int(value), int(cycles))


def show(connection: Connection, statement: str, place: int) -> tuple[str, str]:
    """The text in that column of a SHOW CREATE, and why there is none (no right, a broken view)."""
    # A default of bytes is printed as it is: read as bytes, one such table does not hide all others.
    connection.use_unicode = False
    try:
        found = one(connection, statement)[place]
        found = found.decode() if isinstance(found, bytes) else found
    except UnicodeDecodeError:
        return "", "its definition holds bytes that are no text, such as a default of a binary column"
    except (pymysql.err.OperationalError, pymysql.err.ProgrammingError, pymysql.err.InternalError) as error:
        if not connection.open:
            raise
        return "", str(error.args[-1])[:500]
    finally:
        connection.use_unicode = True
    return (found, "") if found else ("", "the account may not see its text")
