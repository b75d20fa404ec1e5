"""What keeps a PostgreSQL target safe is that engine's own; here is what differs for a source without extensions."""

from __future__ import annotations

import json
from collections.abc import Callable

from jobs.engines.mysql_postgres import keepsake as earlier
from jobs.engines.postgres import clear, found, keepsake, safekeeping, session, worktable
from jobs.engines.postgres.connect import Connection
from jobs.ports.engine import Asked


def make_room(target: Connection, asked: Asked, check: Callable[[], None]) -> None:
    """Empties the target of a plan that overwrites, only behind a restore point; noted before it begins.

    Extensions without rows of their own stay, as far as they stand in `public`: no source brings them anew."""
    if asked.restore_point is None:
        return
    before = found.read(target)
    if before is None:
        there = {row[0] for row in target.execute("select extname::text from pg_extension").fetchall()}
        stay = clear.extensions_that_stay(target, there)
        before = safekeeping.look(target, asked, replaced=True, kept=stay)
        with target.transaction():
            found.write(target, before)
    clear.everything(target, before.kept, check)


def take(target: Connection, asked: Asked) -> str:
    """What a rollback needs once the task table is gone; empty when it is gone already."""
    before = found.read(target)
    if worktable.read_run(target) is None:
        return ""
    if before is None:  # a run that an earlier version began
        return earlier.make(target, asked.options.scope)
    return keepsake.take(target, asked, before).text()


def roll_back(target: Connection, asked: Asked, text: str) -> str:
    """Back to the target as it was found. Raises `Permanent` before anything is changed where that is not safe."""
    if text and "version" not in json.loads(text):
        return earlier.roll_back(target, text)
    kept = keepsake.parse(text)
    safekeeping.demand_free(target, asked.migration)
    session.end_lanes(target)
    return keepsake.roll_back(target, asked, kept)
