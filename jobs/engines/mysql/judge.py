"""The verdict on a run: what its finished tasks and the census prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs.core.plan import MigrationPlan
from jobs.core.verdict import BrokenKey, RowDifference, TableProof, Verdict, Waiver
from jobs.engines.mysql import bisect, catalog, census, worktable
from jobs.engines.mysql.catalog import Catalog
from jobs.engines.mysql.connect import Connection
from jobs.engines.mysql.session import Snapshot
from jobs.engines.mysql.written import written
from jobs.ports.engine import Asked


def verdict(
    asked: Asked,
    plan: MigrationPlan,
    snapshot: Snapshot,
    target: Connection,
    run: worktable.Run,
    waivers: Sequence[Waiver],
    *,
    held: bool,
) -> Verdict:
    """What a waiver names stands under `waived`. The lanes are done, so a reader of the snapshot is free."""
    source = catalog.read(snapshot.first, asked.source.database)
    there = catalog.read(target, asked.target.database)
    kept = {name: value for result in worktable.results(target, "counters") for name, value in result.items()}
    counted = census.take(source, there, plan, kept)
    excused = {waiver.key for waiver in waivers}
    proofs = census.proofs(worktable.results(target, "verify"))
    moved = {table.name for table in plan.tables if table.rows_moved}
    return Verdict(
        proofs=tuple(proofs),
        objects=tuple(counted.agreed),
        differences=tuple(d for d in counted.differences if d.key not in excused),
        transformed=tuple(counted.transformed),
        waived=tuple(d for d in counted.differences if d.key in excused),
        unchecked=(*run.unchecked, *counted.unchecked, *_open_tasks(target)),
        expected_tables=len(moved),
        move_seconds=worktable.move_seconds(target),
        rows=tuple(_rows(asked, snapshot, target, source, proofs)),
        broken_keys=tuple(BrokenKey(**key) for result in worktable.results(target, "orphans") for key in result),
        written=written(snapshot, moved, held=held),
    )


def _open_tasks(target: Connection) -> list[str]:
    return [f"{title} ({kind} is not done)" for kind, title in worktable.open_tasks(target)]


def _rows(
    asked: Asked, snapshot: Snapshot, target: Connection, source: Catalog, proofs: Sequence[TableProof]
) -> Iterator[RowDifference]:
    """Which rows stand behind unequal tables."""
    unequal = {proof.table for proof in proofs if not proof.equal}
    documents = {
        table["label"]: table
        for kind in ("parts", "copy")
        for task in worktable.tasks(target, kind)
        for table in (task["tables"] if kind == "copy" else [task["table"]])
    }
    for label in sorted(unequal & documents.keys()):
        table = documents[label]
        reader = snapshot.borrow()
        try:
            yield bisect.differing(reader, target, asked, source.by_name[table["name"]], table)
        finally:
            snapshot.give_back(reader)
