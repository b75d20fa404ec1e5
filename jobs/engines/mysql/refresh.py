"""Copying again what changed since the migration was done: a task table anew, in which nothing is to be made.

Every table counts as copied under an earlier snapshot, so it is proven against the new one by its checksum, and
copied again only where it differs. Triggers cannot be silenced here: the run's own are dropped until the rows are
in, which is written down before, so that whoever comes after a crash knows of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from jobs.core.errors import Permanent
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql import session, worktable
from jobs.engines.mysql.catalog import Catalog
from jobs.engines.mysql.chosen import chosen
from jobs.engines.mysql.connect import Connection
from jobs.engines.mysql.perform.objects import create_one, there
from jobs.engines.mysql.plan import fingerprint_of
from jobs.engines.mysql.worktable import Row

KINDS = ("parts", "copy", "counters", "orphans", "triggers", "analyze", "verify")
MARK = "refresh"
"""In what a run's row says of the target as it was found: then an undo makes nothing undone."""


def tasks(rows: Sequence[Row]) -> list[Row]:
    """Of a whole run's tasks those that bring rows up to date. Needs of what is not listed count as met."""
    return [row for row in rows if row.kind in KINDS]


def triggers(rows: Sequence[Row], there: Catalog, moved: Collection[str]) -> list[tuple[str, str]]:
    """The triggers of the target that a copied row would wake. Raises `Permanent` for those of somebody else."""
    ours = {item["name"] for row in rows if row.kind == "triggers" for item in row.payload["objects"]}
    awake = [trigger.name for trigger in there.triggers if trigger.table in moved]
    others = sorted(set(awake) - ours)
    if others:
        raise Permanent(
            f"Tables of the target have triggers that the migration did not make: {', '.join(others[:5])}",
            meaning="Nothing was changed: the target is as the migration left it.",
            remedy="Drop them for the time of the copy, then press Retry: they would fire for every row.",
            object=others[0],
        )
    return [("trigger", name) for name in awake]


def must_be_the_same(source: Catalog, target: Catalog, plan: MigrationPlan) -> None:
    """The source's schema as it was planned, and in the target every table that rows go to. Raises `Permanent`."""
    if fingerprint_of(source, chosen(source, plan.options)) != plan.schema_fingerprint:
        raise Permanent(
            "The source's schema changed since the migration was planned",
            meaning="Nothing was changed: the target is as the migration left it.",
            remedy="Take the change back in the source and press Retry, or begin a new migration.",
        )
    gone = [table.name for table in plan.tables if table.rows_moved and table.name not in target.by_name]
    if gone:
        raise Permanent(
            f"Tables are not in the target any more: {', '.join(gone[:5])}",
            meaning="Nothing was changed.",
            remedy="Begin a new migration into an empty database.",
            object=gone[0],
        )


def keep(target: Connection) -> str:
    """Ends a refresh before its end: every table stays, and triggers that were dropped for it come back."""
    worktable.close_epoch(target)
    session.tune(target)
    for payload in worktable.tasks(target, "triggers"):
        for item in payload["objects"]:
            if not there(target, item["kind"], item["name"]):
                create_one(target, item)
    worktable.drop(target)
    return "Every table stays, some as they were and some with newer rows; copy the changed tables again."
