"""Every column type at its edges, by both ways of leaving, and character sets as the bytes they are."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.sandbox.servers import MariaDbServer
from jobs.engines.mysql import worktable
from jobs.engines.mysql.conductor import conduct
from tests.servers.mysql_run import Migration, MysqlDatabase, assert_same, databases, work
from tests.servers.pg_run import Spy

pytestmark = pytest.mark.servers


@pytest.fixture
def pair(mariadb_server: MariaDbServer) -> Iterator[Migration]:
    with databases(mariadb_server) as (source, target):
        yield Migration(source, target)


@contextmanager
def local_infile_off(migration: Migration) -> Iterator[None]:
    migration.target.run("set global local_infile = 0")
    try:
        yield
    finally:
        migration.target.run("set global local_infile = 1")


def methods(migration: Migration) -> dict[str, str]:
    """Runs the migration, which must be green; how each table's rows left."""
    asked, plan = migration.asked(), migration.plan()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        verdict = conductor.verdict()
        assert not verdict.reasons, verdict.reasons
        tasks = worktable.tasks(conductor._target, "copy")
        conductor.finish()
    assert_same(migration.source, migration.target)
    return {table["name"]: table["method"] for task in tasks for table in task["tables"]}


_INT = "0, -1, 1, 127, -128"
EDGES = {
    "tinyint": (_INT,),
    "tinyint unsigned zerofill": ("0, 255, 7",),
    "smallint": ("-32768, 32767",),
    "mediumint": ("-8388608, 8388607",),
    "int": ("-2147483648, 2147483647",),
    "bigint": ("-9223372036854775808, 9223372036854775807",),
    "bigint unsigned": ("0, 18446744073709551615",),
    "decimal(65,30)": ("-99999999999999999999999999999999999.999999999999999999999999999999, 0.1, -0.0",),
    "decimal(10,0)": ("9999999999, -1",),
    "float": ("-1220223, 0.1, 3.402823466e38, 1.17549e-38, -0.0, 16777217, 1e-45",),
    "double": ("1.7976931348623157e308, 5e-324, 0.1, -0.0, 1e22, 123456789012345680",),
    "bit(1)": ("b'0', b'1'",),
    "bit(64)": ("b'0', 18446744073709551615, 5",),
    "date": ("'0000-00-00', '1000-01-01', '9999-12-31', '2023-02-31', '2023-00-10'",),
    "time": ("'-838:59:59', '838:59:59', '00:00:00'",),
    "time(6)": ("'-838:59:59.999999', '838:59:59.999999', '-00:00:00.000001'",),
    "datetime": ("'0000-00-00 00:00:00', '9999-12-31 23:59:59'",),
    "datetime(6)": ("'1000-01-01 00:00:00.000001', '9999-12-31 23:59:59.999999'",),
    "timestamp(6) null": ("'1970-01-01 00:00:01.000001', '2038-01-19 03:14:07.999999', '2021-03-28 02:30:00'",),
    "year": ("0, 1901, 2155",),
    "char(5)": ("'', 'a', 'é', '\\\\', '\\n\\t', '\\0'",),
    "varchar(300)": ("'', '\\\\N', 'NULL', 'a\\0b', '\\r\\n\\t\\\\', '🚢', ' lead and trail ', '\\Z'",),
    "tinytext": ("'', '\\\\\\\\', '\\'\"`'",),
    "text": ("'', repeat('\\\\', 30000), repeat('ü', 32000)",),
    "mediumtext": ("'', repeat('x\\n', 100000)",),
    "longtext": ("'', repeat('ab\\t', 300000)",),
    "binary(3)": ("'', x'00', x'ffffff', x'5c6e09'",),
    "varbinary(300)": ("'', x'00', x'fffefdfcfb', x'5c4e', x'0a0d09', 'fffffb'",),
    "tinyblob": ("'', x'00ff'",),
    "blob": ("'', repeat(x'fe', 60000), repeat(x'5c', 60000)",),
    "longblob": ("'', repeat(x'fffefdfcfb00', 300000)",),
    "enum('', 'a', 'ü', 'x,y')": ("'', 'a', 'ü', 'x,y'",),
    "enum('a', 'b')": ("'a', 'b', 0",),
    "set('a', 'b', 'ü')": ("'', 'a', 'a,b,ü'",),
    "json": ("'{}', '\"\\\\\\\\n\"', '[1, 2, null]'",),
    "inet4": ("'0.0.0.0', '255.255.255.255'",),
    "inet6": ("'::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::ffff:1.2.3.4'",),
    "uuid": ("'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'",),
    "point": ("point(1, 2), point(-1e300, 5e-324)",),
    "geometry": ("st_geomfromtext('POLYGON((0 0, 1 0, 1 1, 0 0))', 4326), st_geomfromtext('POINT(1 1)')",),
}
"""Type -> lists of values; NULL comes by itself."""


CELLS = {"text", "mediumtext", "longtext", "binary(3)", "varbinary(300)", "tinyblob", "blob", "longblob", "json"}
CELLS |= {"point", "geometry"}
"""Types whose tables do not travel as plain rows; TEXT alone would, but its table holds more than a row may."""


def edges(pair: Migration) -> None:
    """A table of every type, and one of those that leave as plain rows; a value of each column in each row."""
    for name, kinds in (("plain_ones", [k for k in EDGES if k not in CELLS]), ("all_of_them", list(EDGES))):
        found = [[value for text in EDGES[kind] for value in split(text)] + ["null"] for kind in kinds]
        columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(kinds))
        pair.source.run(
            "set sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'",
            f"create table {name} (n int auto_increment primary key, {columns})",
            *(
                f"insert ignore into {name} values (null, {', '.join(v[row % len(v)] for v in found)})"
                for row in range(max(map(len, found)))
            ),
        )


def test_every_type_at_its_edges(pair: Migration) -> None:
    edges(pair)
    assert methods(pair) == {"plain_ones": "plain rows", "all_of_them": "cells"}
    blank = list(EDGES).index("enum('a', 'b')")
    query = f"select n from all_of_them where c{blank} + 0 = 0"
    assert pair.source.rows(query)
    assert pair.target.rows(query) == pair.source.rows(query)


def test_every_type_at_its_edges_as_inserts(pair: Migration) -> None:
    edges(pair)
    with local_infile_off(pair):
        assert methods(pair) == {"plain_ones": "inserts", "all_of_them": "inserts"}


@pytest.mark.parametrize("method", ["plain rows", "cells", "inserts"])
def test_rows_are_counted_on_their_way(pair: Migration, method: str) -> None:
    kind = "varbinary(1000)" if method == "cells" else "varchar(1000)"
    pair.source.run(
        f"create table t (id int primary key, v {kind})",
        "insert into t select seq, repeat(char(65 + seq % 20), seq % 900) from seq_1_to_5000",
    )
    spy = Spy()
    with local_infile_off(pair) if method == "inserts" else nullcontext():
        assert {table.method for table in pair.plan().tables} == {"inserts" if method == "inserts" else "load stream"}
        assert pair.run(lanes=1, spy=spy).green
    counted = [rows for _, _, rows, moved in spy.reports if moved]
    assert counted[-1] == 5000 and counted == sorted(counted) and 0 < counted[0] < 5000


def split(text: str) -> list[str]:
    """At commas outside of quotes and brackets."""
    parts, depth, quoted, current = [], 0, False, ""
    before = ""
    for letter in text:
        if letter == "'" and before != "\\":
            quoted = not quoted
        if not quoted:
            depth += (letter == "(") - (letter == ")")
        if letter == "," and not quoted and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += letter
        before = "" if before == "\\" else letter
    return [*parts, current]


def test_character_sets_are_bytes(pair: Migration) -> None:
    pair.source.run(
        "create table l (v varchar(300) character set latin1, t text character set latin1)",
        "create table g (v varchar(300) character set gbk, t mediumtext character set gbk)",
        "create table s (v varchar(300) character set sjis)",
        "create table u2 (v varchar(300) character set ucs2)",
        "create table u16 (v varchar(300) character set utf16)",
        "create table u3 (v varchar(300) character set utf8mb3)",
        "create table a (v varchar(300) character set ascii)",
        "create table bin (v varchar(300) character set binary)",
        "create table koi (v enum('да', 'нет') character set koi8r)",
        # cp1252's letters, and the five bytes that it does not have: MySQL's latin1 holds them all.
        *(f"insert into l values (x'{byte:02x}41', x'{byte:02x}')" for byte in range(256)),
        "insert into g values (x'815c', x'815c0a5c')",
        "insert into s values (x'835c')",
        "insert into u2 values ('aé\\\\'), (x'005c')",
        "insert into u16 values ('🚢\\n')",
        "insert into u3 values ('€')",
        "insert into a values ('\\\\')",
        "insert into bin values (x'fdfefffc5c')",
        "insert into koi values ('да'), (null)",
    )
    plain = {table for table, method in methods(pair).items() if method == "plain rows"}
    # What is no UTF-8 travels as the bytes that it is; an ENUM is a number.
    assert plain == {"u3", "a", "koi"}


def clock(micros: int) -> str:
    """A TIME of that many microseconds, which may be more than a day and less than nothing."""
    seconds, rest = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:06}"


def instant(micros: int) -> str:
    """So many microseconds after the epoch, in UTC."""
    return f"{dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=micros):%Y-%m-%d %H:%M:%S.%f}"


LONGEST = (838 * 3600 + 59 * 60 + 59) * 1_000_000 + 999_999
LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | LETTERS, lambda inner: st.lists(inner, max_size=3)
)
COLUMNS = {
    "varchar(100)": st.text(max_size=40),
    "float": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "bigint unsigned": st.integers(0, 2**64 - 1),
    "decimal(65,30)": st.decimals(-(10**35) + 1, 10**35 - 1, places=30),
    "datetime(6)": st.datetimes(),
    "timestamp(6) null": st.integers(10**6, 2**31 * 10**6 - 1).map(instant),
    "time(6)": st.integers(-LONGEST, LONGEST).map(clock),
    "date": st.dates(),
    "bit(64)": st.integers(0, 2**64 - 1),
    "set('a', 'b', 'ü')": st.sets(st.sampled_from(["a", "b", "ü"])).map(lambda found: ",".join(sorted(found))),
    "varbinary(100)": st.binary(max_size=40),
    "json": DOCUMENTS.map(json.dumps),
}
"""The last two make a table's rows travel as cells."""


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*(st.none() | values for values in COLUMNS.values())), min_size=1, max_size=120))
def test_any_row_arrives(mariadb_server: MariaDbServer, rows: list[tuple[object, ...]]) -> None:
    kinds = [f"c{number} {kind}" for number, kind in enumerate(COLUMNS)]
    with databases(mariadb_server) as (source, target):
        source.run(f"create table plain ({', '.join(kinds[:-2])})", f"create table cells ({', '.join(kinds)})")
        insert(source, "plain", [row[:-2] for row in rows])
        insert(source, "cells", rows)
        assert methods(Migration(source, target)) == {"plain": "plain rows", "cells": "cells"}


def insert(database: MysqlDatabase, table: str, rows: list[tuple[object, ...]]) -> None:
    connection = database.server.connect(database.name)
    with connection.cursor() as cursor:
        cursor.execute("set names utf8mb4, sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'")
        for row in rows:
            marks = ", ".join(["%s"] * len(row))
            # As bytes with an introducer: the driver would guess another character set.
            cursor.execute(f"insert into {table} values ({marks})", row)
    connection.commit()
    connection.close()


def test_rows_of_many_megabytes(pair: Migration) -> None:
    pair.source.run(
        "create table fat (id int primary key, v longblob, w longtext)",
        "insert into fat values (1, repeat(x'5c0a', 4000000), repeat('ü', 3000000)), (2, null, ''), (3, 'x', 'y')",
    )
    assert methods(pair) == {"fat": "cells"}


def test_history_of_versioned_tables_travels(pair: Migration) -> None:
    pair.source.run(
        "create table v (id int primary key, a varchar(10)) with system versioning",
        "insert into v values (1, 'one'), (2, 'two')",
        "update v set a = 'eins' where id = 1",
        "delete from v where id = 2",
        """create table w (id int primary key, s timestamp(6) generated always as row start,
            e timestamp(6) generated always as row end, period for system_time (s, e)) with system versioning""",
        "insert into w (id) values (1)",
        "delete from w",
    )
    asked, plan = pair.asked(), pair.plan()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        conductor.finish()
    query = "select id, a, row_start, row_end from v for system_time all order by 1, 3"
    assert pair.source.rows(query) == pair.target.rows(query)
    assert len(pair.target.rows(query)) == 3
    query = "select id, s, e from w for system_time all"
    assert pair.source.rows(query) == pair.target.rows(query)
