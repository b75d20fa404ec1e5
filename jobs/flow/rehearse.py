"""Remembers rehearsals as they end, and finds the one that a later migration of the same source may go by."""

from __future__ import annotations

from contextlib import suppress

import structlog
from redis.exceptions import RedisError

from jobs.core import events as e
from jobs.core import rehearsal
from jobs.core.errors import Unreadable
from jobs.core.plan import MigrationPlan
from jobs.core.state import State
from jobs.core.verdict import Rehearsal
from jobs.desk import Desk
from jobs.ports.rehearsals import Rehearsals

log = structlog.get_logger(__name__)


def note(index: Rehearsals | None, state: State) -> None:
    """Before the end is told, so that no crash in between loses it; whether it ended is read in its story."""
    if index is None or state.plan is None or state.mode != "move" or not rehearsal.is_rehearsal(state):
        return
    # A rehearsal that nobody finds is made again; it is no reason to fail a finished run.
    with suppress(RedisError):
        for name in rehearsal.names(state, state.plan):
            index.note(name, state.id)


def find(index: Rehearsals | None, desk: Desk, state: State, plan: MigrationPlan) -> Rehearsal | None:
    """The latest finished rehearsal of this plan's source with all its tables."""
    if index is None:
        return None
    found: list[Rehearsal] = []
    known = {one for name in rehearsal.names(state, plan) for one in index.latest(name)}
    for migration in known - {state.id}:
        try:
            before, story = desk.story(migration)
        except (ValueError, Unreadable) as error:
            # Written by another version: no reason to keep this migration from its plan.
            log.warning("story not readable", migration=migration, error=type(error).__name__)
            continue
        # The first end is that of the move; later ones brought it up to date.
        end = next(((r.at, r.event.receipt) for r in story if isinstance(r.event, e.Finished)), None)
        if end is None or before.plan is None or not rehearsal.is_rehearsal(before):
            continue
        if rehearsal.covers(before.plan, plan):
            found.append(rehearsal.of(before, *end))
    return max(found, key=lambda one: one.at, default=None)
