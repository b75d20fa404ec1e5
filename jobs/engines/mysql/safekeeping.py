"""The conductor's part in keeping a target safe: whose it is, what it held, and what is noted before it changes."""

from __future__ import annotations

from collections.abc import Callable

from jobs.core.errors import Permanent
from jobs.core.verdict import RestorePoint
from jobs.engines.mysql import clear, found, restore_point, worktable
from jobs.engines.mysql.connect import Connection
from jobs.ports.engine import Asked, Watch


def secure(target: Connection, asked: Asked, watch: Watch) -> RestorePoint | None:
    """The restore point; None where the target holds nothing, or a run of ours that has begun already."""
    demand_free(target, asked.migration)
    begun = worktable.read_run(target) is not None or found.read(target) is not None
    if begun or not clear.objects(target):
        return None
    return restore_point.make(asked, target, watch)


def make_room(target: Connection, asked: Asked, check: Callable[[], None]) -> None:
    """Empties the target of a plan that overwrites, only behind a restore point.

    What is noted first says to whoever comes after a crash that this was begun."""
    if asked.restore_point is None:
        return
    if found.read(target) is None:
        found.write(target, found.look(target, asked.migration))
    clear.everything(target, check)


def bring_back(target: Connection, asked: Asked, before: found.Found) -> str:
    """Undoes a run that replaced something. What was asked for is just this, so nothing of the story stops it."""
    if worktable.read_run(target) is not None:
        worktable.close_epoch(target)
    said = restore_point.bring_back(asked, target, before, lambda: None)
    worktable.drop(target)
    found.drop(target)
    return said


def demand_free(target: Connection, migration: str) -> None:
    """No other migration's run, nor its replacing. Raises `Permanent`."""
    run, before = worktable.read_run(target), found.read(target)
    whose = run.migration if run else before.migration if before else ""
    if whose and whose != migration:
        raise of_another(whose)


def of_another(migration: str) -> Permanent:
    return Permanent(
        f"The target holds the unfinished run of another migration, {migration}",
        meaning="Nothing was changed.",
        remedy="Finish or undo that migration first.",
    )
