"""The conductor: one per target database; holds the fence there, and every session that reads the source.

Exact after a crash for the same reason as PostgreSQL's: whoever holds the fence ends the lanes of earlier epochs,
takes a new snapshot, and in one transaction raises the epoch and opens every task again whose result depends on
rows. What was copied is then compared under the new snapshot and copied again where it differs.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import Any

import psycopg
import pymysql

from jobs.core.errors import FerrybotError, Permanent, Transient
from jobs.core.model import Scope
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import BrokenKey, RestorePoint, RowDifference, Verdict, Waiver
from jobs.engines.mysql import connect as mysql
from jobs.engines.mysql.catalog import read
from jobs.engines.mysql.hold import Hold
from jobs.engines.mysql.session import Snapshot, take_snapshot
from jobs.engines.mysql.written import written
from jobs.engines.mysql_postgres import judge, keepsake, lane, locks, safekeeping, words, worklist
from jobs.engines.mysql_postgres.ddl import Ddl, build
from jobs.engines.mysql_postgres.differing import differing
from jobs.engines.mysql_postgres.perform.hands import Hands
from jobs.engines.mysql_postgres.rules import Rules
from jobs.engines.mysql_postgres.shape import Shape
from jobs.engines.postgres import found, inspect_disk, session, undo, worktable
from jobs.engines.postgres import safekeeping as target_safe
from jobs.engines.postgres.connect import Connection, connect, explain
from jobs.ports.engine import Asked, FenceHeld, Lane, Room, Tally, Watch

LARGEST_SHOWN = 10
REFRESH = "refresh"
"""Marks a run that only brings rows up to date, where the task table names its tool."""
_OPEN_KEYS = "select payload -> 'sql' from ferrybot.task where kind = 'foreign keys' and done_at is null order by id"
MOST_LOOKED_INTO = 20
"""Unequal tables whose rows are searched for differences: the thread shows no more."""


class Unwatched:
    """A watch that nobody looks at."""

    def report(self, task: str, title: str, rows: int, bytes: int) -> None: ...

    def check(self) -> None: ...

    def note(self, text: str, *, warning: bool = False) -> None: ...


@contextmanager
def conduct(asked: Asked, plan: MigrationPlan) -> Iterator[MySqlPostgresConductor]:
    """Takes the fence. Raises `FenceHeld`, `Transient` or `Permanent`."""
    target = connect(asked.target, purpose=f"conductor {asked.migration}")
    conductor = MySqlPostgresConductor(asked, plan, target)
    try:
        if not session.take_fence(target):
            raise FenceHeld(f"Another migration is at work in {asked.target.label}")
        yield conductor
    finally:
        conductor.close()


class MySqlPostgresConductor:
    """Holds the fence in the target and, once prepared, the snapshot in the source."""

    def __init__(self, asked: Asked, plan: MigrationPlan, target: Connection) -> None:
        self._asked, self._plan, self._target = asked, plan, target
        self._rules = Rules.of(plan.questions, asked.options)
        self._snapshot: Snapshot | None = None
        self._hold = Hold(asked.source)
        self._made: tuple[Shape, Ddl] | None = None
        self._epoch = 0

    def close(self) -> None:
        """Gives fence, hold and snapshot back by ending their sessions."""
        self.release()
        if self._snapshot is not None:
            self._snapshot.close()
        with suppress(psycopg.Error):
            self._target.close()

    @property
    def own_lanes(self) -> int:
        """Lanes that must run in this process: those that can read the snapshot."""
        return self._snapshot.readers if self._snapshot else 1

    def lane(self) -> AbstractContextManager[Lane]:
        """One of them. Raises `Transient` when the snapshot is lost, `Stopped` when every reader has a lane."""
        return self._lane()

    @contextmanager
    def _lane(self) -> Iterator[Lane]:
        if self._snapshot is None:
            raise Permanent("No run is prepared", remedy="Start the migration again.")
        source = self._snapshot.borrow()
        try:
            with lane.open_lane(self._asked, self._plan, source, self._epoch) as opened:
                yield opened
        finally:
            self._snapshot.give_back(source)

    def secure(self, watch: Watch) -> RestorePoint | None:
        """Makes the restore point of a plan that overwrites; None where the target holds nothing."""
        try:
            point = target_safe.secure(self._target, self._asked, watch) if self._asked.options.overwrite else None
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Making the restore point") from None
        self._asked = replace(self._asked, restore_point=point or self._asked.restore_point)
        return point

    def hold(self, watch: Watch) -> None:
        """Read locks on the moved tables, in a session of their own. Raises `Transient` when writers do not yield."""
        watch.check()
        self._hold.take([table.name for table in self._plan.tables])

    def release(self) -> bool:
        """Ends the hold while the run goes on; False when there is none (any more)."""
        return self._hold.release()

    def holds(self) -> bool:
        """Whether the hold stands; asks the server."""
        return self._hold.stands()

    def prepare(self, watch: Watch, *, refresh: bool = False) -> bool:
        """Takes the snapshot and writes the task rows, or finds them and reopens what must be proven again."""
        try:
            run = worktable.read_run(self._target)
            if run is not None:
                self._must_be_ours(run)
                session.end_lanes(self._target)
            self._take_snapshot(watch)
            replica = self._may_silence()
            if run is None:
                target_safe.demand_free(self._target, self._asked.migration)
                if not refresh:
                    safekeeping.make_room(self._target, self._asked, watch.check)
                self._begin(replica, refresh, watch)
            else:
                self._resume(run, replica)
            found = worktable.read_run(self._target)
            assert found
            self._epoch = found.epoch
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Preparing the run") from None
        except (pymysql.MySQLError, LookupError, OSError) as error:
            raise mysql.explain(error, self._asked.source, doing="Preparing the run") from None
        return run is not None

    def room(self) -> Room:
        """What is free on the target's disk, asked in a session of its own. Safe from another thread."""
        return inspect_disk.room(self._asked.target)

    def tally(self) -> Tally:
        """The state of the task table. Raises `Transient` when the fence or the snapshot is lost."""
        if self._snapshot is not None and self._snapshot.lost:
            raise lane.lost()
        try:
            if not worktable.exists(self._target):
                return Tally()
            totals, largest, fatal = worktable.tally(self._target, LARGEST_SHOWN)
            work = worktable.work(self._target)
        except psycopg.Error as error:
            raise Transient(
                f"The conductor lost a connection: {explain(error, self._asked.target, doing='Watching').what}",
                remedy="The run resumes by itself.",
            ) from None
        if self._snapshot is not None:
            locks.alive(self._snapshot.first)
        total, done, tables, tables_done, rows, size, size_done, phase, lanes = totals
        name, title = worktable.PHASES.get(phase, ("", ""))
        return Tally(
            phase=name,
            phase_title=title,
            tasks_done=done,
            tasks_total=total,
            tables_done=int(tables_done),
            tables_total=int(tables),
            rows_done=int(rows),
            bytes_done=int(size_done),
            bytes_total=int(size),
            lanes=lanes,
            work=work,
            failed=fatal[0] if fatal else "",
            failed_object=fatal[1] if fatal else "",
            finished_tables=[tuple(line) for line in largest],
        )

    def verdict(self, waivers: Sequence[Waiver] = ()) -> Verdict:
        """What the finished tasks and the census prove."""
        try:
            self._target.execute("set synchronous_commit = on")
            # Lanes commit without waiting; this one waits, and the log is one sequence: all of theirs is on disk.
            self._target.execute("update ferrybot.run set epoch = epoch")
            if self._made is None or self._snapshot is None:
                raise Permanent("No prepared run to judge", remedy="Start the migration again.")
            found = judge.verdict(self._target, self._plan, self._asked.options, *self._made, waivers)
            moved = {table.name for table in self._plan.tables if table.rows_moved}
            since = written(self._snapshot, moved, held=self._hold.stands())
            return found.model_copy(update={"rows": tuple(self._differing(found)), "written": since})
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Judging the run") from None

    def report(self) -> Sequence[dict[str, Any]]:
        """Per table: name, rows, bytes, seconds, checksums, method. For the full log."""
        try:
            return judge.report(self._target)
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Reading the run's results") from None

    def keepsake(self) -> str:
        """All that `roll_back` needs once the task table is gone; empty when it is gone already."""
        try:
            return safekeeping.take(self._target, self._asked)
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Noting what the run made") from None

    def finish(self) -> None:
        """Removes the task table from the target after a green verdict."""
        try:
            self._target.execute("set synchronous_commit = on")
            self._target.execute("set client_min_messages = error")
            worktable.drop(self._target)
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Removing the task table") from None

    def undo(self, watch: Watch) -> str:
        """Back to the target as it was found: emptied, or with what it held; says what was done. Idempotent."""
        try:
            run, before = worktable.read_run(self._target), found.read(self._target)
            if run is not None:
                self._must_be_ours(run, whatever_plan=True)
            elif before is None:
                return "Nothing of a run is left in the target."
            elif before.migration != self._asked.migration:
                raise target_safe.of_another(before.migration)
            session.end_lanes(self._target)
            if before is not None and before.replaced:
                return target_safe.bring_back(self._target, self._asked, before)
            if run is None:
                return undo.remove(self._target, self._asked)
            return self._keep() if run.tool == REFRESH else undo.remove(self._target, self._asked)
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Undoing the run") from None

    def _keep(self) -> str:
        """Ends a refresh: what an earlier run made stays, with the foreign keys that this one was about to add."""
        self._target.execute("set client_min_messages = error")
        with self._target.transaction():
            for (texts,) in self._target.execute(_OPEN_KEYS).fetchall():
                for text in texts:
                    self._target.execute(text, prepare=False)
            worktable.drop(self._target)
        return "Every table stays, some as they were and some with newer rows; copy the changed tables again."

    def roll_back(self, keepsake_text: str, watch: Watch) -> str:
        """`undo` after `finish`. Raises `Permanent` where an object is not the one that the run made."""
        try:
            return safekeeping.roll_back(self._target, self._asked, keepsake_text)
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Rolling back") from None

    def revalidate(self, keys: Sequence[BrokenKey], watch: Watch) -> tuple[BrokenKey, ...]:
        """Validates foreign keys that stayed NOT VALID; those that still cannot be, with today's orphans."""
        try:
            return keepsake.revalidate(self._target, keys, watch)
        except psycopg.Error as error:
            raise explain(error, self._asked.target, doing="Validating foreign keys") from None

    def _differing(self, found: Verdict) -> Iterator[RowDifference]:
        """The rows behind unequal tables, the first of them."""
        assert self._snapshot and self._made
        shape = self._made[0]
        tables = {table.label: table for table in shape.tables}
        hands = Hands(self._snapshot.first, self._target, self._asked, silenced=False, again=False)
        for proof in found.unequal[:MOST_LOOKED_INTO]:
            yield differing(hands, tables[proof.table], shape.digest, Unwatched())

    def _take_snapshot(self, watch: Watch) -> None:
        if self._snapshot is not None:
            self._snapshot.close()
        tables = [table.name for table in self._plan.tables]
        options = self._asked.options
        self._snapshot = take_snapshot(self._asked.source, self._asked.migration, options.parallelism, tables)
        catalog = read(self._snapshot.first, self._asked.source.database)
        self._made = build(catalog, options, self._rules)
        watch.note(f"The source is read in {self._snapshot.how}.")
        self._must_fit_the_plan()

    def _must_fit_the_plan(self) -> None:
        """What came, went or changed since the plan was approved must not be left behind in silence."""
        assert self._made
        shape, ddl = self._made
        now = {table.label for table in shape.tables}
        planned = {table.label for table in self._plan.tables}
        if now != planned:
            shown = ", ".join(sorted(now ^ planned)[:5])
            raise _outdated(f"The source's tables are not those of the plan any more: {shown}")
        if shape.problems:
            raise _outdated(f"{shape.problems[0].object}: {shape.problems[0].what}")
        if words.fingerprint(ddl) != self._plan.schema_fingerprint:
            raise _outdated("The source's schema changed since the plan was made")

    def _begin(self, replica: bool, refresh: bool, watch: Watch) -> None:
        assert self._snapshot and self._made
        if (refresh or self._asked.options.scope is Scope.data_only) and not replica:
            refuse_foreign_keys(self._target)
        shape, ddl = self._made
        bounds = locks.bounds(self._snapshot.first, self._asked.source, shape, watch)
        asking = worklist.Asking(shape, ddl, self._asked.options, bounds, refresh)
        run = worktable.Run(
            migration=self._asked.migration,
            digest=self._plan.digest,
            epoch=1,
            snapshot=self._snapshot.how,
            replica_role=replica,
            tool=REFRESH if refresh else "",
            definitions=words.definitions(ddl),
            left_out=[],
            unchecked=[],
        )
        before = None if found.read(self._target) else target_safe.look(self._target, self._asked, replaced=False)
        with self._target.transaction():
            if before is not None:
                found.write(self._target, before)
            worktable.write(self._target, run, worklist.build(asking), socket.gethostname(), os.getpid())

    def _resume(self, run: worktable.Run, replica: bool) -> None:
        assert self._snapshot and self._made
        now = words.definitions(self._made[1])
        changed = sorted(n for n in run.definitions.keys() | now.keys() if run.definitions.get(n) != now.get(n))
        if changed:
            raise Permanent(
                f"The source's schema changed since the run began: {', '.join(changed[:5])}",
                meaning="The rows copied so far fit the earlier schema.",
                remedy="Undo the run and migrate again, or take the change back in the source and press Retry.",
            )
        with self._target.transaction():
            worktable.next_epoch(self._target, self._snapshot.how, replica, socket.gethostname(), os.getpid())
            # Also where they are silenced: only a new proof looks at the rows that come now.
            undo.drop_foreign_keys(self._target)

    def _may_silence(self) -> bool:
        allowed = session.silence(self._target)
        if allowed:
            self._target.execute("reset session_replication_role")
        return allowed

    def _must_be_ours(self, run: worktable.Run, *, whatever_plan: bool = False) -> None:
        if run.migration != self._asked.migration:
            raise Permanent(
                f"The target holds the unfinished run of another migration, {run.migration}",
                meaning="Nothing was changed.",
                remedy="Finish or undo that migration first.",
            )
        if run.digest != self._plan.digest and not whatever_plan:
            raise Permanent(
                "The plan changed since this run began in the target",
                meaning="What was copied under the earlier plan is still there.",
                remedy="Undo the run, then migrate under the new plan.",
            )


def refuse_foreign_keys(target: Connection) -> None:
    row = target.execute("select count(*) from pg_constraint where contype = 'f'").fetchone()
    if row and row[0]:
        raise Permanent(
            "The target's role may not set session_replication_role, and the target has foreign keys",
            remedy="Grant it (from PostgreSQL 15: GRANT SET ON PARAMETER session_replication_role), or drop them.",
        )


def _outdated(what: str) -> FerrybotError:
    return Permanent(what, meaning="Nothing was changed.", remedy="Run the checks again, so that the plan knows it.")
