"""The plan on real servers: deterministic, true about how rows travel, and of the schema that it names."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import sql

from bot.sandbox.servers import PostgresServer
from jobs.core.model import Scope
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres.inspect import inspect
from jobs.engines.postgres.plan import plan
from tests.support.inspection import asked, endpoint
from tests.support.servers import Database, FreshDatabase, ShopDatabase

TYPES = """
    create type mood as enum ('sad', 'ok');
    create type pair as (a int, b text);
    create domain positive as int check (value > 0);
    create domain strict_positive as positive check (value < 100);
    create domain numbers as int[];
"""
# column type, a value, whether it travels in binary
COLUMNS = [
    ("smallint", "1", True), ("bigint", "1", True), ("numeric(10,2)", "'NaN'", True), ("boolean", "true", True),
    ("varchar(9)", "'é'", True), ("char(3)", "'a'", True), ("bytea", "'\\x00ff'", True),
    ("uuid", "gen_random_uuid()", True),
    ("timestamptz", "'infinity'", True), ("date", "'-infinity'", True), ("timetz", "'12:00+02'", True),
    ("interval", "'1 mon -3 days 00:00:01'", True), ("jsonb", "'{\"a\": [1]}'", True), ("json", "'[1 ]'", True),
    ("inet", "'10.0.0.1/8'", True), ("cidr", "'10.0.0.0/8'", True), ("macaddr", "'08:00:2b:01:02:03'", True),
    ("bit(3)", "'101'", True), ("varbit", "'1'", True), ("money", "'1.23'", True), ("name", "'n'", True),
    ("int[]", "'{1,null,3}'", True), ("text[][]", "'{{a,b},{c,NULL}}'", True), ("numeric[]", "'[2:3]={1,2}'", True),
    ("positive", "7", True), ("strict_positive", "7", True), ("numbers", "'{1,2}'", True),
    ("mood", "'ok'", True), ("mood[]", "'{ok,sad}'", False), ("pair", "row(1,'x')", False),
    ("positive[]", "'{1}'", False), ("int4range", "'[1,5)'", False), ("point", "'(1,2)'", False),
    ("tsvector", "'a b'", False), ("regclass", "'pg_class'", False),
]  # fmt: skip


@pytest.fixture
def pair(pg15: PostgresServer, pg18: PostgresServer, fresh_db: FreshDatabase) -> tuple[Database, Database]:
    return fresh_db(pg15), fresh_db(pg18)


def planned(source: Database, target: Database, **options: Any) -> MigrationPlan:
    return plan(inspect(asked(endpoint(source), endpoint(target), **options)))


def test_binary_only_where_it_is_safe(pair: tuple[Database, Database]) -> None:
    """Every type planned as binary is also carried over in binary, 15 to 18, and arrives the same."""
    with pair[0].connect() as source, pair[1].connect() as target:
        for connection in (source, target):
            # other OIDs on the other side, as in life
            if connection is target:
                connection.execute("create type filler as enum ()")
            connection.execute(TYPES)
            for number, (name, _, _) in enumerate(COLUMNS):
                connection.execute(f"create table t{number} (v {name})".encode())
        for number, (_, value, _) in enumerate(COLUMNS):
            source.execute(f"insert into t{number} values ({value}), (null)".encode())
        methods = {t.name: t.method for t in planned(*pair, scope=Scope.data_only).tables}
        assert {COLUMNS[int(n[1:])][0] for n, m in methods.items() if m == "copy binary"} == {
            name for name, _, binary in COLUMNS if binary
        }
        for number, (name, _, binary) in enumerate(COLUMNS):
            how = "(format binary)" if binary else ""
            with (
                source.cursor().copy(f"copy t{number} to stdout {how}".encode()) as out,
                target.cursor().copy(f"copy t{number} from stdin {how}".encode()) as into,
            ):
                for data in out:
                    into.write(data)
            values = [c.execute(f"select v::text from t{number}".encode()).fetchall() for c in (source, target)]
            assert values[0] == values[1], name


def test_data_only_into_other_types_travels_as_text(pair: tuple[Database, Database]) -> None:
    with pair[0].connect() as source, pair[1].connect() as target:
        source.execute("create table t (a int); create table u (a int)")
        target.execute("create table t (a bigint); create table u (a int)")
    tables = planned(*pair, scope=Scope.data_only).tables
    assert [(t.name, t.method) for t in tables] == [("t", "copy text"), ("u", "copy binary")]


def test_shop(pg15: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase) -> None:
    source, target = shop_db(pg15), fresh_db(pg18)
    first = planned(source, target)
    with source.connect() as connection:
        connection.execute("insert into public.newsletter select * from public.newsletter where false; analyze")
        roots = [n for (n,) in connection.execute("select relname from pg_class where relkind = 'p'").fetchall()]
    again = planned(source, target)
    assert (again.digest, again.schema_fingerprint) == (first.digest, first.schema_fingerprint)
    assert {t.name for t in first.tables if not t.rows_moved} == set(roots)
    assert [s.name for s in first.steps] == [
        "schema", "copy", "index", "constraint", "sequence", "finish", "analyze", "verify",
    ]  # fmt: skip
    assert all(s.count for s in first.steps)
    assert len(first.measures.table_bytes) == len(first.tables) and first.measures.need_bytes > 0
    assert 0 < first.measures.seconds_low < first.measures.seconds_high
    assert [s.name for s in planned(source, target, scope=Scope.schema_only).steps] == [
        "schema", "index", "constraint", "finish", "verify",
    ]  # fmt: skip


CHANGES = [
    "alter table t add column x int",
    "alter table t alter v type varchar(9)",
    "alter table t alter v set default 'x'",
    "alter table t add check (id > 0)",
    "create index on t (v)",
    "create or replace view w as select id from t where id > 3",
    "create or replace function f() returns int language sql as 'select 2'",
    "alter type mood add value 'great'",
    "create trigger g before update on t for each row execute function suppress_redundant_updates_trigger()",
    "alter sequence s increment 5",
    "alter table t enable row level security",
    "create policy p on t using (id > 1)",
    "alter domain d add check (value < 5)",
    "create rule r as on delete to t do instead nothing",
]


BEFORE = """
    create type mood as enum ('sad');
    create sequence s;
    create domain d as int;
    create table out_of_it (i int);
    create table t (id int primary key, v text);
    create function f() returns int language sql as 'select 1';
    create view w as select id from t;
"""


def print_of(pair: tuple[Database, Database]) -> str:
    return planned(*pair, exclude=("public.out_of_it",)).schema_fingerprint


def test_fingerprint_sees_every_change_of_schema_and_none_of_data(pair: tuple[Database, Database]) -> None:
    with pair[0].connect() as source:
        source.execute(BEFORE)
        seen = [print_of(pair)]
        source.execute("insert into t select i, '' from generate_series(1, 1000) i")
        source.execute("select nextval('s')")
        source.execute("analyze")
        source.execute("alter table out_of_it add j int")
        assert print_of(pair) == seen[0]
        for change in CHANGES:
            source.execute(change.encode())
            seen.append(print_of(pair))
    assert len(set(seen)) == len(seen), [c for c, a, b in zip(CHANGES, seen, seen[1:], strict=False) if a == b]


def test_odd_names_come_out_as_they_are(pair: tuple[Database, Database]) -> None:
    names = ['we"ird\nnä.me', "DROP", "a'b\\c", "😀" * 15, "t%s{}"]
    with pair[0].connect() as source:
        for name in names:
            make = sql.SQL("create schema {0}; create table {0}.{0} (i int primary key)")
            source.execute(make.format(sql.Identifier(name)))
    found = planned(*pair).tables
    assert {(t.schema_name, t.name) for t in found} == {(n, n) for n in names}
