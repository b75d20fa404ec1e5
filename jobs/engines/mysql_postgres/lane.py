"""A lane: as PostgreSQL's in the target, with one of the conductor's own sessions as its source.

A snapshot of MySQL cannot be joined, so a lane lives and dies with the process of its conductor: under another epoch
its session would show another instant, and it stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from jobs.core.errors import FerrybotError, Stopped, Transient
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql.connect import Connection as Source
from jobs.engines.mysql_postgres.perform.hands import Hands
from jobs.engines.mysql_postgres.perform.registry import PERFORMERS
from jobs.engines.postgres import wire, worktable
from jobs.engines.postgres.connect import explain
from jobs.engines.postgres.lane import PostgresLane
from jobs.ports.engine import Asked, Done, Task, Watch


@contextmanager
def open_lane(asked: Asked, plan: MigrationPlan, source: Source, epoch: int) -> Iterator[MySqlLane]:
    """A lane of the prepared run over a session of its snapshot, which stays open."""
    lane = MySqlLane(asked, plan, source, epoch)
    try:
        lane.open()
        yield lane
    finally:
        lane.close()


class MySqlLane(PostgresLane):
    """`jobs.ports.engine.Lane` for rows that come from MySQL or MariaDB."""

    def __init__(self, asked: Asked, plan: MigrationPlan, source: Source, epoch: int) -> None:
        super().__init__(asked, plan)
        self._reader = source
        self._epoch = epoch

    def open(self) -> None:
        """Connects the target. Raises `Stopped`, `Transient` or `Permanent`."""
        try:
            self._open_target()
            self._follow()
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Opening a lane") from None

    def close(self) -> None:
        """Ends the session in the target; what was not committed is rolled back by that."""
        if self._target is not None and not self._target.closed:
            wire.quiet(self._target)
            self._target.close()

    def perform(self, task: Task, watch: Watch) -> Done:
        """Does the work inside the claim's transaction. Raises `Permanent`, `Transient` or `Stopped`."""
        hands = Hands(
            source=self._reader,
            target=self._t(),
            asked=self._asked,
            silenced=self._silenced,
            again=self._done_under is not None,
            before=self._done_before,
        )
        try:
            return PERFORMERS[task.kind](hands, task, watch)
        except psycopg.Error as error:
            raise hands.explain(error, task) from None

    def _follow(self) -> None:
        """Stays with its conductor. Raises `Stopped` when that is gone, `Transient` when the snapshot is."""
        epoch, _, led = worktable.pulse(self._t())
        if not led or epoch != self._epoch:
            raise Stopped("The conductor is gone", remedy="The run resumes by itself.")
        if not self._reader.open:
            raise lost()


def lost() -> FerrybotError:
    return Transient(
        "A connection to the source is lost, and its view of the snapshot with it",
        remedy="The run takes a new snapshot by itself and proves what was copied.",
    )
