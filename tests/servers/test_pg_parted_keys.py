"""Rows that break a partitioned table's foreign key: before PostgreSQL 18 each partition gets a key of its own."""

from __future__ import annotations

import signal

import psycopg
import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.model import Person
from jobs.core.verdict import BrokenKey, Waiver
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.lane import open_lane
from jobs.engines.postgres.parted_keys import stand_in
from tests.servers.pg_run import Migration, Spy, assert_same, doomed, drain, nothing_of_ours, rows, steps
from tests.support.servers import Database, FreshDatabase

SOURCE = """
create schema "S.p";
create table "S.p"."Par ent" (id int primary key) partition by range (id);
create table "S.p".par1 partition of "S.p"."Par ent" for values from (0) to (50);
create table "S.p".par2 partition of "S.p"."Par ent" for values from (50) to (5000);
create table "S.p".c (id int primary key, p int, above int) partition by range (id);
alter table "S.p".c add constraint "c p" foreign key (p) references "S.p"."Par ent" on delete cascade
    deferrable initially deferred;
alter table "S.p".c add constraint own foreign key (above) references "S.p".c;
alter table "S.p".c add constraint fine foreign key (p) references "S.p"."Par ent";
create table "S.p"."c 1" partition of "S.p".c for values from (0) to (1000);
create table "S.p".c2 partition of "S.p".c for values from (1000) to (3000) partition by range (id);
create table "S.p".c2a partition of "S.p".c2 for values from (1000) to (2000);
create table "S.p".c2b partition of "S.p".c2 for values from (2000) to (3000);
comment on constraint "c p" on "S.p".c is 'why''s';
insert into "S.p"."Par ent" select generate_series(1, 100);
insert into "S.p".c select i, i, null from generate_series(1, 100) i;
insert into "S.p".c select 2000 + i, i, i from generate_series(1, 100) i;
"""
ORPHANS = """
alter table "S.p".c drop constraint fine;
set session_replication_role = replica;
insert into "S.p".c select 900 + i, 4000 + i, 1 from generate_series(1, 5) i;
insert into "S.p".c select 1000 + i, 4000 + i, 9999 from generate_series(1, 7) i;
"""
KEYS = ("S.p.c.c p", "S.p.c.own")
ALICE = Person(id="U0ALICE")
CONSENT = [Waiver(key=f"foreign key:{name}", by=ALICE, reason="acknowledged before the run") for name in KEYS]
RED = [
    "foreign key S.p.c.c p: stands NOT VALID on each partition: 12 rows break it",
    "foreign key S.p.c.own: stands NOT VALID on each partition: 7 rows break it",
]
VALID = """
select c.relname::text, k.conname::text, k.convalidated, k.coninhcount > 0
from pg_constraint k join pg_class c on c.oid = k.conrelid
where k.contype = 'f' and c.relname in ('c', 'c 1', 'c2', 'c2a', 'c2b')
    and exists (select from pg_class r where r.oid = k.confrelid and r.relname in ('c', 'Par ent')) order by 1, 2
"""


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg15: PostgresServer, pg16: PostgresServer) -> Migration:
    made = Migration(fresh_db(pg15), fresh_db(pg16))
    execute(made.source, SOURCE)
    execute(made.source, ORPHANS)
    return made


def execute(database: Database, text: str) -> None:
    with database.connect() as connection:
        connection.execute(text.encode())


def keys_of(migration: Migration) -> dict[tuple[str, str], tuple[bool, bool]]:
    """(table, key) -> valid, part of another."""
    return {(table, key): (valid, part) for table, key, valid, part in rows(migration.target, VALID)}


REPLICA = "set session_replication_role = replica;"
MEND = 'delete from "S.p".c where id between 900 and 1999'


def assert_whole(migration: Migration) -> None:
    """The keys are there, valid, and act."""
    found = keys_of(migration)
    for name in ("c p", "own"):
        assert found["c", name] == (True, False)
    assert all(valid for valid, _ in found.values())
    assert all(part for (table, _), (_, part) in found.items() if table != "c")
    assert rows(migration.target, "select obj_description(oid) from pg_constraint where conname = 'c p'"
                " and obj_description(oid) is not null") == [("why's",)]  # fmt: skip
    assert_act(migration)


def assert_act(migration: Migration) -> None:
    """No new orphan comes in, and a parent takes its children along."""
    for orphan in ("(5, 4999, null)", "(1500, 4999, null)", "(2500, 1, 9998)"):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            execute(migration.target, f'insert into "S.p".c values {orphan.replace("(5,", "(500,")}')
    with migration.target.connect(autocommit=False) as connection:
        connection.execute('update "S.p".c set above = null')
        connection.execute('delete from "S.p"."Par ent" where id in (7, 77)')
        connection.execute("set constraints all immediate")
        left = connection.execute('select count(*) from "S.p".c where p in (7, 77)').fetchone()
        connection.rollback()
    assert left == (0,)


def again(migration: Migration, broken: tuple[BrokenKey, ...]) -> tuple[BrokenKey, ...]:
    spy = Spy()
    with conduct(migration.asked(), migration.plan()) as conductor:
        left = conductor.revalidate(broken, spy)
    assert spy.notes == []
    return left


def test_without_orphans_the_key_is_added_whole(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    migration = Migration(fresh_db(pg16), fresh_db(pg16))
    execute(migration.source, SOURCE)
    assert migration.run().reasons == []
    assert keys_of(migration)["c", "fine"] == (True, False)
    assert_whole(migration)


def test_orphans_leave_a_key_on_each_partition_until_it_is_whole(migration: Migration) -> None:
    plan = migration.plan()
    red = migration.run(plan=plan)
    assert red.reasons == RED
    assert [(key.name, key.orphans, key.parted) for key in red.broken_keys] == [
        (KEYS[0], 12, True),
        (KEYS[1], 7, True),
    ]
    assert [len(rows(migration.target, key.find)) for key in red.broken_keys] == [12, 7]
    assert any(d.kind == "comment" and d.why for d in red.transformed)
    green = migration.run(plan=plan, waivers=CONSENT)
    assert green.green and green.waived == red.differences
    assert nothing_of_ours(migration.target)
    assert_same(migration.source, migration.target)
    assert_act(migration)
    before = keys_of(migration)
    assert ("c", "c p") not in before
    assert before["c 1", stand_in("c p")] == (False, False) and before["c2b", stand_in("c p")] == (True, False)

    assert [key.orphans for key in again(migration, green.broken_keys)] == [12, 7]
    assert keys_of(migration) == before
    execute(migration.target, 'set session_replication_role = replica; delete from "S.p".c where id = 901')
    left = again(migration, green.broken_keys)
    assert [key.orphans for key in left] == [11, 7]
    execute(migration.target, REPLICA + MEND)
    assert again(migration, left) == ()
    assert_whole(migration)
    assert ("c 1", stand_in("c p")) in keys_of(migration), "taken as it was, and no row looked at again"
    assert again(migration, left) == (), "harmless when it is done twice"
    assert_whole(migration)


def test_a_source_that_was_mended_makes_it_whole_at_the_next_run(migration: Migration) -> None:
    plan = migration.plan()
    assert migration.run(plan=plan).reasons == RED
    execute(migration.source, REPLICA + MEND)
    verdict = migration.run(plan=plan)
    assert verdict.reasons == [] and verdict.broken_keys == ()
    assert_whole(migration)
    assert nothing_of_ours(migration.target)


def test_a_finished_target_is_brought_up_to_date_with_its_keys(migration: Migration) -> None:
    plan = migration.plan()
    assert migration.run(plan=plan, waivers=CONSENT).green
    execute(migration.source, REPLICA + 'delete from "S.p".c where id = 1001')
    verdict = migration.run(plan=plan, refresh=True, waivers=CONSENT)
    assert verdict.green and [key.orphans for key in verdict.broken_keys] == [11, 6]
    execute(migration.source, REPLICA + MEND)
    assert migration.run(plan=plan, refresh=True).reasons == []
    assert_same(migration.source, migration.target)
    assert_whole(migration)


@pytest.mark.parametrize("change", [
    'alter table "S.p".c2a drop constraint "c p_of_part"',
    'alter table "S.p".c2a drop constraint "c p_of_part", add constraint "c p_of_part"'
    ' foreign key (p) references "S.p"."Par ent" not valid',
    'alter table "S.p".c2a add constraint more foreign key (p) references "S.p"."Par ent" not valid',
])  # fmt: skip
def test_a_partition_whose_key_is_not_as_it_should_be_is_seen(migration: Migration, change: str) -> None:
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as lane:
            drain(lane, Spy())
        execute(migration.target, change)
        verdict = conductor.verdict(CONSENT)
    assert not verdict.green
    assert any(reason.startswith("constraint ") for reason in verdict.reasons)


def test_killed_among_its_keys_a_run_ends_the_same(migration: Migration) -> None:
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as lane:
            steps(lane, lambda task: task.kind == "foreign keys")
    kills = sum(doomed(migration, plan, at) == -signal.SIGKILL for at in (25, 40, 55))
    assert kills
    assert migration.run(plan=plan).reasons == RED
    with conduct(asked, plan) as conductor:
        assert "objects were removed" in conductor.undo(Spy())
    assert nothing_of_ours(migration.target)
    assert rows(migration.target, "select 1 from pg_namespace where nspname = 'S.p'") == []


def test_a_role_that_may_not_silence_triggers_resumes_and_is_rolled_back(migration: Migration) -> None:
    name = migration.target.name
    execute(migration.target, f"create role mover_{name} login password 'secret' in role pg_read_all_data;"
            f' alter database "{name}" owner to mover_{name}')  # fmt: skip
    migration.user = (f"mover_{name}", "secret")
    migration.options = migration.options.model_copy(update={"keep_owners": False})
    plan, asked = migration.plan(), migration.asked()
    assert migration.run(plan=plan).reasons == RED
    execute(migration.source, 'set session_replication_role = replica; delete from "S.p".c where id = 1001')
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as lane:
            drain(lane, Spy())
        verdict = conductor.verdict(CONSENT)
        assert verdict.green and [key.orphans for key in verdict.broken_keys] == [11, 6]
        keepsake = conductor.keepsake()
        conductor.finish()
    execute(migration.target, MEND)
    assert again(migration, verdict.broken_keys) == ()
    with conduct(asked, plan) as conductor:
        assert "as it was found" in conductor.roll_back(keepsake, Spy())
    assert rows(migration.target, "select 1 from pg_namespace where nspname = 'S.p'") == []


def test_the_name_of_a_stand_in_fits() -> None:
    assert stand_in("k") == "k_of_part"
    long = [stand_in("ä" * 31 + letter) for letter in "ab"]
    assert long[0] != long[1] and all(len(name.encode()) <= 63 for name in long)
