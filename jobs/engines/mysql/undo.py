"""Back to the target as it was found: what `_ferrybot_made` names is dropped, in reverse, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

import pymysql

from jobs.core.errors import Permanent
from jobs.core.model import Scope
from jobs.engines.mysql import catalog, census, quote, session, worktable
from jobs.engines.mysql.connect import Connection, run
from jobs.engines.mysql.worktable import Run
from jobs.ports.engine import Asked

_ORDER = ("event", "trigger", "view", "procedure", "function", "package body", "package", "table", "sequence")


def remove(target: Connection, asked: Asked, found: Run, check: Callable[[], None]) -> str:
    """Drops what the run made and the run itself; each step is harmless when repeated."""
    worktable.close_epoch(target)
    session.tune(target)
    if asked.options.scope is Scope.data_only:
        return _emptied(target)
    made = worktable.made(target)
    dropped = 0
    for kind in _ORDER:
        for name in [name for of, name in made if of == kind]:
            check()
            run(target, f"DROP {kind.upper()} IF EXISTS {quote.name(name)}")
            worktable.disown(target, kind, name)
            dropped += 1
    _restore_database(target, asked.target.database, found.found)
    worktable.drop(target)
    return f"{dropped} objects were removed; the target is as it was found."


def _emptied(target: Connection) -> str:
    tables = {table["name"] for task in worktable.tasks(target, "copy") for table in task["tables"]}
    for name in sorted(tables):
        run(target, f"delete from {quote.name(name)}")  # noqa: S608 - quoted
    worktable.drop(target)
    return f"{len(tables)} tables were emptied again; counters keep their values."


def _restore_database(target: Connection, database: str, found: dict[str, str]) -> None:
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


def keepsake(target: Connection, asked: Asked, found: Run) -> str:
    """What the run made and how each object is defined now, as JSON."""
    now = catalog.read(target, asked.target.database)
    return json.dumps(
        {
            "migration": found.migration,
            "database": asked.target.database,
            "data only": asked.options.scope is Scope.data_only,
            "found": found.found,
            "made": worktable.made(target),
            "definitions": census.wholes(now),
        }
    )


def roll_back(target: Connection, asked: Asked, kept: str) -> str:
    """Drops what the run made, after it was finished. Raises `Permanent` before anything is touched."""
    known = json.loads(kept) if kept else None
    if known is None or known["migration"] != asked.migration or known["database"] != asked.target.database:
        raise Permanent("Nothing is known of what that run made", meaning="Nothing was changed.")
    if known["data only"]:
        raise Permanent(
            "Rows that came into tables which were there before cannot be told from others any more",
            meaning="Nothing was changed.",
            remedy="Restore the target from its own backup.",
        )
    now = census.wholes(catalog.read(target, asked.target.database))
    made = {f"{kind} {name}" for kind, name in known["made"]}
    changed = sorted(name for name in made & now.keys() if now[name] != known["definitions"].get(name))
    if changed:
        raise Permanent(
            f"These are not the objects that the run made any more: {', '.join(changed[:5])}",
            meaning="Nothing was changed.",
            remedy="Drop by hand what is not wanted.",
        )
    others = sorted(now.keys() - made)
    session.tune(target)
    for kind in _ORDER:
        for of, name in known["made"]:
            if of == kind:
                run(target, f"DROP {kind.upper()} IF EXISTS {quote.name(name)}")
    if not others:
        with suppress(pymysql.MySQLError):
            _restore_database(target, asked.target.database, known["found"])
    return f"{len(made)} objects were removed; the target is as it was found."
