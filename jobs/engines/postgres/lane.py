"""A lane: claim a task, do it, commit rows and mark together.

A lane reads the source in the conductor's snapshot. It outlives its conductor at most by the task in hand:
what it commits then was read in that conductor's snapshot, under that conductor's epoch, and the next conductor
proves it again. Once that one has raised the epoch, `commit` refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from jobs.core.errors import FerrybotError, Stopped, Transient
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres import events_off, session, wire, worktable
from jobs.engines.postgres.connect import Connection, connect, explain
from jobs.engines.postgres.perform.hands import Hands
from jobs.engines.postgres.perform.registry import PERFORMERS
from jobs.ports.engine import Asked, Done, Task, Watch


@contextmanager
def open_lane(asked: Asked, plan: MigrationPlan) -> Iterator[PostgresLane]:
    """A lane of the prepared run. Raises `Stopped` when none is prepared or its conductor is gone."""
    lane = PostgresLane(asked, plan)
    try:
        lane.open()
        yield lane
    finally:
        lane.close()


class PostgresLane:
    """One worker's hands: two connections and the task they hold."""

    def __init__(self, asked: Asked, plan: MigrationPlan) -> None:
        self._asked = asked
        self._plan = plan
        self._epoch = 0
        self._snapshot = ""
        self._silenced = False
        self._target: Connection | None = None
        self._source: Connection | None = None
        self._done_under: int | None = None
        self._done_before: Any = None
        self._spoiled = False
        self._read = False

    def open(self) -> None:
        """Connects both sides and enters the run's snapshot. Raises `Stopped`, `Transient` or `Permanent`."""
        try:
            self._open_target()
            self._source = session.open_reader(self._asked.source, self._asked.migration)
            self._follow()
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Opening a lane") from None

    def _open_target(self) -> Connection:
        target = self._target = connect(self._asked.target, purpose=f"lane {self._asked.migration}")
        self._silenced = session.tune(target, self._asked.options.parallelism)
        run = worktable.read_run(target)
        if run is None or run.migration != self._asked.migration:
            raise Stopped("No run of this migration is prepared in the target", remedy="Start it again.")
        session.hold_lanes_lock(target)
        target.execute(f"listen {worktable.CHANNEL}")
        return target

    def close(self) -> None:
        """Ends both sessions; what was not committed is rolled back by that."""
        for connection in (self._source, self._target):
            if connection is not None and not connection.closed:
                wire.quiet(connection)
                connection.close()

    def claim(self) -> Task | None:
        """Begins a transaction and locks the next ready task; None when none is ready now."""
        target = self._t()
        try:
            self._follow()
            target.execute("begin")
            row = worktable.claim(target)
            if row is None:
                target.execute("rollback")
                return None
        except psycopg.Error as error:
            raise self._lost(error, "Claiming a task") from None
        number, kind, phase, title, size, payload, attempts, self._done_under, self._done_before = row
        return Task(number, kind, worktable.PHASES[phase][0], title, size, payload, attempts)

    def finished(self) -> bool:
        """No task is left to do."""
        try:
            return not worktable.any_open(self._t())
        except psycopg.Error as error:
            raise self._lost(error, "Looking for tasks") from None

    def wait(self, seconds: float) -> None:
        """Sleeps until another lane commits, at most `seconds`."""
        try:
            for _ in self._t().notifies(timeout=seconds, stop_after=1):
                pass
        except psycopg.Error as error:
            raise self._lost(error, "Waiting for other lanes") from None

    def perform(self, task: Task, watch: Watch) -> Done:
        """Does the work inside the claim's transaction. Raises `Permanent`, `Transient` or `Stopped`."""
        hands = Hands(
            source=self._s(),
            target=self._t(),
            asked=self._asked,
            silenced=self._silenced,
            again=self._done_under is not None,
            before=self._done_before,
        )
        self._spoiled = bool(task.payload.get("reset"))
        self._read = True
        try:
            with events_off.asleep_for(hands.target, watch.check, ddl=task.kind in events_off.KINDS):
                return PERFORMERS[task.kind](hands, task, watch)
        except psycopg.Error as error:
            raise hands.explain(error, task) from None

    def commit(self, task: Task, done: Done) -> None:
        """Marks the task and commits rows and mark together. Raises `Stopped` in a lane of an older epoch."""
        target = self._t()
        try:
            if worktable.epoch_for_share(target) != self._epoch:
                target.execute("rollback")
                raise Stopped("Another conductor took over; this task was rolled back", remedy="It is done again.")
            worktable.mark(target, task.id, self._epoch, done.rows, done.bytes, done.result)
            target.execute("commit")
            self._recover()
        except psycopg.Error as error:
            raise self._lost(error, f"Committing {task.title}") from None

    def rollback(self, task: Task, error: str = "", *, fatal: bool = False) -> None:
        """Gives the task back; `error` stays in its row."""
        try:
            target = self._cleared()
            if error or fatal:
                worktable.fail(target, task.id, error[:2000], fatal)
                worktable.ring(target)
            self._recover()
        except (psycopg.Error, FerrybotError):
            # The server rolls back what a lost session held; the error itself is on its way to the flow.
            if self._target is not None:
                self._target.close()

    def _cleared(self) -> Connection:
        """The session in the target without a transaction: a lost one is opened again."""
        target = self._target
        if target is not None:
            wire.quiet(target)
        if target is None or target.closed:
            return self._open_target()
        if target.info.transaction_status is not TransactionStatus.IDLE:
            target.execute("rollback")
        return target

    def _recover(self) -> None:
        """After a task: the session's settings as a lane needs them, the source in the snapshot."""
        if self._spoiled:
            session.calm(self._t(), self._asked.options.parallelism)
            self._spoiled = False

    def _follow(self) -> None:
        """Stays with the run: in its present snapshot, under its present epoch. Raises `Stopped`."""
        epoch, snapshot, led = worktable.pulse(self._t())
        if not led:
            raise Stopped("The conductor is gone", remedy="The run resumes by itself.")
        source = self._s()
        outside = source.info.transaction_status is not TransactionStatus.INTRANS
        if (epoch, snapshot) != (self._epoch, self._snapshot) or outside or self._read:
            self._read = False
            if source.closed:
                source = self._source = session.open_reader(self._asked.source, self._asked.migration)
            session.attach(source, self._asked.source, snapshot)
            self._epoch, self._snapshot = epoch, snapshot

    def _lost(self, error: psycopg.Error, doing: str) -> FerrybotError:
        target = self._target
        if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.InvalidSchemaName):
            return Stopped("The run was ended: its task table is gone")
        if target is not None and not target.closed:
            with suppress(psycopg.Error):
                wire.quiet(target)
                target.execute("rollback")
        return explain(error, self._asked.target, doing=doing)

    def _t(self) -> Connection:
        if self._target is None or self._target.closed:
            raise Transient("The lane's connection to the target is lost", remedy="It is opened again by itself.")
        return self._target

    def _s(self) -> Connection:
        assert self._source is not None
        return self._source
