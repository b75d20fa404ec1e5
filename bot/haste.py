"""What goes first when Slack lets us write only so much: approvals and errors."""

from __future__ import annotations

from collections.abc import Iterable

from bot.calls import Haste
from jobs.core import events as e
from jobs.core.state import State
from jobs.desk import URGENT


def of_state(state: State) -> Haste:
    """How soon a card must show this state."""
    return "first" if state.status in URGENT else "news"


def of_events(events: Iterable[e.Event]) -> Haste:
    """How soon these lines must be told; those before them in the thread go with them."""
    return "first" if any(isinstance(event, _FIRST) for event in events) else "news"


_FIRST = (
    *(e.Requested, e.Approved, e.Declined, e.Revoked, e.Delegated, e.Escalated, e.GlassBroken, e.Drifted),
    *(e.Troubled, e.RunFailed, e.ValidationBroke),
)
