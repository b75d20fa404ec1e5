"""Copying again what changed since the migration was done: a task table anew, in which nothing is to be made.

Every table counts as copied under an earlier snapshot, so it is proven against the new one by its checksum, and
copied again only where it differs. Indexes, triggers and the rest are there already. Foreign keys are tasks that
are done: where the role may not silence them they are dropped and added again, as any resumed run does.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.core.errors import Permanent
from jobs.core.model import Scope
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres import undo, worktable
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.plan import digest_of
from jobs.engines.postgres.queries import query
from jobs.engines.postgres.worktable import Row

KINDS = (
    "copy",
    "configuration",
    "large objects",
    "foreign keys",
    "validate",
    "sequences",
    "refresh",
    "comments",
    "analyze",
    "verify",
)

_DONE_BEFORE = "update ferrybot.task set epoch = 0 where kind in ('copy', 'large objects')"
_THERE_ALREADY = "update ferrybot.task set epoch = 0, done_at = clock_timestamp() where kind = 'foreign keys'"
_LARGE_OBJECTS = "select oid::bigint from pg_largeobject_metadata order by 1"


def tasks(rows: Sequence[Row]) -> list[Row]:
    """Of a whole run's tasks those that bring rows up to date. Needs of what is not listed count as met."""
    return [row for row in rows if row.kind in KINDS]


def mark(target: Connection, scope: Scope, *, silenced: bool) -> None:
    """Tells the lanes what is there already; in the transaction that writes the tasks."""
    target.execute(_DONE_BEFORE)
    target.execute(_THERE_ALREADY)
    if scope is Scope.everything:
        known = worktable.large_objects(target)
        gone = [oid for (oid,) in target.execute(_LARGE_OBJECTS).fetchall() if oid not in known]
        if gone:
            # Gone in the source: their task takes each away and finds nothing to bring.
            worktable.add_large_objects(target, gone)
    if not silenced:
        undo.drop_foreign_keys(target)


def must_be_the_same_schema(source: Connection, plan: MigrationPlan) -> None:
    """The definitions that a first run remembers are gone with its task table; the plan's fingerprint is not."""
    planned = {(table.schema_name, table.name) for table in plan.tables}
    lines = [tuple(row) for row in source.execute(query("definitions")).fetchall()]
    now = digest_of(line for line in lines if not line[2] or (line[1], line[2]) in planned)
    if now != plan.schema_fingerprint:
        raise Permanent(
            "The source's schema changed since the migration was planned",
            meaning="Nothing was changed: the target is as the migration left it.",
            remedy="Take the change back in the source and press Retry, or begin a new migration.",
        )
