"""The task table in the target: names, phases, and every statement that touches it.

Why a crash leaves nothing half done: a task is claimed by a row lock, its rows and its mark are one transaction, and
the mark first reads the run's epoch under a shared lock. A new conductor raises the epoch, so a lane that outlived
its conductor can commit before that (and is proven again) or never. DDL commits by itself here: what a statement
makes is written to `_ferrybot_made` before it runs, so that a repeated task finds its own work and undo drops
nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jobs.core.progress import Work
from jobs.engines.mysql.catalog import RUN_TABLES
from jobs.engines.mysql.connect import Connection, one, rows, run

DDL = files("jobs.engines.mysql").joinpath("sql/worktable.sql").read_text()

PHASES = {
    5: ("schema", "Creating the schema"),
    8: ("schema", "Creating the schema"),
    10: ("schema", "Creating the schema"),
    18: ("copy", "Copying rows"),
    20: ("copy", "Copying rows"),
    30: ("index", "Building indexes"),
    40: ("constraint", "Adding foreign keys"),
    44: ("constraint", "Looking for rows without a parent"),
    48: ("sequence", "Setting counters and sequences"),
    50: ("finish", "Creating routines, views, triggers and events"),
    52: ("finish", "Creating routines, views, triggers and events"),
    54: ("finish", "Creating routines, views, triggers and events"),
    70: ("analyze", "Gathering statistics"),
    90: ("verify", "Verifying"),
}
"""Order -> the plan's name of the step, and a title. Numbers leave room."""

REOPENED = ("parts", "copy", "orphans", "counters", "triggers", "verify")
"""Kinds that a new snapshot opens again: what depends on the source's rows, and triggers, which no row may wake."""
TARGET_ALONE = ("index", "foreign keys", "orphans", "analyze")
"""Kinds that a lane in another process may do: it cannot join the snapshot."""

_CANDIDATES = 25


@dataclass(frozen=True)
class Row:
    """A task to be written. `id` is its place in the list; `needs` name other ids.

    `rank` is in bytes: within a phase the highest begins first; 0 is `size`. What has nothing to do before a second
    snapshot is `done`."""

    id: int
    kind: str
    phase: int
    title: str
    size: int = 0
    rank: int = 0
    tables: int = 0
    payload: dict[str, Any] = field(default_factory=dict)
    needs: tuple[int, ...] = ()
    barrier: int = 0
    done: bool = False


@dataclass(frozen=True)
class Run:
    """The one row of `_ferrybot_run`."""

    migration: str
    digest: str
    epoch: int
    conductor: int
    fingerprint: dict[str, str]
    found: dict[str, Any]
    unchecked: list[str]


_READ_RUN = "select migration, digest, epoch, conductor, fingerprint, found, unchecked from _ferrybot_run"

_WRITE_RUN = """
insert into _ferrybot_run (one, migration, digest, epoch, conductor, host, pid, fingerprint, found, unchecked)
values (1, %s, %s, 1, connection_id(), %s, %s, %s, %s, %s)"""

_WRITE_TASK = """
insert into _ferrybot_task (id, kind, phase, title, size, largest, tables, payload, barrier, done, epoch, error)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '')"""

_READY = """
select t.id from _ferrybot_task t
where t.done = 0 and t.fatal = 0 {kinds}
  and not exists (select 1 from _ferrybot_need n join _ferrybot_task o on o.id = n.needs
                  where n.task = t.id and o.done = 0)
  and (t.barrier = 0 or not exists (select 1 from _ferrybot_task o where o.done = 0 and o.phase < t.barrier))
order by t.phase, t.largest, t.id
limit %s"""

# One row by its primary key: nothing else is locked, whatever the optimizer thinks of the list above.
_TAKE = """
select id, kind, phase, title, size, payload, attempts, epoch, result from _ferrybot_task
where id = %s and done = 0 and fatal = 0 for update skip locked"""

_TALLY = """
select count(*), sum(done), coalesce(sum(tables), 0), coalesce(sum(tables * done), 0),
    coalesce(sum(if(kind = 'copy' and done, `rows`, 0)), 0), coalesce(sum(if(kind = 'copy', size, 0)), 0),
    coalesce(sum(if(kind = 'copy' and done, size, 0)), 0), min(if(done, null, phase))
from _ferrybot_task"""

_LARGEST = """
select title, sum(`rows`), sum(bytes), sum(seconds) from _ferrybot_task
where kind = 'copy' group by title having min(done) = 1 order by 3 desc, 1 limit %s"""

_HAS_TIMES = """
select count(*) from information_schema.columns
where table_schema = database() and table_name = '_ferrybot_task' and column_name = 'done_at'"""

_MOVE_SECONDS = """
select coalesce(unix_timestamp(max(t.done_at)) - unix_timestamp(min(r.made_at)), 0)
from _ferrybot_run r join _ferrybot_task t on t.kind <> 'verify' and t.done = 1 and t.done_at >= r.made_at"""

_WORK = """
select kind, sum(if(done, size, 0)), sum(if(done, 0, size)), sum(if(done, seconds, 0)), sum(done), sum(1 - done)
from _ferrybot_task group by kind"""


def exists(connection: Connection) -> bool:
    """Whether a run was ever prepared in this database and not finished."""
    found = one(
        connection,
        "select count(*) from information_schema.tables where table_schema = database() and table_name = %s",
        [RUN_TABLES[0]],
    )
    return bool(found[0])


def read_run(connection: Connection) -> Run | None:
    """The run that this database holds; a table without its row is a run whose writing was interrupted: none."""
    found = rows(connection, _READ_RUN) if exists(connection) else []
    if not found:
        return None
    migration, digest, epoch, conductor, *documents = found[0]
    return Run(migration, digest, int(epoch), int(conductor), *map(json.loads, documents))


def write(
    connection: Connection,
    new: Run,
    tasks: Sequence[Row],
    host: str,
    pid: int,
    again: Sequence[tuple[str, str]] | None = None,
) -> None:
    """Tables, then run and tasks in one transaction: a run is there whole or not at all.

    With `again` every row was copied before, and kind and name in it are of what was made before."""
    for statement in DDL.split("\n;\n"):
        run(connection, statement)
    _with_times(connection)
    connection.begin()
    for table in RUN_TABLES:
        run(connection, f"delete from {table}")  # noqa: S608 - ours
    with connection.cursor() as cursor:
        for task in tasks:
            values = (task.id, task.kind, task.phase, task.title, task.size, -(task.rank or task.size), task.tables)
            state = (task.barrier, int(task.done), 1 if task.done else None)
            cursor.execute(_WRITE_TASK, [*values, json.dumps(task.payload), *state])
        cursor.executemany(
            "insert into _ferrybot_need (task, needs) values (%s, %s)",
            [(task.id, need) for task in tasks for need in sorted(set(task.needs))],
        )
    if again is not None:
        run(connection, "update _ferrybot_task set epoch = 0, done = 0 where kind in ('parts', 'copy')")
        for kind, name in again:
            run(connection, "insert into _ferrybot_made (kind, name) values (%s, %s)", [kind, name])
    documents = map(json.dumps, (new.fingerprint, new.found, new.unchecked))
    run(connection, _WRITE_RUN, [new.migration, new.digest, host, pid, *documents])
    connection.commit()


def next_epoch(connection: Connection, host: str, pid: int) -> int:
    """A new conductor's epoch; what depends on rows is open again, failures are forgiven. One transaction."""
    _with_times(connection)
    connection.begin()
    run(
        connection,
        "update _ferrybot_run set epoch = epoch + 1, conductor = connection_id(), host = %s, pid = %s",
        [host, pid],
    )
    kinds = ", ".join(["%s"] * len(REOPENED))
    run(connection, f"update _ferrybot_task set done = 0 where kind in ({kinds})", list(REOPENED))  # noqa: S608 - ours
    run(connection, "update _ferrybot_task set attempts = 0, error = '', fatal = 0 where attempts > 0 or fatal > 0")
    epoch = one(connection, "select epoch from _ferrybot_run")[0]
    connection.commit()
    return int(epoch)


def _with_times(connection: Connection) -> None:
    """Tables that an earlier version made learn when their tasks are done."""
    if not one(connection, _HAS_TIMES)[0]:
        run(connection, "alter table _ferrybot_task add column done_at timestamp(6) null")


def pulse(connection: Connection) -> tuple[int, int]:
    """Epoch, and the conductor's session in the target."""
    epoch, conductor = one(connection, "select epoch, conductor from _ferrybot_run")
    return int(epoch), int(conductor)


def claim(connection: Connection, kinds: Sequence[str] = ()) -> tuple[Any, ...] | None:
    """Locks the next ready task in the caller's transaction."""
    listed = f"and t.kind in ({', '.join(['%s'] * len(kinds))})" if kinds else ""
    ready = rows(connection, _READY.replace("{kinds}", listed), [*kinds, _CANDIDATES])
    for (number,) in ready:
        found = rows(connection, _TAKE, [number])
        if found:
            return found[0]
    return None


def any_open(connection: Connection, kinds: Sequence[str] = ()) -> bool:
    listed = f" and kind in ({', '.join(['%s'] * len(kinds))})" if kinds else ""
    return bool(rows(connection, f"select 1 from _ferrybot_task where done = 0{listed} limit 1", list(kinds)))  # noqa: S608 - ours


def epoch_for_share(connection: Connection) -> int:
    """The run's epoch, which no conductor can raise until the caller's transaction ends."""
    return int(one(connection, "select epoch from _ferrybot_run lock in share mode")[0])


def mark(connection: Connection, task: int, epoch: int, count: int, size: int, seconds: float, result: Any) -> None:
    """Done, with the caller's commit."""
    run(
        connection,
        "update _ferrybot_task set done = 1, done_at = now(6), epoch = %s, `rows` = %s, bytes = %s, seconds = %s,"
        " result = %s, error = '' where id = %s",
        [epoch, count, size, seconds, None if result is None else json.dumps(result), task],
    )


def fail(connection: Connection, task: int, error: str, fatal: bool) -> None:
    run(
        connection,
        "update _ferrybot_task set attempts = attempts + 1, error = %s, fatal = greatest(fatal, %s) where id = %s",
        [error, int(fatal), task],
    )


def tally(
    connection: Connection, largest: int
) -> tuple[tuple[Any, ...], list[tuple[Any, ...]], tuple[Any, ...] | None]:
    """The totals, the largest finished copies, and the first fatal failure."""
    fatal = rows(connection, "select error, title from _ferrybot_task where fatal = 1 order by id limit 1")
    return one(connection, _TALLY), rows(connection, _LARGEST, [largest]), fatal[0] if fatal else None


def work(connection: Connection) -> list[Work]:
    """What is done and left of each kind."""
    return [
        Work(kind, int(done), int(left), float(seconds), int(tasks_done), int(tasks_left))
        for kind, done, left, seconds, tasks_done, tasks_left in rows(connection, _WORK)
    ]


def move_seconds(connection: Connection) -> float:
    """From the run's begin until the last task that is no proof was done."""
    return float(one(connection, _MOVE_SECONDS)[0])


def result(connection: Connection, task: int) -> Any:
    """What a finished task kept with its mark."""
    found = rows(connection, "select result from _ferrybot_task where id = %s", [task])
    return json.loads(found[0][0]) if found and found[0][0] else None


def results(connection: Connection, kind: str) -> list[Any]:
    """What finished tasks of this kind kept with their marks."""
    found = rows(
        connection,
        "select result from _ferrybot_task where kind = %s and done = 1 and result is not null order by id",
        [kind],
    )
    return [json.loads(text) for (text,) in found]


def tasks(connection: Connection, kind: str) -> list[dict[str, Any]]:
    """The payloads of a kind."""
    found = rows(connection, "select payload from _ferrybot_task where kind = %s order by id", [kind])
    return [json.loads(text) for (text,) in found]


def open_tasks(connection: Connection) -> list[tuple[str, str]]:
    """Kind and title of what is not done, in order."""
    return [
        (kind, title)
        for kind, title in rows(
            connection, "select kind, title from _ferrybot_task where done = 0 order by phase, id limit 20"
        )
    ]


def intend(connection: Connection, kind: str, name: str) -> bool:
    """Says that the next statement makes this; False when an earlier try said so already. Commits at once."""
    return bool(run(connection, "insert ignore into _ferrybot_made (kind, name) values (%s, %s)", [kind, name]))


def disown(connection: Connection, kind: str, name: str) -> None:
    """It was not made after all, or is gone."""
    run(connection, "delete from _ferrybot_made where kind = %s and name = %s", [kind, name])


def made(connection: Connection) -> list[tuple[str, str]]:
    """Kind and name of what the run made."""
    return [(kind, name) for kind, name in rows(connection, "select kind, name from _ferrybot_made order by 1, 2")]


def close_epoch(connection: Connection) -> None:
    """No lane of the present epoch can commit any more."""
    run(connection, "update _ferrybot_run set epoch = epoch + 1")


def drop(connection: Connection) -> None:
    """Nothing of ours is left; harmless when done twice. The run's own table goes last: until then it is found."""
    for table in reversed(RUN_TABLES):
        run(connection, f"drop table if exists {table}")


def loads(text: str) -> Any:
    """A document of the task table."""
    return json.loads(text)
