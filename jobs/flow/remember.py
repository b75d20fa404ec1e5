"""The history made anew from the ledger, a little at each sweep: after an update, or when it was lost."""

from __future__ import annotations

import structlog

from jobs.core.errors import Unreadable
from jobs.core.summary import summary_of
from jobs.desk import Desk
from jobs.ports.history import History

log = structlog.get_logger(__name__)

AT_ONCE = 200
"""Stories read in one sweep: some seconds at most, and 10,000 migrations take a quarter of an hour."""


def catch_up(desk: Desk, history: History) -> int:
    """Remembers the next migrations, the youngest first; returns how many. Nothing to do once all are."""
    until = history.made_until()
    if until is None:
        return 0
    page = desk.ledger.recent(AT_ONCE, before=until)
    made = 0
    for migration in history.missing(page):
        try:
            state = desk.state(migration)
        except (ValueError, Unreadable) as error:
            # A story that this version cannot read must not keep the others out of every list.
            log.error("story not readable", migration=migration, error=type(error).__name__)
            continue
        if state.version:
            history.put(summary_of(state))
            made += 1
    history.made(page[-1] if len(page) == AT_ONCE else None)
    return made
