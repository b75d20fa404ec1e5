"""The conductor: one per target database; holds the fence there and the run's snapshot in the source.

Why a resumed run is exact: whoever holds the fence ends the lanes of earlier epochs and waits until they are gone,
takes a new snapshot, and in one transaction raises the epoch and opens every task again whose result depends on rows.
Triggers that were made already are dropped first, so that no row wakes them. Copied tables are then compared under
the new snapshot and copied again where they differ, so at the end everything in the target was either copied from or
proven equal to one snapshot: the last one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import Any

import pymysql

from jobs.core.errors import FerrybotError, Permanent, Transient
from jobs.core.model import Scope
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import BrokenKey, RestorePoint, Verdict, Waiver
from jobs.engines.mysql import (
    catalog,
    census,
    first_words,
    inspect_disk,
    judge,
    refresh,
    safekeeping,
    session,
    undo,
    worklist,
    worktable,
)
from jobs.engines.mysql import found as noted
from jobs.engines.mysql import keepsake as keepsakes
from jobs.engines.mysql import keys as orphans
from jobs.engines.mysql.catalog import Catalog
from jobs.engines.mysql.chosen import chosen, reduced
from jobs.engines.mysql.connect import Connection, connect, explain, one
from jobs.engines.mysql.hold import Hold
from jobs.engines.mysql.lane import MysqlLane, open_lane
from jobs.engines.mysql.perform.counters import next_values
from jobs.engines.mysql.session import Snapshot
from jobs.ports.engine import Asked, FenceHeld, Room, Tally, Watch

LARGEST_SHOWN = 10


@contextmanager
def conduct(asked: Asked, plan: MigrationPlan) -> Iterator[MysqlConductor]:
    """Takes the fence. Raises `FenceHeld`, `Transient` or `Permanent`."""
    target = connect(asked.target, purpose=f"conductor {asked.migration}")
    conductor = MysqlConductor(asked, plan, target)
    try:
        if not session.take_fence(target, asked.target.database):
            raise FenceHeld(f"Another migration is at work in {asked.target.label}")
        yield conductor
    finally:
        conductor.close()


class MysqlConductor:
    """Holds the fence in the target and, once prepared, the snapshot in the source."""

    def __init__(self, asked: Asked, plan: MigrationPlan, target: Connection) -> None:
        self._asked = asked
        self._plan = plan
        self._target = target
        self._snapshot: Snapshot | None = None
        self._catalog: Catalog | None = None
        self._hold = Hold(asked.source)

    def close(self) -> None:
        """Gives fence, snapshot and hold back by ending the sessions."""
        self._hold.release()
        if self._snapshot is not None:
            self._snapshot.close()
        with suppress(pymysql.MySQLError, OSError):
            self._target.close()

    @property
    def own_lanes(self) -> int:
        """Lanes that must run in this process: those that share the snapshot's sessions."""
        return self._snapshot.readers if self._snapshot is not None else self._plan.options.parallelism

    def lane(self) -> AbstractContextManager[MysqlLane]:
        """A lane with a reader of the snapshot. Raises `Stopped` when all readers are taken."""
        return open_lane(self._asked, self._plan, self._snapshot)

    def secure(self, watch: Watch) -> RestorePoint | None:
        """Makes the restore point of a plan that overwrites; None where the target holds nothing."""
        try:
            point = safekeeping.secure(self._target, self._asked, watch) if self._asked.options.overwrite else None
        except pymysql.MySQLError as error:
            raise self._fault(error, "Making the restore point") from None
        self._asked = replace(self._asked, restore_point=point or self._asked.restore_point)
        return point

    def hold(self, watch: Watch) -> None:
        """Keeps everybody else from writing to the moved tables of the source, before the snapshot is taken."""
        self._hold.take([table.name for table in self._plan.tables if table.rows_moved])

    def release(self) -> bool:
        """Ends the hold while the run goes on; False when there is none (any more). Safe from another thread."""
        return self._hold.release()

    def holds(self) -> bool:
        """Whether the hold stands; asks the server. Safe from another thread."""
        return self._hold.stands()

    def revalidate(self, keys: Sequence[BrokenKey], watch: Watch) -> tuple[BrokenKey, ...]:
        """Looks again for rows that break foreign keys, which are there and hold for every new row."""
        try:
            there = catalog.read(self._target, self._asked.target.database)
            return orphans.revalidate(self._target, there, [key.name for key in keys], watch.check, watch.note)
        except pymysql.MySQLError as error:
            raise self._fault(error, "Looking for rows without a parent") from None

    def prepare(self, watch: Watch, *, refresh: bool = False) -> bool:
        """Takes the snapshot and writes the task rows, or finds them and reopens what must be proven again."""
        try:
            found = worktable.read_run(self._target)
            if found is not None:
                self._must_be_ours(found)
            session.end_lanes(self._target, self._asked.target.database, watch.check)
            self._take_snapshot()
            if found is None:
                safekeeping.demand_free(self._target, self._asked.migration)
                if not refresh:
                    safekeeping.make_room(self._target, self._asked, watch.check)
                self._begin(again=refresh)
            else:
                self._resume(found)
            first_words.set_up_database(self._target)
        except pymysql.MySQLError as error:
            raise self._fault(error, "Preparing the run") from None
        return found is not None

    def room(self) -> Room:
        """What is free on the target's disk, asked in a session of its own. Safe from another thread."""
        return inspect_disk.room(self._asked.target)

    def tally(self) -> Tally:
        """The state of the task table. Raises `Transient` when the fence or the snapshot is lost."""
        snapshot = self._snapshot
        try:
            if not worktable.exists(self._target):
                return Tally()
            totals, largest, fatal = worktable.tally(self._target, LARGEST_SHOWN)
            work = worktable.work(self._target)
            lanes = len(session.living(self._target, self._asked.target.database))
            if snapshot is not None:
                one(snapshot.first, "select 1")
        except (pymysql.MySQLError, OSError) as error:
            raise Transient(
                f"The conductor lost a connection: {explain(error, self._asked.target, doing='Watching').what}",
                remedy="The run resumes by itself.",
            ) from None
        if snapshot is not None and snapshot.lost:
            raise Transient("A session of the source's snapshot is lost", remedy="The run resumes by itself.")
        total, done, tables, tables_done, count, size, size_done, phase = totals
        name, title = worktable.PHASES.get(phase, ("", ""))
        return Tally(
            phase=name,
            phase_title=title,
            tasks_done=int(done or 0),
            tasks_total=int(total),
            tables_done=int(tables_done),
            tables_total=int(tables),
            rows_done=int(count),
            bytes_done=int(size_done),
            bytes_total=int(size),
            lanes=lanes,
            work=work,
            failed=fatal[0] if fatal else "",
            failed_object=fatal[1] if fatal else "",
            finished_tables=[(title, int(n), int(b), float(seconds)) for title, n, b, seconds in largest],
        )

    def verdict(self, waivers: Sequence[Waiver] = ()) -> Verdict:
        """What the finished tasks and the census prove; what a waiver names stands under `waived`."""
        try:
            found = worktable.read_run(self._target)
            if found is None or self._snapshot is None:
                raise Permanent("No prepared run to judge", remedy="Start the migration again.")
            held = self._hold.stands()
            return judge.verdict(self._asked, self._plan, self._snapshot, self._target, found, waivers, held=held)
        except pymysql.MySQLError as error:
            raise self._fault(error, "Judging the run") from None

    def report(self) -> Sequence[dict[str, Any]]:
        """Per table: name, rows, bytes, seconds, checksums, method. For the full log."""
        try:
            proofs = {p.table: p for p in census.proofs(worktable.results(self._target, "verify"))}
            lines = [line for result in worktable.results(self._target, "copy") for line in result]
        except pymysql.MySQLError as error:
            raise self._fault(error, "Reading the run's results") from None
        return [
            line
            | (
                proofs[line["table"]].model_dump(mode="json", exclude={"bytes", "seconds"})
                if line["table"] in proofs
                else {}
            )
            for line in whole_tables(lines)
        ]

    def keepsake(self) -> str:
        """All that `roll_back` needs once the task table is gone; empty when it is gone already."""
        try:
            found = worktable.read_run(self._target)
            return "" if found is None else keepsakes.take(self._target, self._asked, found)
        except pymysql.MySQLError as error:
            raise self._fault(error, "Writing down what the run made") from None

    def finish(self) -> None:
        """Removes the task table from the target after a green verdict."""
        try:
            worktable.drop(self._target)
            noted.drop(self._target)
        except pymysql.MySQLError as error:
            raise self._fault(error, "Removing the task table") from None

    def undo(self, watch: Watch) -> str:
        """Back to the target as it was found: emptied, or with what it held; says what was done. Idempotent."""
        try:
            found, before = worktable.read_run(self._target), noted.read(self._target)
            if found is not None:
                self._must_be_ours(found, whatever_plan=True)
            elif before is not None and before.migration != self._asked.migration:
                raise safekeeping.of_another(before.migration)
            session.end_lanes(self._target, self._asked.target.database)
            if before is not None:
                return safekeeping.bring_back(self._target, self._asked, before)
            if found is None:
                worktable.drop(self._target)
                return "Nothing of a run is left in the target."
            if found.found.get(refresh.MARK):
                return refresh.keep(self._target)
            return undo.remove(self._target, self._asked, found, watch.check)
        except pymysql.MySQLError as error:
            raise self._fault(error, "Undoing the run") from None

    def roll_back(self, keepsake: str, watch: Watch) -> str:
        """`undo` after `finish`. Raises `Permanent` where an object is not the one that the run made. Idempotent."""
        try:
            safekeeping.demand_free(self._target, self._asked.migration)
            session.end_lanes(self._target, self._asked.target.database)
            return keepsakes.roll_back(self._target, self._asked, keepsake)
        except pymysql.MySQLError as error:
            raise self._fault(error, "Rolling back") from None

    def _take_snapshot(self) -> None:
        if self._snapshot is not None:
            self._snapshot.close()
        moved = [table.name for table in self._plan.tables if table.rows_moved]
        self._snapshot = session.take_snapshot(
            self._asked.source, self._asked.migration, self._plan.options.parallelism, moved
        )
        self._catalog = catalog.read(self._snapshot.first, self._asked.source.database)
        self._must_fit_the_plan(self._catalog)

    def _must_fit_the_plan(self, now: Catalog) -> None:
        """A table that came or went since the plan was approved must not be left behind in silence."""
        options = self._asked.options
        found = {table.name for table in chosen(now, options)}
        planned = {table.name for table in self._plan.tables}
        if found != planned:
            raise Permanent(
                f"The source's tables are not those of the plan any more: {', '.join(sorted(found ^ planned)[:5])}",
                meaning="Nothing was changed.",
                remedy="Run the checks again, so that the plan knows them.",
            )

    def _begin(self, *, again: bool) -> None:
        """The task table of a first run, or (`again`) of one that brings a finished target up to date."""
        assert self._snapshot and self._catalog
        there = catalog.read(self._target, self._asked.target.database)
        options = self._asked.options
        if options.scope is Scope.data_only:
            _refuse_triggers(there, {table.name for table in self._plan.tables})
        elif not there.empty and not again:
            raise _not_empty(there)
        if again:
            refresh.must_be_the_same(self._catalog, there, self._plan)
        most = min(
            int(one(connection, "select @@max_allowed_packet")[0])
            for connection in (self._snapshot.first, self._target)
        )
        asking = worklist.Asking(
            plan=self._plan,
            options=options,
            catalog=reduced(self._catalog, {table.name for table in self._plan.tables}),
            target=there,
            source=self._snapshot.first,
            most_bytes=most,
        )
        tasks = worklist.build(asking)
        moved = {table.name for table in self._plan.tables if table.rows_moved}
        awake = refresh.triggers(tasks, there, moved) if again else None
        new = worktable.Run(
            migration=self._asked.migration,
            digest=self._plan.digest,
            epoch=1,
            conductor=0,
            fingerprint=census.fingerprint(self._catalog),
            found=self._as_found(there, again),
            unchecked=[],
        )
        listed = refresh.tasks(tasks) if again else tasks
        worktable.write(self._target, new, listed, socket.gethostname(), os.getpid(), awake)
        if again:
            undo.drop_triggers(self._target)

    def _as_found(self, there: Catalog, again: bool) -> dict[str, Any]:
        """What an undo puts back, besides removing what the run made."""
        found: dict[str, Any] = {"charset": there.charset, "collation": there.collation}
        if again:
            found[refresh.MARK] = True
        elif self._asked.options.scope is Scope.data_only:
            found["counters"] = next_values(self._target, [item.name for item in there.sequences])
        return found

    def _resume(self, found: worktable.Run) -> None:
        assert self._catalog
        _must_be_unchanged(found, census.fingerprint(self._catalog))
        undo.drop_triggers(self._target)
        worktable.next_epoch(self._target, socket.gethostname(), os.getpid())

    def _must_be_ours(self, found: worktable.Run, *, whatever_plan: bool = False) -> None:
        if found.migration != self._asked.migration:
            raise Permanent(
                f"The target holds the unfinished run of another migration, {found.migration}",
                meaning="Nothing was changed.",
                remedy="Finish or undo that migration first.",
            )
        if found.digest != self._plan.digest and not whatever_plan:
            raise Permanent(
                "The plan changed since this run began in the target",
                meaning="What was copied under the earlier plan is still there.",
                remedy="Undo the run, then migrate under the new plan.",
            )

    def _fault(self, error: pymysql.MySQLError, doing: str) -> FerrybotError:
        lost = self._snapshot is not None and not self._snapshot.first.open
        return explain(error, self._asked.source if lost else self._asked.target, doing=doing)


def whole_tables(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was kept of each table, its parts added up."""
    tables: dict[str, dict[str, Any]] = {}
    for line in lines:
        before = tables.setdefault(line["table"], {**line, "rows": 0, "bytes": 0, "seconds": 0, "parts": 0})
        added = {key: before[key] + line[key] for key in ("rows", "bytes", "seconds")}
        tables[line["table"]] = before | added | {"parts": before["parts"] + 1}
    return list(tables.values())


def _not_empty(there: Catalog) -> Permanent:
    groups: tuple[Sequence[Any], ...] = (
        there.tables,
        there.views,
        there.sequences,
        there.routines,
        there.events,
        there.triggers,
    )
    names = [str(item.name) for group in groups for item in group]
    return Permanent(
        f"The target is not empty: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}",
        meaning="Nothing was changed.",
        remedy="Empty it, or choose another target.",
    )


def _refuse_triggers(there: Catalog, names: set[str]) -> None:
    """No session setting silences triggers here, and a loaded row would wake them."""
    awake = [trigger.name for trigger in there.triggers if trigger.table in names]
    if awake:
        raise Permanent(
            f"Tables of the target have triggers, which would fire for every row: {', '.join(awake[:5])}",
            meaning="Nothing was changed.",
            remedy="Drop them for the time of the migration, or move the schema too.",
        )


def _must_be_unchanged(found: worktable.Run, now: dict[str, str]) -> None:
    then = found.fingerprint
    changed = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    if changed:
        shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise Permanent(
            f"The source's schema changed since the run began: {shown}",
            meaning="The rows copied so far fit the earlier schema.",
            remedy="Undo the run and migrate again, or take the change back in the source and press Retry.",
        )
