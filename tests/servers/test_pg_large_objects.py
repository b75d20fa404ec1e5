"""Large objects: by two lanes at once, and after kills while people went on changing them in the source."""

from __future__ import annotations

import signal

from bot.sandbox.servers import PostgresServer
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.lane import open_lane
from tests.servers.pg_everything import prefix
from tests.servers.pg_run import Migration, Spy, doomed, rows, steps
from tests.support.servers import FreshDatabase

KILLED = -signal.SIGKILL
SOURCE = """
create table small (id int primary key); insert into small values (1);
create role {p}_reader;
select lo_from_bytea((100000 + i)::oid, convert_to(repeat(md5(i::text), i % 50), 'UTF8'))
from generate_series(1, 620) i;
select lo_from_bytea(200000, decode(repeat('00ff41', 1000000), 'hex'));
comment on large object 100001 is 'one'; grant select on large object 100002 to {p}_reader;
"""
CHANGES = (
    "select lo_put(200000, 1500000, 'changed'), lo_put(100003, 0, 'x'), lo_unlink(100004), lo_unlink(100120)",
    "select lo_from_bytea(300000, 'new'), lo_from_bytea(100004, 'again');"
    " comment on large object 100001 is 'two'; comment on large object 100005 is 'five'",
    "begin; select lo_truncate(lo_open(200000, 131072), 1000000); commit; select lo_unlink(300000);"
    " revoke select on large object 100002 from {p}_reader; grant update on large object 100006 to {p}_reader;"
    " select lo_from_bytea(400000 + i, 'late') from generate_series(1, 30) i",
)
HELD = """
select m.oid::bigint, length(lo_get(m.oid)), md5(lo_get(m.oid)), obj_description(m.oid, 'pg_largeobject'),
    coalesce(lomacl::text, '') from pg_largeobject_metadata m order by 1"""


def test_large_objects_end_exact_after_kills_and_changes(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer
) -> None:
    p, source, target = prefix(), fresh_db(pg16), fresh_db(pg18)
    with target.connect() as connection:
        connection.execute(f"create role {p}_reader")
    migration = Migration(source, target)
    change(migration, SOURCE, p)
    plan = migration.plan()
    seen = []
    for at, text in zip((200, 1700, 900), CHANGES, strict=True):
        assert doomed(migration, plan, at) == KILLED
        seen.append(open_tasks(migration))
        change(migration, text, p)
    assert seen[0] == (2, 2) and seen[1] == (1, 2), "killed within the first, and with one of two behind it"
    assert migration.run(plan=plan, lanes=2).reasons == []
    assert rows(source, HELD) == rows(target, HELD)
    assert len(rows(source, HELD)) == 650


def change(migration: Migration, text: str, p: str) -> None:
    with migration.source.connect() as connection:
        connection.execute(text.replace("{p}", p).encode())


def open_tasks(migration: Migration) -> tuple[int, int]:
    """Of tasks of large objects: those open, and all."""
    query = "select count(*) filter (where done_at is null), count(*) from ferrybot.task where kind = 'large objects'"
    ((left, total),) = rows(migration.target, query)
    return int(left), int(total)


def test_two_lanes_bring_them_at_once(fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer) -> None:
    p, source, target = prefix(), fresh_db(pg16), fresh_db(pg18)
    with target.connect() as connection:
        connection.execute(f"create role {p}_reader")
    migration = Migration(source, target)
    change(migration, SOURCE, p)
    plan, asked = migration.plan(), migration.asked()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(asked, plan) as one, open_lane(asked, plan) as other:
            held = [(lane, steps(lane, lambda task: task.kind == "large objects")) for lane in (one, other)]
            assert len({task.id for _, task in held}) == 2, "each holds one of the two"
            spy = Spy()
            done = [(lane, task, lane.perform(task, spy)) for lane, task in held]
            moved = [report[3] for report in spy.reports if report[3] > 2_000_000]
            assert moved == sorted(moved) and len(set(moved)) >= 2, "piece by piece of the one of 3 MB"
            for lane, task, result in done:
                lane.commit(task, result)
        assert open_tasks(migration) == (0, 2)
    assert migration.run(plan=plan).reasons == []
    assert rows(source, HELD) == rows(target, HELD)
