"""A lane: claim a task, do it, commit rows and mark together.

A lane of the conductor's process borrows one of the snapshot's sessions. One in another process cannot: it does the
tasks that need the target alone, and ends when none of them is left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pymysql

from jobs.core.errors import FerrybotError, Stopped, Transient
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql import session, worktable
from jobs.engines.mysql.connect import Connection, code_of, explain, run
from jobs.engines.mysql.perform.hands import Hands
from jobs.engines.mysql.perform.registry import PERFORMERS
from jobs.engines.mysql.session import Snapshot
from jobs.ports.engine import Asked, Done, Task, Watch

_CHANGED = 1412
"""A table was altered between the snapshot and our first look at it."""
_LOOK_SECONDS = 0.2
"""Between looks at the task table while nothing is ready; MySQL has no bell to wait for."""


@contextmanager
def open_lane(asked: Asked, plan: MigrationPlan, snapshot: Snapshot | None = None) -> Iterator[MysqlLane]:
    """A lane of the prepared run. Raises `Stopped` when none is prepared or its conductor is gone."""
    lane = MysqlLane(asked, snapshot)
    try:
        lane.open()
        yield lane
    finally:
        lane.close()


class MysqlLane:
    """One worker's hands: a session in the target, one for DDL there, a reader of the snapshot, and their task."""

    def __init__(self, asked: Asked, snapshot: Snapshot | None) -> None:
        self._asked = asked
        self._snapshot = snapshot
        self._kinds = worktable.TARGET_ALONE if snapshot is None else ()
        self._epoch = 0
        self._reader: Connection | None = None
        self._target: Connection | None = None
        self._ddl: Connection | None = None
        self._done_under: int | None = None
        self._done_before: Any = None
        self._began = 0.0

    def open(self) -> None:
        """Connects and enters the run. Raises `Stopped`, `Transient` or `Permanent`."""
        try:
            target = self._target = session.open_target(self._asked.target, self._asked.migration)
            found = worktable.read_run(target)
            if found is None or found.migration != self._asked.migration:
                raise Stopped("No run of this migration is prepared in the target", remedy="Start it again.")
            self._epoch = found.epoch
            self._follow()
            if self._snapshot is not None:
                self._reader = self._snapshot.borrow()
        except pymysql.MySQLError as error:
            raise explain(error, self._asked.target, doing="Opening a lane") from None

    def close(self) -> None:
        """Ends the sessions in the target; what was not committed is rolled back by that."""
        for connection in (self._target, self._ddl):
            if connection is not None:
                with suppress(pymysql.MySQLError, OSError):
                    connection.close()
        if self._reader is not None and self._snapshot is not None:
            self._snapshot.give_back(self._reader)
            self._reader = None

    def claim(self) -> Task | None:
        """Begins a transaction and locks the next ready task; None when none is ready now."""
        target = self._t()
        try:
            self._follow()
            target.begin()
            row = worktable.claim(target, self._kinds)
            if row is None:
                target.rollback()
                return None
        except pymysql.MySQLError as error:
            raise self._lost(error, "Claiming a task") from None
        number, kind, phase, title, size, payload, attempts, self._done_under, self._done_before = row
        self._began = time.monotonic()
        return Task(number, kind, worktable.PHASES[phase][0], title, int(size), worktable.loads(payload), attempts)

    def finished(self) -> bool:
        """No task is left to do for a lane of this kind."""
        try:
            return not worktable.any_open(self._t(), self._kinds)
        except pymysql.MySQLError as error:
            raise self._lost(error, "Looking for tasks") from None

    def wait(self, seconds: float) -> None:
        """Sleeps a little: other lanes finish tasks meanwhile."""
        try:
            run(self._t(), "do sleep(%s)", [min(seconds, _LOOK_SECONDS)])
        except pymysql.MySQLError as error:
            raise self._lost(error, "Waiting for other lanes") from None

    def perform(self, task: Task, watch: Watch) -> Done:
        """Does the work inside the claim's transaction. Raises `Permanent`, `Transient` or `Stopped`."""
        hands = Hands(
            reader=self._reader,
            target=self._t(),
            open_ddl=self._open_ddl,
            asked=self._asked,
            again=self._done_under is not None,
            before=worktable.loads(self._done_before) if self._done_before else None,
        )
        try:
            return PERFORMERS[task.kind](hands, task, watch)
        except pymysql.MySQLError as error:
            raise self._failed(error, hands, task) from None
        finally:
            for stream in hands.streams:
                self._abandon(stream)

    def commit(self, task: Task, done: Done) -> None:
        """Marks the task and commits rows and mark together. Raises `Stopped` in a lane of an older epoch."""
        target = self._t()
        try:
            if worktable.epoch_for_share(target) != self._epoch:
                target.rollback()
                raise Stopped("Another conductor took over; this task was rolled back", remedy="It is done again.")
            seconds = time.monotonic() - self._began
            worktable.mark(target, task.id, self._epoch, done.rows, done.bytes, seconds, done.result)
            target.commit()
        except pymysql.MySQLError as error:
            raise self._lost(error, f"Committing {task.title}") from None

    def rollback(self, task: Task, error: str = "", *, fatal: bool = False) -> None:
        """Gives the task back; `error` stays in its row."""
        try:
            target = self._cleared()
            if error or fatal:
                worktable.fail(target, task.id, error[:2000], fatal)
        except (pymysql.MySQLError, FerrybotError, OSError):
            # The server rolls back what a lost session held; the error itself is on its way to the flow.
            if self._target is not None and self._target.open:
                self._target.close()

    def _cleared(self) -> Connection:
        """The session in the target without a transaction: one that ended within a load is opened again."""
        target = self._target
        if target is not None and target.open:
            target.rollback()
            return target
        self._target = session.open_target(self._asked.target, self._asked.migration)
        return self._target

    def _abandon(self, stream: Any) -> None:
        """What nobody reads any more is ended; the target's session was cut by whoever broke off."""
        if stream.open:
            stream.abandon()

    def _failed(self, error: pymysql.MySQLError, hands: Hands, task: Task) -> FerrybotError:
        if code_of(error) == _CHANGED and self._snapshot is not None:
            self._snapshot.lost = True
            return Transient(
                f"{task.title} was altered while the snapshot was taken", remedy="A new snapshot is taken by itself."
            )
        if self._reader is not None and not self._reader.open and self._snapshot is not None:
            self._snapshot.lost = True
            return explain(error, self._asked.source, doing=f"Reading {task.title}", object=task.title)
        return hands.explain(error, task)

    def _open_ddl(self) -> Connection:
        if self._ddl is None or not self._ddl.open:
            self._ddl = session.open_target(self._asked.target, self._asked.migration)
        return self._ddl

    def _follow(self) -> None:
        """Stays with the run: under its present epoch, led by the conductor that wrote it. Raises `Stopped`."""
        target = self._t()
        epoch, conductor = worktable.pulse(target)
        holder = session.fence_holder(target, self._asked.target.database)
        if holder is None or holder != conductor or epoch != self._epoch:
            raise Stopped("The conductor is gone", remedy="The run resumes by itself.")

    def _lost(self, error: pymysql.MySQLError, doing: str) -> FerrybotError:
        if code_of(error) == 1146:
            return Stopped("The run was ended: its task table is gone")
        target = self._target
        if target is not None and target.open:
            with suppress(pymysql.MySQLError, OSError):
                target.rollback()
        return explain(error, self._asked.target, doing=doing)

    def _t(self) -> Connection:
        if self._target is None or not self._target.open:
            raise Transient("The lane's connection to the target is lost", remedy="It is opened again by itself.")
        return self._target
