"""Back to the target as it was found: what `_ferrybot_made` names is dropped, in reverse, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobs.core.model import Scope
from jobs.engines.mysql import clear, quote, session, worktable
from jobs.engines.mysql.connect import Connection, run
from jobs.engines.mysql.perform.counters import next_values, set_next
from jobs.engines.mysql.worktable import Run
from jobs.ports.engine import Asked


def remove(target: Connection, asked: Asked, found: Run, check: Callable[[], None]) -> str:
    """Drops what the run made and the run itself; each step is harmless when repeated."""
    worktable.close_epoch(target)
    session.tune(target)
    if asked.options.scope is Scope.data_only:
        said = empty(target, filled(target), found.found.get("counters", {}))
        worktable.drop(target)
        return said
    made = worktable.made(target)
    dropped = 0
    for kind in clear.ORDER:
        for name in [name for of, name in made if of == kind]:
            check()
            run(target, f"DROP {kind.upper()} IF EXISTS {quote.name(name)}")
            worktable.disown(target, kind, name)
            dropped += 1
    restore_database(target, asked.target.database, found.found)
    worktable.drop(target)
    return f"{dropped} objects were removed; the target is as it was found."


def filled(target: Connection) -> list[str]:
    """The tables that a run of data only brings rows to."""
    return sorted({table["name"] for task in worktable.tasks(target, "copy") for table in task["tables"]})


def empty(target: Connection, tables: Sequence[str], counters: Mapping[str, list[int]]) -> str:
    """Deletes their rows, and sets next values to `counters`, as they were found; harmless when repeated."""
    for name in tables:
        run(target, f"delete from {quote.name(name)}")  # noqa: S608 - quoted
    sequences = [name.removeprefix("sequence ") for name in counters if name.startswith("sequence ")]
    now = next_values(target, sequences)
    for name, value in counters.items():
        if name in now and now[name] != value:
            set_next(target, name, value)
    return f"{len(tables)} tables were emptied again, and counters have their earlier values."


def restore_database(target: Connection, database: str, found: Mapping[str, Any]) -> None:
    """The database's own character set, as it was found."""
    run(
        target,
        f"ALTER DATABASE {quote.name(database)} CHARACTER SET {found['charset']} COLLATE {found['collation']}",
    )


def drop_triggers(target: Connection) -> None:
    """No row that is copied again wakes a trigger: they come back when the rows are in."""
    for kind, name in worktable.made(target):
        if kind == "trigger":
            run(target, f"DROP TRIGGER IF EXISTS {quote.name(name)}")
            worktable.disown(target, kind, name)
