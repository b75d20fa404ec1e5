"""Rows that break a foreign key cost that key its proof, and nothing else its place (hard case 6)."""

from __future__ import annotations

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.model import Options, Person
from jobs.core.verdict import Waiver
from jobs.engines.postgres.conductor import conduct
from tests.servers.pg_run import Migration, Spy, assert_same, nothing_of_ours, rows, work
from tests.support.servers import FreshDatabase

SOURCE = """
create schema "S.p";
create table "S.p"."Par ent" (id int primary key);
create table "S.p".child (a int, b int, par int references "S.p"."Par ent" on delete cascade, primary key (a, b));
create table good (id int primary key references "S.p"."Par ent");
insert into "S.p"."Par ent" select generate_series(1, 100); insert into good select generate_series(1, 100);
insert into "S.p".child select i, i, i from generate_series(1, 100) i;
set session_replication_role = replica;
insert into "S.p".child select i, i, i from generate_series(1001, 1088) i;
"""
NAME = "S.p.child.child_par_fkey"
CONSENT = Waiver(key=f"foreign key:{NAME}", by=Person(id="U0ALICE"), reason="acknowledged before the run")


@pytest.fixture
def migration(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> Migration:
    made = Migration(fresh_db(pg16), fresh_db(pg18))
    with made.source.connect() as connection:
        connection.execute(SOURCE)
    return made


def state_of_keys(migration: Migration) -> list[tuple[str, bool]]:
    found = rows(
        migration.target, "select conname::text, convalidated from pg_constraint where contype = 'f' order by 1"
    )
    return [(name, valid) for name, valid in found]


def test_orphans_make_one_difference_that_a_person_may_accept(migration: Migration) -> None:
    plan = migration.plan()
    red = migration.run(plan=plan)
    assert red.reasons == [f"foreign key {NAME}: is NOT VALID on the target: 88 rows break it"]
    (key,) = red.broken_keys
    assert (key.name, key.orphans, len(key.examples), key.examples[0]) == (NAME, 88, 10, "(1001,1001)")
    assert len(rows(migration.target, key.find)) == 88
    assert red.differences[0].key == CONSENT.key
    assert_same(migration.source, migration.target)

    green = migration.run(plan=plan, waivers=[CONSENT])
    assert green.green and green.waived == red.differences and green.broken_keys == red.broken_keys
    assert nothing_of_ours(migration.target)
    assert state_of_keys(migration) == [("child_par_fkey", False), ("good_id_fkey", True)]


def test_a_key_that_differs_in_more_than_its_proof_is_no_broken_key(migration: Migration) -> None:
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
        with migration.target.connect() as target:
            target.execute(
                'alter table "S.p".child drop constraint child_par_fkey,'
                ' add constraint child_par_fkey foreign key (par) references "S.p"."Par ent" not valid'
            )
        verdict = conductor.verdict([CONSENT])
    assert not verdict.green
    assert 'constraint "S.p".child.child_par_fkey: source' in verdict.reasons[0]


def test_a_row_that_was_mended_in_the_source_makes_the_key_valid_at_the_next_run(migration: Migration) -> None:
    plan = migration.plan()
    assert not migration.run(plan=plan).green
    with migration.source.connect() as source:
        source.execute('delete from "S.p".child where a > 1000')
    verdict = migration.run(plan=plan)
    assert verdict.reasons == [] and verdict.broken_keys == ()
    assert state_of_keys(migration) == [("child_par_fkey", True), ("good_id_fkey", True)]


def test_keys_are_validated_again_after_the_end(migration: Migration) -> None:
    migration.options = Options()
    plan = migration.plan()
    verdict = migration.run(plan=plan, waivers=[CONSENT])
    assert verdict.green

    def again() -> list[tuple[str, int]]:
        with conduct(migration.asked(), plan) as conductor:
            return [(key.name, key.orphans) for key in conductor.revalidate(verdict.broken_keys, Spy())]

    assert again() == [(NAME, 88)]
    with migration.target.connect() as target:
        target.execute('delete from "S.p".child where a between 1001 and 1080')
    assert again() == [(NAME, 8)]
    assert state_of_keys(migration)[0] == ("child_par_fkey", False)
    with migration.target.connect() as target:
        target.execute('delete from "S.p".child where a > 1000')
    assert again() == []
    assert again() == [], "harmless when it is done twice"
    assert state_of_keys(migration)[0] == ("child_par_fkey", True)
    with migration.target.connect() as target:
        target.execute('alter table "S.p".child drop constraint child_par_fkey')
    spy = Spy()
    with conduct(migration.asked(), plan) as conductor:
        assert conductor.revalidate(verdict.broken_keys, spy) == ()
    assert spy.notes == [f"Foreign key {NAME} is not in the target any more."]


PARTED = """
create table p (id int primary key);
create table c (id int, p int references p, primary key (id)) partition by range (id);
create table c1 partition of c for values from (0) to (1000);
create table c2 partition of c for values from (1000) to (2000);
insert into p select generate_series(1, 5); insert into c select i, i from generate_series(1, 5) i;
set session_replication_role = replica; insert into c select i, i from generate_series(998, 1002) i;
"""


def test_a_key_of_a_partitioned_table(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> None:
    """PostgreSQL 18 keeps one NOT VALID; of older servers see test_pg_parted_keys."""
    migration = Migration(fresh_db(pg16), fresh_db(pg18))
    with migration.source.connect() as connection:
        connection.execute(PARTED.encode())
    plan = migration.plan()
    verdict = migration.run(plan=plan)
    assert verdict.reasons == ["foreign key public.c.c_p_fkey: is NOT VALID on the target: 5 rows break it"]
    with migration.source.connect() as connection:
        connection.execute("delete from c where id > 900")
    assert migration.run(plan=plan).reasons == []
    found = rows(migration.target, "select bool_and(convalidated), count(*) from pg_constraint where contype = 'f'")
    assert found == [(True, 3)]


PERIODS = """
create table rate (id int4range, during daterange, primary key (id, during without overlaps));
create table bill (id int primary key, rate int4range, during daterange,
    constraint fits foreign key (rate, period during) references rate (id, period during));
insert into rate values ('[1,2)', '[2026-01-01,2026-07-01)'), ('[1,2)', '[2026-07-01,2027-01-01)');
insert into rate values ('[2,3)', '[2026-01-01,2026-02-01)');
insert into bill values (1, '[1,2)', '[2026-06-01,2026-08-01)'), (2, null, '[2020-01-01,2021-01-01)');
insert into bill values (3, '[2,3)', null);
set session_replication_role = replica;
insert into bill values (11, '[2,3)', '[2026-01-15,2026-02-15)'), (12, '[3,4)', '[2026-01-01,2026-01-02)');
insert into bill values (13, '[1,2)', 'empty');
"""


def test_a_key_over_periods(fresh_db: FreshDatabase, pg18: PostgresServer) -> None:
    """Covered by two rows together is covered; half covered is not."""
    migration = Migration(fresh_db(pg18), fresh_db(pg18))
    with migration.source.connect() as connection:
        connection.execute(PERIODS.encode())
    plan = migration.plan()
    verdict = migration.run(plan=plan)
    assert verdict.reasons == ["foreign key public.bill.fits: is NOT VALID on the target: 3 rows break it"]
    (key,) = verdict.broken_keys
    assert key.examples == ("11", "12", "13")
    with migration.source.connect() as connection:
        connection.execute("delete from bill where id > 10")
    assert migration.run(plan=plan).reasons == []
    assert rows(migration.target, "select convalidated from pg_constraint where conname = 'fits'") == [(True,)]


def test_a_key_that_was_proven_before_a_crash_is_proven_again(migration: Migration) -> None:
    """Rows of a later snapshot may break what rows of an earlier one kept; the server believes a valid key."""
    with migration.source.connect() as source:
        source.execute("comment on constraint good_id_fkey on good is 'kept'")
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        work(asked, plan)
    assert ("good_id_fkey", True) in state_of_keys(migration)
    with migration.source.connect() as source:
        source.execute("set session_replication_role = replica; insert into good values (2001), (2002)")
    with conduct(asked, plan) as conductor:
        assert conductor.prepare(Spy()) is True
        work(asked, plan)
        verdict = conductor.verdict([CONSENT])
    assert not verdict.green
    assert {key.name: key.orphans for key in verdict.broken_keys} == {NAME: 88, "public.good.good_id_fkey": 2}
    assert state_of_keys(migration) == [("child_par_fkey", False), ("good_id_fkey", False)]
    comment = "select obj_description(oid, 'pg_constraint') from pg_constraint where conname = 'good_id_fkey'"
    assert rows(migration.target, comment) == [("kept",)]
