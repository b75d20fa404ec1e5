"""The conductor's part in keeping a target safe: whose it is, what it held, and what is noted before it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobs.core.errors import Permanent
from jobs.core.model import Scope
from jobs.core.verdict import RestorePoint
from jobs.engines.postgres import clear, found, restore_point, roles, undo, worktable
from jobs.engines.postgres.connect import Connection
from jobs.ports.engine import Asked, Watch


def secure(target: Connection, asked: Asked, watch: Watch) -> RestorePoint | None:
    """The restore point; None where the target holds nothing, or a run of ours that has begun already."""
    demand_free(target, asked.migration)
    begun = worktable.exists(target) or found.read(target) is not None
    if begun or not (found.things(target) or found.large_objects(target)):
        return None
    return restore_point.make(asked, target, watch)


def make_room(target: Connection, source: Connection, asked: Asked, check: Callable[[], None]) -> None:
    """Empties the target of a plan that overwrites, only behind a restore point.

    What is noted first says to whoever comes after a crash that this was begun."""
    if asked.restore_point is None:
        return
    before = found.read(target)
    if before is None:
        theirs = {row[0] for row in source.execute("select extname::text from pg_extension").fetchall()}
        before = look(target, asked, replaced=True, kept=clear.extensions_that_stay(target, theirs))
        with target.transaction():
            found.write(target, before)
    clear.everything(target, before.kept, check)


def look(target: Connection, asked: Asked, *, replaced: bool, kept: Sequence[str] = ()) -> found.Found:
    """What the target is like now, to be put back."""
    data_only = asked.options.scope is Scope.data_only
    return found.look(target, asked.migration, replaced=replaced, kept=kept, data_only=data_only)


def bring_back(target: Connection, asked: Asked, before: found.Found) -> str:
    """Undoes a run that replaced something. What was asked for is just this, so nothing of the story stops it."""
    if worktable.exists(target):
        worktable.close_epoch(target)
    made_roles: list[str] = []
    for _, kind, payload in worktable.done_backwards(target) if worktable.exists(target) else ():
        if kind == "settings":
            undo.drop(target, payload["drops"])
        elif kind == "roles":
            made_roles += payload["roles"]
    said = restore_point.bring_back(asked, target, before, lambda: None)
    roles.drop_roles(target, made_roles)
    worktable.drop(target)
    return said


def demand_free(target: Connection, migration: str) -> None:
    """Neither another migration's run nor a schema of somebody else by the name of ours. Raises `Permanent`."""
    run, before = worktable.read_run(target), found.read(target)
    whose = run.migration if run else before.migration if before else ""
    if whose and whose != migration:
        raise of_another(whose)
    row = target.execute("select to_regnamespace('ferrybot') is not null").fetchone()
    if not whose and row and row[0]:
        raise Permanent(
            "The target holds a schema ferrybot that belongs to no run",
            meaning="Nothing was changed.",
            remedy="Drop it or rename it, then press Retry.",
        )


def of_another(migration: str) -> Permanent:
    return Permanent(
        f"The target holds the unfinished run of another migration, {migration}",
        meaning="Nothing was changed.",
        remedy="Finish or undo that migration first.",
    )
