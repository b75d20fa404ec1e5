"""A red verdict names the rows: how many are missing, unexpected or changed, and their keys (hard case 1)."""

from __future__ import annotations

import pytest
from psycopg.types.json import Json

from bot.sandbox.servers import PostgresServer
from jobs.core.model import Options
from jobs.core.verdict import RowDifference
from jobs.engines.postgres import bisect
from jobs.engines.postgres.conductor import PostgresConductor, conduct
from jobs.engines.postgres.lane import open_lane
from jobs.engines.postgres.perform.hands import Hands
from jobs.engines.postgres.perform.verify import verify
from jobs.ports.engine import Task
from tests.servers.pg_run import Migration, Spy, assert_same, drain, steps, work
from tests.support.servers import FreshDatabase, PostgresPool

SOURCE = """
create table plain (id int primary key, a int, note text);
create table texts (name text primary key, v int);
create table pairs (a int, b text, v text, primary key (a, b));
create table loose (a int, t text);
create table late (id int not null, other int, v text); create unique index on late (id);
create table partial (id int unique, v text);
create table made (id int primary key, v int, twice int generated always as (v * 2) stored);
insert into plain select i, i, 'n' || i from generate_series(1, 5000) i;
insert into texts values ('a', 1), ('A', 2), ('ä', 3), ('', 4), (repeat('long ', 50), 5);
insert into texts values ('two' || chr(10) || 'lines', 6);
insert into pairs values (1, 'x', 'p'), (1, 'y', 'q'), (2, 'x', 'r');
insert into loose select i / 2, 'l' from generate_series(0, 99) i; insert into loose values (null, null);
insert into late select i, i, 'v' from generate_series(1, 10) i;
insert into partial values (null, 'a'), (null, 'b'), (1, 'c');
insert into made (id, v) select i, i from generate_series(1, 10) i;
"""

DAMAGE = {
    "a lost row": ("delete from plain where id = 7", {"table": "public.plain", "missing": 1, "examples": ("7",)}),
    "new rows": (
        "insert into plain values (9001, 1, 'x'), (9002, 1, 'x')",
        {"table": "public.plain", "unexpected": 2, "examples": ("9001", "9002")},
    ),
    "a changed row": (
        "update plain set a = 0 where id = 12",
        {"table": "public.plain", "changed": 1, "examples": ("12",)},
    ),
    "two rows that swapped values": (
        "update plain set note = case id when 3 then 'n4' else 'n3' end where id in (3, 4)",
        {"table": "public.plain", "changed": 2, "examples": ("3", "4")},
    ),
    "all of it": (
        "delete from plain where id = 1; insert into plain values (0, 1, 'n'); update plain set a = -a where id = 2",
        {"table": "public.plain", "missing": 1, "unexpected": 1, "changed": 1, "examples": ("0", "1", "2")},
    ),
    "an emptied table": (
        "delete from plain",
        {"table": "public.plain", "missing": 5000, "examples": tuple(map(str, range(1, 11)))},
    ),
    "a text key in another case": (
        "update texts set name = 'B' where name = 'A'",
        {"table": "public.texts", "key": ("name",), "missing": 1, "unexpected": 1, "examples": ("A", "B")},
    ),
    "a long key": (
        "update texts set v = 0 where v = 5",
        {"table": "public.texts", "key": ("name",), "changed": 1, "examples": ("long " * 12 + "…",)},
    ),
    "a key of two lines": (
        "delete from texts where v = 6",
        {"table": "public.texts", "key": ("name",), "missing": 1, "examples": ("two lines",)},
    ),
    "a composite key": (
        "update pairs set v = 'z' where a = 1 and b = 'y'",
        {"table": "public.pairs", "key": ("a", "b"), "changed": 1, "examples": ("(1,y)",)},
    ),
    "a doubled row without a key": (
        "insert into loose values (5, 'l')",
        {"table": "public.loose", "key": (), "unexpected": 1, "examples": ()},
    ),
    "a row without a key": (
        "delete from loose where a is null; update loose set t = 'm' where a = 9",
        {"table": "public.loose", "key": (), "missing": 3, "unexpected": 2, "examples": ()},
    ),
    "a unique key": (
        "delete from late where id = 4",
        {"table": "public.late", "key": ("id",), "missing": 1, "examples": ("4",)},
    ),
    "a key that may be null names no row": (
        "update partial set v = 'z' where id = 1",
        {"table": "public.partial", "key": (), "missing": 1, "unexpected": 1, "examples": ()},
    ),
    "a generated column": (
        "update made set v = 0 where id = 10",
        {"table": "public.made", "changed": 1, "examples": ("10",)},
    ),
}


def migration_of(fresh_db: FreshDatabase, source: PostgresServer, target: PostgresServer) -> Migration:
    made = Migration(fresh_db(source), fresh_db(target), Options(parallelism=1))
    with made.source.connect() as connection:
        connection.execute(SOURCE)
    return made


@pytest.mark.parametrize(("old", "new"), [(16, 18), (15, 16)])
def test_every_damage_is_found_and_named(
    pg_server: PostgresPool, fresh_db: FreshDatabase, old: int, new: int
) -> None:
    """One run; after each damage the tables are compared again, and the damage is taken back."""
    migration = migration_of(fresh_db, pg_server.server(old), pg_server.server(new))
    plan, asked = migration.plan(), migration.asked()
    wrong = {}
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
        assert conductor.verdict().reasons == []
        for name, (change, expected) in DAMAGE.items():
            found = damaged(migration, conductor, change)
            if found != [RowDifference(**{"key": ("id",), **expected})]:
                wrong[name] = found
    assert wrong == {}


def damaged(migration: Migration, conductor: PostgresConductor, change: str) -> list[RowDifference]:
    """The row differences of a verdict on a target that was changed, which then is as before."""
    session = conductor._target
    session.execute("begin; set local session_replication_role = replica; set local search_path = public")
    try:
        session.execute(change.encode())
        session.execute("set local search_path = ''")
        prove_again(migration, conductor)
        return list(conductor.verdict().rows)
    finally:
        session.execute("rollback")


def prove_again(migration: Migration, conductor: PostgresConductor) -> None:
    """What the verify tasks would keep now."""
    assert conductor._source
    hands = Hands(conductor._source, conductor._target, migration.asked(), silenced=True, again=False)
    found = conductor._target.execute("select id, payload from ferrybot.task where kind = 'verify'").fetchall()
    for number, payload in found:
        done = verify(hands, Task(number, "verify", "verify", "", payload=payload), Spy())
        conductor._target.execute("update ferrybot.task set result = %s where id = %s", [Json(done.result), number])


def test_a_damaged_target_is_red_and_the_next_run_repairs_it(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer
) -> None:
    migration = migration_of(fresh_db, pg16, pg18)
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as lane:
            lane.rollback(steps(lane, lambda task: task.kind == "verify"))
            with migration.target.connect() as target:
                target.execute("delete from plain where id < 4; insert into loose values (1, 'l')")
            drain(lane, Spy())
        verdict = conductor.verdict()
    assert not verdict.green
    said = sorted(str(row) for row in verdict.rows)
    assert said == ["public.loose: 1 unexpected", "public.plain: 3 missing; id: 1, 2, 3"]
    repaired = migration.run(plan=plan)
    assert repaired.reasons == []
    assert_same(migration.source, migration.target)


def test_more_rows_than_are_fetched_are_told_as_at_least(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = migration_of(fresh_db, pg16, pg18)
    plan, asked = migration.plan(), migration.asked()
    monkeypatch.setattr(bisect, "ROWS", 40)
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
        (found,) = damaged(migration, conductor, "update plain set a = 0")
        assert found.at_least and 0 < found.changed <= 5000 and found.examples
        # What one side has none of is counted by its buckets: exactly, however many there are.
        (found,) = damaged(migration, conductor, "delete from plain")
        assert (found.missing, found.at_least, len(found.examples)) == (5000, False, 10)


def test_only_so_many_tables_are_looked_into(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = migration_of(fresh_db, pg16, pg18)
    plan, asked = migration.plan(), migration.asked()
    monkeypatch.setattr(bisect, "TABLES", 1)
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
        found = damaged(migration, conductor, "delete from plain where id = 1; delete from made where id = 2")
    assert len(found) == 2 and {row.missing for row in found} == {1}
    assert [row.at_least for row in found] == [False, True]


def test_hashes_of_old_servers_find_the_same_rows(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    """Below 11 both sides use md5; the statements are the same for newer servers, which can be asked here."""
    source, target = fresh_db(pg16), fresh_db(pg16)
    for database in (source, target):
        with database.connect() as connection:
            connection.execute(SOURCE)
    with target.connect() as connection:
        connection.execute("delete from pairs where a = 2; update plain set a = 0 where id = 3")
    described = {"schema": "public", "floats": [], "exact": [], "texts": []}
    with source.connect() as ours, target.connect() as theirs:
        for name, columns, expected in (
            (
                "pairs",
                ["a", "b", "v"],
                RowDifference(table="public.pairs", key=("a", "b"), missing=1, examples=("(2,x)",)),
            ),
            (
                "plain",
                ["id", "a", "note"],
                RowDifference(table="public.plain", key=("id",), changed=1, examples=("3",)),
            ),
        ):
            asked = Old.of(ours, theirs, {**described, "name": name, "all": columns}, 5000)
            assert asked.run() == expected


class Old(bisect.Bisection):
    """As between two servers of PostgreSQL 10."""

    @property
    def _oldest(self) -> int:
        return 100000
