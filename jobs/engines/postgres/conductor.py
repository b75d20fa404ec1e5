"""The conductor: one per target database; holds the fence there and the run's snapshot in the source.

Why a resumed run is exact: whoever holds the fence ends the lanes of earlier epochs and waits until they are
gone, takes a new snapshot, and in one transaction raises the epoch and opens every task again whose result
depends on rows. Copied tables are then compared under the new snapshot and copied again where they differ, so
at the end everything in the target was either copied from or proven equal to one snapshot: the last one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import Any

import psycopg

from jobs.core.errors import FerrybotError, Permanent, Transient
from jobs.core.model import Scope
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import BrokenKey, RestorePoint, Verdict, Waiver
from jobs.engines.postgres import catalog as source_catalog
from jobs.engines.postgres import (
    events_off,
    found,
    housing,
    inspect_disk,
    judge,
    quote,
    refresh,
    report,
    revalidate,
    safekeeping,
    schema,
    session,
    undo,
    worklist,
    worklist_edges,
    worktable,
    written,
)
from jobs.engines.postgres import keepsake as keepsakes
from jobs.engines.postgres.catalog import PG_CLASS, Catalog
from jobs.engines.postgres.connect import Connection, connect, explain
from jobs.engines.postgres.hold import Hold
from jobs.engines.postgres.lane import open_lane
from jobs.engines.postgres.schema import Dumped
from jobs.ports.engine import Asked, FenceHeld, Lane, Room, Tally, Watch

LARGEST_SHOWN = 10


@contextmanager
def conduct(asked: Asked, plan: MigrationPlan) -> Iterator[PostgresConductor]:
    """Takes the fence. Raises `FenceHeld`, `Transient` or `Permanent`."""
    target = connect(asked.target, purpose=f"conductor {asked.migration}")
    conductor = PostgresConductor(asked, plan, target)
    try:
        if not session.take_fence(target):
            raise FenceHeld(f"Another migration is at work in {asked.target.label}")
        conductor.silenced = session.silence(target)
        yield conductor
    finally:
        conductor.close()


class PostgresConductor:
    """Holds the fence in the target and, once prepared, the snapshot in the source."""

    def __init__(self, asked: Asked, plan: MigrationPlan, target: Connection) -> None:
        self._asked = asked
        self._plan = plan
        self._target = target
        self._source: Connection | None = None
        self._catalog: Catalog | None = None
        self._mark: written.Mark = {}
        self._hold = Hold(asked, plan)
        self.silenced = False

    def close(self) -> None:
        """Gives fence, snapshot and hold back by ending their sessions."""
        self._hold.release()
        for connection in (self._source, self._target):
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.close()

    def secure(self, watch: Watch) -> RestorePoint | None:
        """Makes the restore point of a plan that overwrites; None where the target holds nothing."""
        try:
            point = safekeeping.secure(self._target, self._asked, watch) if self._asked.options.overwrite else None
        except psycopg.Error as error:
            raise self._fault(error, "Making the restore point") from None
        self._asked = replace(self._asked, restore_point=point or self._asked.restore_point)
        return point

    def hold(self, watch: Watch) -> None:
        """Keeps everybody else from writing to the moved tables of the source."""
        self._hold.take(watch)

    def release(self) -> bool:
        """Ends the hold while the run goes on; False when there is none."""
        return self._hold.release()

    def holds(self) -> bool:
        """Whether the hold stands."""
        return self._hold.stands()

    def keepsake(self) -> str:
        """What `roll_back` needs once the task table is gone; empty when it is gone already."""
        try:
            before = found.read(self._target)
            if before is None or worktable.read_run(self._target) is None:
                return ""
            return keepsakes.take(self._target, self._asked, before).text()
        except psycopg.Error as error:
            raise self._fault(error, "Noting what the run made") from None

    def roll_back(self, keepsake: str, watch: Watch) -> str:
        """`undo` after `finish`: proves that everything is what the run made, then takes it away."""
        try:
            kept = keepsakes.parse(keepsake)
            safekeeping.demand_free(self._target, self._asked.migration)
            session.end_lanes(self._target)
            return keepsakes.roll_back(self._target, self._asked, kept)
        except psycopg.Error as error:
            raise self._fault(error, "Rolling back") from None

    def revalidate(self, broken: Sequence[BrokenKey], watch: Watch) -> tuple[BrokenKey, ...]:
        """Validates foreign keys that stayed NOT VALID."""
        try:
            return revalidate.revalidate(self._target, broken, watch.check, watch.note)
        except psycopg.Error as error:
            raise self._fault(error, "Validating foreign keys") from None

    def prepare(self, watch: Watch, *, refresh: bool = False) -> bool:
        """Takes the snapshot and writes the task rows, or finds them and reopens what must be proven again."""
        try:
            run = worktable.read_run(self._target)
            if run is not None:
                self._must_be_ours(run)
                session.end_lanes(self._target)
            snapshot = self._take_snapshot(watch)
            assert self._source
            old, new = (side.info.server_version for side in (self._source, self._target))
            options = schema.session_options(self._source)
            with schema.dumping(
                self._asked.source, old, snapshot, watch.check, target_version=new, options=options
            ) as choose:
                self._read_catalog(quoted=old // 10000 != new // 10000)
                replica = self.silenced
                if run is None:
                    safekeeping.demand_free(self._target, self._asked.migration)
                    if not refresh:
                        safekeeping.make_room(self._target, self._source, self._asked, watch.check)
                    self._begin(snapshot, replica, watch, choose, again=refresh)
                else:
                    self._resume(run, snapshot, replica, choose)
        except psycopg.Error as error:
            raise self._fault(error, "Preparing the run") from None
        return run is not None

    @property
    def own_lanes(self) -> int:
        """A snapshot that is exported is joined from anywhere."""
        return 1

    def lane(self) -> AbstractContextManager[Lane]:
        """A lane like any other."""
        return open_lane(self._asked, self._plan)

    def room(self) -> Room:
        """What is free on the target's disk, asked in a session of its own. Safe from another thread."""
        return inspect_disk.room(self._asked.target)

    def tally(self) -> Tally:
        """The state of the task table. Raises `Transient` when the fence or the snapshot is lost."""
        try:
            if not worktable.exists(self._target):
                return Tally()
            totals, largest, fatal = worktable.tally(self._target, LARGEST_SHOWN)
            work = worktable.work(self._target)
            if self._source is not None:
                self._source.execute("select 1")
        except psycopg.Error as error:
            raise Transient(
                f"The conductor lost a connection: {explain(error, self._asked.target, doing='Watching').what}",
                remedy="The run resumes by itself.",
            ) from None
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
            finished_tables=[(title, rows, size, seconds) for title, rows, size, seconds in largest],
        )

    def verdict(self, waivers: Sequence[Waiver] = ()) -> Verdict:
        """What the finished tasks and the census prove."""
        try:
            self._target.execute("set synchronous_commit = on")
            # Lanes commit without waiting; this one waits, and the log is one sequence: all of theirs is on disk.
            self._target.execute("update ferrybot.run set epoch = epoch")
            run = worktable.read_run(self._target)
            if run is None or self._source is None:
                raise Permanent("No prepared run to judge", remedy="Start the migration again.")
            return judge.judge(
                self._asked, self._plan, self._source, self._target, run, waivers, held=self._hold.stands()
            )
        except psycopg.Error as error:
            raise self._fault(error, "Judging the run") from None

    def report(self) -> Sequence[dict[str, Any]]:
        """Per table: name, rows, bytes, seconds, checksums, method. For the full log."""
        try:
            return report.of_tables(self._target)
        except psycopg.Error as error:
            raise self._fault(error, "Reading the run's results") from None

    def finish(self) -> None:
        """Removes the task table from the target after a green verdict."""
        try:
            self._target.execute("set synchronous_commit = on")
            self._target.execute("set client_min_messages = error")
            with events_off.asleep(self._target):
                worktable.drop(self._target)
        except psycopg.Error as error:
            raise self._fault(error, "Removing the task table") from None

    def undo(self, watch: Watch) -> str:
        """Removes what the run made from a target that was found empty; says what was done. Idempotent."""
        try:
            run, before = worktable.read_run(self._target), found.read(self._target)
            if run is None and before is None:
                return "Nothing of a run is left in the target."
            if run is not None:
                self._must_be_ours(run, whatever_plan=True)
            elif before is not None and before.migration != self._asked.migration:
                raise safekeeping.of_another(before.migration)
            session.end_lanes(self._target)
            if before is not None and before.replaced:
                return safekeeping.bring_back(self._target, self._asked, before)
            return undo.remove(self._target, self._asked)
        except psycopg.Error as error:
            raise self._fault(error, "Undoing the run") from None

    def _take_snapshot(self, watch: Watch) -> str:
        """Locks first, then the snapshot: in between nobody can empty a table behind its back."""
        if self._source is not None:
            self._source.close()
        source = self._source = connect(self._asked.source, purpose=f"conductor {self._asked.migration}")
        moved = {(t.schema_name, t.name) for t in self._plan.tables if t.rows_moved}
        names = [quote.qualified(*key) for key in source_catalog.plain_tables(source) if key in moved]
        mark = written.look(source, moved)
        source.execute("begin isolation level repeatable read read only")
        source_catalog.lock_tables(source, names, watch.check)
        row = source.execute("select pg_export_snapshot()").fetchone()
        assert row
        self._mark = written.at_snapshot(source, mark)
        return str(row[0])

    def _read_catalog(self, *, quoted: bool) -> None:
        """A table that came or went since the plan was approved must not be left behind in silence."""
        assert self._source
        catalog = self._catalog = source_catalog.read(self._source, quoted=quoted)
        out = catalog.left_out(self._asked.options.include, self._asked.options.exclude)
        now = {table.key for table in catalog.tables.values() if table.oid not in out}
        planned = {(table.schema_name, table.name) for table in self._plan.tables}
        if now != planned:
            shown = ", ".join(".".join(key) for key in sorted(now ^ planned)[:5])
            raise Permanent(
                f"The source's tables are not those of the plan any more: {shown}",
                meaning="Nothing was changed.",
                remedy="Run the checks again, so that the plan knows them.",
            )

    def _begin(self, snapshot: str, replica: bool, watch: Watch, choose: schema.Choose, *, again: bool) -> None:
        """The task table of a first run, or (`again`) of one that brings a finished target up to date."""
        assert self._source and self._catalog
        target, options = self._target, self._asked.options
        if again:
            refresh.must_be_the_same_schema(self._source, self._plan)
        if options.scope is Scope.data_only and not replica:
            _refuse_foreign_keys(target)
        # Asked before the archive is: pg_dump is still at work.
        extensions = frozenset(row[0] for row in target.execute("select extname::text from pg_extension"))
        large_objects = source_catalog.large_objects(self._source)
        edges = worklist_edges.read(self._source, target, self._plan, options)
        before = None if found.read(target) else safekeeping.look(target, self._asked, replaced=False)
        dumped = choose(self._left_out())
        owners = housing.owners(target, dumped.kept, edges.housing, edges.roles) if options.keep_owners else []
        asking = worklist.Asking(
            plan=self._plan,
            options=options,
            dumped=dumped,
            catalog=self._catalog,
            source_version=self._source.info.server_version,
            target_version=target.info.server_version,
            extensions_before=extensions,
            large_objects=large_objects,
            check=watch.check,
            whole=again,
            edges=edges,
            owners=tuple(owners),
        )
        rows = worklist.build(asking)
        run = worktable.Run(
            migration=self._asked.migration,
            digest=self._plan.digest,
            epoch=1,
            snapshot=snapshot,
            replica_role=replica,
            tool=dumped.written_by,
            definitions=schema.definitions(dumped.kept),
            left_out=[[entry.catalog, entry.oid] for entry in dumped.left_out if entry.catalog],
            unchecked=[],
        )
        with events_off.asleep(target):
            if before is not None:
                found.write(target, before)
            listed = refresh.tasks(rows) if again else rows
            worktable.write(target, run, listed, socket.gethostname(), os.getpid())
            written.remember(target, self._mark)
            if again:
                refresh.mark(target, options.scope, silenced=replica)

    def _resume(self, run: worktable.Run, snapshot: str, replica: bool, choose: schema.Choose) -> None:
        assert self._source
        _must_be_unchanged(run, choose(self._left_out()))
        with self._target.transaction():
            worktable.next_epoch(self._target, snapshot, replica, socket.gethostname(), os.getpid())
            written.remember(self._target, self._mark)
            known = worktable.large_objects(self._target)
            new = [oid for oid in source_catalog.large_objects(self._source) if oid not in known]
            if new and self._asked.options.scope is not Scope.schema_only:
                worktable.add_large_objects(self._target, new)
            if not replica:
                undo.drop_foreign_keys(self._target)

    def _left_out(self) -> set[tuple[int, int]]:
        """The tables that a person left out, as pg_dump names them."""
        assert self._catalog
        options = self._asked.options
        return {(PG_CLASS, oid) for oid in self._catalog.left_out(options.include, options.exclude)}

    def _must_be_ours(self, run: worktable.Run, *, whatever_plan: bool = False) -> None:
        if run.migration != self._asked.migration:
            raise safekeeping.of_another(run.migration)
        if run.digest != self._plan.digest and not whatever_plan:
            raise Permanent(
                "The plan changed since this run began in the target",
                meaning="What was copied under the earlier plan is still there.",
                remedy="Undo the run, then migrate under the new plan.",
            )

    def _fault(self, error: psycopg.Error, doing: str) -> FerrybotError:
        lost = self._source is not None and self._source.broken
        return explain(error, self._asked.source if lost else self._asked.target, doing=doing)


def _must_be_unchanged(run: worktable.Run, dumped: Dumped) -> None:
    """Another version of pg_dump may write the same object differently: then only the census compares."""
    if run.tool != dumped.written_by:
        return
    now = schema.definitions(dumped.kept)
    changed = sorted(
        name for name in run.definitions.keys() | now.keys() if run.definitions.get(name) != now.get(name)
    )
    if changed:
        shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise Permanent(
            f"The source's schema changed since the run began: {shown}",
            meaning="The rows copied so far fit the earlier schema.",
            remedy="Undo the run and migrate again, or take the change back in the source and press Retry.",
        )


def _refuse_foreign_keys(target: Connection) -> None:
    row = target.execute("select count(*) from pg_constraint where contype = 'f'").fetchone()
    if row and row[0]:
        raise Permanent(
            "The target's role may not set session_replication_role, and the target has foreign keys",
            remedy="Grant it (from PostgreSQL 15: GRANT SET ON PARAMETER session_replication_role), or drop them.",
        )
