"""The verdict: what the finished tasks, the census and a last look at the source prove."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import psycopg

from jobs.core.errors import FerrybotError
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import TableProof, Verdict, Waiver, Written
from jobs.engines.postgres import bisect, census, worktable, written
from jobs.engines.postgres.connect import Connection, connect, first_line
from jobs.engines.postgres.transformed import Broken
from jobs.ports.engine import Asked


def judge(
    asked: Asked,
    plan: MigrationPlan,
    source: Connection,
    target: Connection,
    run: worktable.Run,
    waivers: Sequence[Waiver],
    *,
    held: bool,
) -> Verdict:
    """`source` is within the run's snapshot, and `held` since before it.

    A difference that a waiver names stands under `waived`."""
    proved = proofs(target)
    sequences = [value for result in worktable.results(target, ["sequences"]) for value in result]
    broken = Broken.of(worktable.results(target, ["validate"]))
    counted = census.take(source, target, run, asked.options, sequences, broken)
    allowed = {waiver.key for waiver in waivers}
    unequal = [proof for proof in proved if not proof.equal]
    payloads = worktable.payloads(target, ["verify"]) if unequal else []
    return Verdict(
        proofs=tuple(proved),
        objects=tuple(counted.agreed),
        differences=tuple(d for d in counted.differences if d.key not in allowed),
        waived=tuple(d for d in counted.differences if d.key in allowed),
        transformed=tuple(counted.transformed),
        unchecked=(*run.unchecked, *counted.unchecked, *_open_tasks(target)),
        expected_tables=sum(table.rows_moved for table in plan.tables),
        rows=tuple(bisect.rows_of(source, target, bisect.described(payloads), unequal)),
        broken_keys=tuple(broken.keys.values()),
        written=_written(asked, plan, target).model_copy(update={"held": held}),
        move_seconds=worktable.move_seconds(target),
    )


def proofs(target: Connection) -> list[TableProof]:
    """Each table's, as the verify tasks kept it."""
    return census.proofs(worktable.results(target, ["verify"]))


def _written(asked: Asked, plan: MigrationPlan, target: Connection) -> Written:
    """A question of its own session: one within the snapshot sees what was. No answer is no fault of the copy."""
    moved = {(table.schema_name, table.name) for table in plan.tables if table.rows_moved}
    try:
        with closing(connect(asked.source, purpose=f"conductor {asked.migration}")) as fresh:
            return written.between(written.recall(target), written.look(fresh, moved))
    except FerrybotError as error:
        return Written(unknown=f"the source could not be asked again ({error.what})")
    except psycopg.Error as error:
        return Written(
            unknown=f"the source could not be asked again ({first_line(error.diag.message_primary or '')})"
        )


def _open_tasks(target: Connection) -> list[str]:
    return [f"{title} ({kind} is not done)" for kind, title in worktable.open_tasks(target)]
