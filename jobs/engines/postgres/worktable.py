"""The task table in the target: names, phases, and every statement that touches it.

Why a crash leaves nothing half done: a task is claimed by a row lock, its work and its mark are one
transaction, and the mark first takes `ferrybot.run` FOR SHARE and compares epochs. A new conductor raises the
epoch, so a lane that outlived its conductor can commit before that (and is proven again) or never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from psycopg.types.json import Json, Jsonb

from jobs.core.progress import Work
from jobs.engines.postgres.connect import Connection

SCHEMA = "ferrybot"
CHANNEL = "ferrybot"
DDL = files("jobs.engines.postgres").joinpath("sql/worktable.sql").read_text()

LOCK_CLASS = 0x0FE2_2B07
"""First half of our advisory locks; the second says which. Any fixed number does that nobody else uses."""
FENCE, LANES = 1, 2

PHASES = {
    5: ("roles", "Creating roles"),
    10: ("schema", "Creating the schema"),
    20: ("copy", "Copying rows"),
    30: ("index", "Building indexes"),
    32: ("index", "Building indexes"),
    34: ("index", "Building indexes"),
    36: ("late", "Copying rows that name relations or routines"),
    38: ("constraint", "Adding constraints"),
    40: ("constraint", "Adding foreign keys"),
    45: ("constraint", "Validating foreign keys"),
    46: ("constraint", "Validating foreign keys"),
    48: ("sequence", "Setting sequences"),
    50: ("finish", "Creating triggers, policies and grants"),
    60: ("finish", "Filling materialized views"),
    62: ("finish", "Indexing materialized views"),
    64: ("finish", "Creating triggers, policies and grants"),
    66: ("finish", "Creating triggers, policies and grants"),
    68: ("finish", "Creating event triggers"),
    70: ("analyze", "Gathering statistics"),
    90: ("verify", "Verifying"),
    95: ("settings", "Setting what holds in the database"),
}
"""Order -> the plan's name of the step, and a title.

Numbers leave room; a later phase may start early where `needs` and `barrier` allow."""

REOPENED = (
    "parts",
    "copy",
    "configuration",
    "large objects",
    "validate",
    "refresh",
    "comments",
    "sequences",
    "verify",
)
"""Kinds whose result depends on the source's rows: a new snapshot makes them open again. A key that is valid by now
costs nothing."""


@dataclass(frozen=True)
class Row:
    """A task to be written. `id` is its place in the list; `needs` name other ids."""

    id: int
    kind: str
    phase: int
    title: str
    size: int = 0
    tables: int = 0
    payload: dict[str, Any] = field(default_factory=dict)
    needs: tuple[int, ...] = ()
    barrier: int = 0


@dataclass(frozen=True)
class Run:
    """The one row of `ferrybot.run`."""

    migration: str
    digest: str
    epoch: int
    snapshot: str
    replica_role: bool
    tool: str
    definitions: dict[str, str]
    left_out: list[list[int]]
    unchecked: list[str]


_READ_RUN = """
select migration, digest, epoch, snapshot, replica_role, tool, definitions, left_out, unchecked
from ferrybot.run"""

_WRITE_RUN = """
insert into ferrybot.run (migration, digest, epoch, snapshot, server_pid, host, pid, replica_role, tool,
                          definitions, left_out, unchecked)
values (%s, %s, 1, %s, pg_backend_pid(), %s, %s, %s, %s, %s, %s, %s)"""

_COPY_TASKS = "copy ferrybot.task (id, kind, phase, title, size, tables, payload, needs, barrier) from stdin"

_NEXT_EPOCH = """
update ferrybot.run set epoch = epoch + 1, snapshot = %s, server_pid = pg_backend_pid(), host = %s, pid = %s,
    replica_role = %s, resumed_at = clock_timestamp()
returning epoch"""

_REOPEN = """
update ferrybot.task set done_at = null, attempts = 0, error = default, fatal = false
where kind = any(%s) and done_at is not null"""

_FORGIVE = "update ferrybot.task set attempts = 0, error = default, fatal = false where attempts > 0 or fatal"

_CLAIM = """
select t.id, t.kind, t.phase, t.title, t.size, t.payload, t.attempts, t.epoch, t.result
from ferrybot.task t
where t.done_at is null and not t.fatal
  and not exists (select from ferrybot.task n where n.id = any(t.needs) and n.done_at is null)
  -- Nothing below the barrier is open. One look for all tasks: asked for each, it took seconds of 75,000.
  and t.barrier <= (select min(n.phase) from ferrybot.task n where n.done_at is null)
order by t.phase, t.size desc, t.id
limit 1
for update of t skip locked"""

_PULSE = """
select r.epoch, r.snapshot, exists (
    select from pg_locks l
    where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())
      and l.classid = %s and l.objid = %s and l.objsubid = 2 and l.granted)
from ferrybot.run r"""

_MARK = """
update ferrybot.task set done_at = clock_timestamp(), epoch = %s, rows = %s, bytes = %s,
    seconds = extract(epoch from clock_timestamp() - now()), result = %s, error = default
where id = %s"""

_FAIL = "update ferrybot.task set attempts = attempts + 1, error = %s, fatal = fatal or %s where id = %s"

_TALLY = """
select count(*), count(*) filter (where done_at is not null),
    coalesce(sum(tables), 0), coalesce(sum(tables) filter (where done_at is not null), 0),
    coalesce(sum(rows) filter (where kind = 'copy' and done_at is not null), 0),
    coalesce(sum(size) filter (where kind = 'copy'), 0),
    coalesce(sum(size) filter (where kind = 'copy' and done_at is not null), 0),
    min(phase) filter (where done_at is null),
    (select count(*) from pg_locks l where l.locktype = 'advisory' and l.granted
        and l.database = (select oid from pg_database where datname = current_database())
        and l.classid = %s and l.objid = %s and l.objsubid = 2)
from ferrybot.task"""

_LARGEST = """
select title, sum(rows)::bigint, sum(bytes)::bigint, sum(seconds) from ferrybot.task
where kind = 'copy' group by title having bool_and(done_at is not null) order by 3 desc, 1 limit %s"""

_WORK = """
select kind, coalesce(sum(size) filter (where done_at is not null), 0)::bigint,
    coalesce(sum(size) filter (where done_at is null), 0)::bigint,
    coalesce(sum(seconds) filter (where done_at is not null), 0),
    count(*) filter (where done_at is not null), count(*) filter (where done_at is null)
from ferrybot.task group by kind"""

_FATAL = "select error, title from ferrybot.task where fatal order by id limit 1"

_RESULTS = (
    "select result from ferrybot.task where kind = any(%s) and done_at is not null and result is not null order by id"
)

_PAYLOADS = "select payload from ferrybot.task where kind = any(%s) order by id"

_MOVE_SECONDS = """
select coalesce(extract(epoch from max(t.done_at) - min(r.made_at)), 0)
from ferrybot.run r, ferrybot.task t where t.kind <> 'verify' and t.done_at >= r.made_at"""

_DONE_BACKWARDS = """
select id, kind, payload from ferrybot.task
where done_at is not null or epoch is not null order by phase desc, id desc"""

_ADD_LARGE_OBJECTS = """
insert into ferrybot.task (id, kind, phase, title, payload)
select max(id) + 1, 'large objects', 20, %s, jsonb_build_object('oids', %s::jsonb) from ferrybot.task"""


def exists(connection: Connection) -> bool:
    """Whether a run was ever prepared in this database and not finished."""
    row = connection.execute("select to_regclass('ferrybot.run') is not null").fetchone()
    return bool(row and row[0])


def read_run(connection: Connection) -> Run | None:
    """The run that this database holds."""
    if not exists(connection):
        return None
    row = connection.execute(_READ_RUN).fetchone()
    return Run(*row) if row else None


def write(connection: Connection, run: Run, rows: Sequence[Row], host: str, pid: int) -> None:
    """Schema, run and tasks, for the caller's transaction."""
    connection.execute(DDL, prepare=False)
    values = (run.migration, run.digest, run.snapshot, host, pid, run.replica_role, run.tool)
    documents = (run.definitions, run.left_out, run.unchecked)
    connection.execute(_WRITE_RUN, [*values, *map(Jsonb, documents)])
    with connection.cursor() as cursor, cursor.copy(_COPY_TASKS) as copy:
        for row in rows:
            columns = (row.id, row.kind, row.phase, row.title, row.size, row.tables)
            copy.write_row((*columns, Jsonb(row.payload), list(row.needs), row.barrier))
    connection.execute("analyze ferrybot.task")


def next_epoch(connection: Connection, snapshot: str, replica_role: bool, host: str, pid: int) -> int:
    """A new conductor's epoch; every task that depends on rows is open again, failures are forgiven."""
    row = connection.execute(_NEXT_EPOCH, [snapshot, host, pid, replica_role]).fetchone()
    connection.execute(_REOPEN, [list(REOPENED)])
    connection.execute(_FORGIVE)
    assert row
    return int(row[0])


def pulse(connection: Connection) -> tuple[int, str, bool]:
    """Epoch, snapshot, and whether a conductor holds the fence."""
    row = connection.execute(_PULSE, [LOCK_CLASS, FENCE]).fetchone()
    assert row
    return int(row[0]), str(row[1]), bool(row[2])


def claim(connection: Connection) -> tuple[Any, ...] | None:
    """Locks the next ready task in the caller's transaction."""
    return connection.execute(_CLAIM).fetchone()


def any_open(connection: Connection) -> bool:
    row = connection.execute("select exists (select from ferrybot.task where done_at is null)").fetchone()
    return bool(row and row[0])


def epoch_for_share(connection: Connection) -> int:
    """The run's epoch, which no conductor can raise until the caller's transaction ends."""
    row = connection.execute("select epoch from ferrybot.run for share").fetchone()
    assert row
    return int(row[0])


def mark(connection: Connection, task: int, epoch: int, rows: int, bytes: int, result: Any) -> None:
    """Done, and a bell for lanes that wait; both take effect with the caller's commit."""
    document = None if result is None else Json(result)
    connection.execute(_MARK, [epoch, rows, bytes, document, task])
    connection.execute("select pg_notify(%s, %s)", [CHANNEL, str(task)])


def fail(connection: Connection, task: int, error: str, fatal: bool) -> None:
    connection.execute(_FAIL, [Json(error), fatal, task])


def tally(
    connection: Connection, largest: int
) -> tuple[tuple[Any, ...], list[tuple[Any, ...]], tuple[Any, ...] | None]:
    """The totals, the largest finished copies, and the first fatal failure."""
    row = connection.execute(_TALLY, [LOCK_CLASS, LANES]).fetchone()
    assert row
    return row, connection.execute(_LARGEST, [largest]).fetchall(), connection.execute(_FATAL).fetchone()


def parts_brought(connection: Connection, parts: int) -> list[tuple[int, str]]:
    """Number of each part that was ever copied, and the transaction that brought it."""
    query = """
        select (payload #>> '{tables,0,part,0}')::int, result #>> '{0,xid}' from ferrybot.task
        where kind = 'copy' and payload #> '{tables,0,parts}' = to_jsonb(%s::int) and result is not null"""
    return connection.execute(query, [parts]).fetchall()


def work(connection: Connection) -> list[Work]:
    """What is done and left of each kind."""
    return [Work(*row) for row in connection.execute(_WORK).fetchall()]


def result(connection: Connection, task: int) -> Any:
    """What a finished task kept with its mark."""
    row = connection.execute("select result from ferrybot.task where id = %s", [task]).fetchone()
    return row[0] if row else None


def results(connection: Connection, kinds: Sequence[str]) -> list[Any]:
    """What finished tasks of these kinds kept with their marks."""
    return [row[0] for row in connection.execute(_RESULTS, [list(kinds)]).fetchall()]


def payloads(connection: Connection, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """What tasks of these kinds are about."""
    return [row[0] for row in connection.execute(_PAYLOADS, [list(kinds)]).fetchall()]


def move_seconds(connection: Connection) -> float:
    """From the run's begin until the last task that is no proof was done."""
    row = connection.execute(_MOVE_SECONDS).fetchone()
    return float(row[0]) if row else 0.0


def ring(connection: Connection) -> None:
    connection.execute("select pg_notify(%s, '')", [CHANNEL])


def open_tasks(connection: Connection) -> list[tuple[str, str]]:
    """Kind and title of what is not done, in order."""
    found = connection.execute(
        "select kind, title from ferrybot.task where done_at is null order by phase, id limit 20"
    )
    return [(kind, title) for kind, title in found.fetchall()]


def done_backwards(connection: Connection) -> list[tuple[int, str, dict[str, Any]]]:
    """Tasks that were ever done and not undone, the last phase first."""
    return [(number, kind, payload) for number, kind, payload in connection.execute(_DONE_BACKWARDS).fetchall()]


def undone(connection: Connection, task: int) -> None:
    connection.execute("update ferrybot.task set done_at = null, epoch = null, result = null where id = %s", [task])


def close_epoch(connection: Connection) -> None:
    """No lane of the present epoch can commit any more."""
    connection.execute("update ferrybot.run set epoch = epoch + 1")


def large_objects(connection: Connection) -> set[int]:
    """The numbers that tasks name."""
    rows = connection.execute("select payload -> 'oids' from ferrybot.task where kind = 'large objects'").fetchall()
    return {oid for (oids,) in rows for oid in oids}


def add_large_objects(connection: Connection, oids: list[int]) -> None:
    connection.execute(_ADD_LARGE_OBJECTS, [f"{len(oids)} large objects", Jsonb(oids)])


def drop(connection: Connection) -> None:
    """Nothing of ours is left; harmless when done twice."""
    connection.execute("drop schema if exists ferrybot cascade")
