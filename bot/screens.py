"""The modal on somebody's screen: kept up to date by the courier, and told of in the thread when it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog
from redis import Redis

from bot.calls import SlackRefusal
from bot.modals import Modals, Open
from bot.ui import findings, plan
from bot.ui.text import View
from jobs.core.commands import Detach
from jobs.core.errors import Refused
from jobs.core.model import Person
from jobs.core.state import State, Status
from jobs.desk import Desk
from jobs.desk import deliver as doorbell

log = structlog.get_logger(__name__)
Call = Callable[..., dict[str, Any]]
"""(method, **arguments) -> Slack's answer; raises `Later`, `Uncertain` or `SlackRefusal`"""

CONFLICT_SECONDS = 3.0
"""Long enough for a gesture to remember the view that it has just shown."""


class Screens:
    """The modal that is open on somebody's screen."""

    def __init__(self, redis: Redis, desk: Desk, state: State, call: Call) -> None:
        self.desk = desk
        self.state = state
        self.call = call
        self.modals = Modals(redis)

    def update(self) -> bool:
        """Renders step 2 and step 3 anew when their migration has changed; False when it must be tried again."""
        shown = self.modals.open(self.state.id)
        version = self.state.version
        if shown is None or shown.version >= version or shown.step not in ("validation", "migration"):
            return True
        waited = time.time() - shown.conflict_at
        if shown.conflict_at and waited < CONFLICT_SECONDS:
            return False
        known = shown.hash if not shown.conflict_at else ""
        try:
            answer = self.call("views.update", view_id=shown.view_id, hash=known or None, view=self._view(shown))
        except SlackRefusal as refusal:
            return self._refused(refusal, shown)
        fresh = {"hash": answer["view"]["hash"], "version": version, "conflict_at": 0.0}
        return self.modals.swap(self.state.id, shown, shown.model_copy(update=fresh)) or self._again()

    def _view(self, shown: Open) -> View:
        if shown.step == "migration":
            return plan.view(self.state, options=self.modals.options(self.state.id, self.state.digest))
        typed = self.modals.form(self.state.id)
        if typed is not None:
            # What is half typed survives the news; whether a password was given, the story knows.
            typed = replace(typed, password_given=findings.form_of(self.state).password_given)
        return findings.view(self.state, typed)

    def _again(self) -> bool:
        """A gesture was faster: what it has remembered is looked at at once."""
        self.desk.queue.ring(doorbell(self.state.id, f"h{time.time_ns()}"))
        return False

    def _refused(self, refusal: SlackRefusal, shown: Open) -> bool:
        if refusal.code == "hash_conflict":
            # A gesture is about to remember its view, or the answer to our own last update was lost: then the
            # hash will never fit again, and the next try, some seconds later, goes without it.
            doubted = shown.model_copy(update={"conflict_at": time.time()})
            return False if self.modals.swap(self.state.id, shown, doubted) else self._again()
        if refusal.code not in ("not_found", "view_not_found"):
            log.warning("modal not updated", migration=self.state.id, code=refusal.code, detail=refusal.detail)
        self.modals.forget(self.state.id)
        if self.state.status in (Status.ready, Status.blocked):
            # Nobody saw how the check ended.
            _detach(self.desk, self.state)
        closed(self.desk, self.state)
        return True


def closed(desk: Desk, state: State) -> None:
    """A modal went away while its checks run: the thread tells the rest."""
    if state.status in (Status.configured, Status.validating):
        _detach(desk, state)


def _detach(desk: Desk, state: State) -> None:
    if state.requester is not None:
        # Refused: it ended meanwhile, and then there is nothing left to tell.
        with suppress(Refused):
            desk.obey(state.id, Detach(by=Person(id=state.requester.id)))
