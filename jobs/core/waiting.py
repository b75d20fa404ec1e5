"""What time brings to a request that waits for approval. Pure: state and moment in, at most one event out."""

from __future__ import annotations

from datetime import datetime, timedelta

from jobs.core import events as e
from jobs.core.state import State, Status


def due(state: State, now: datetime) -> e.Expired | e.Escalated | e.Reminded | None:
    """What is due at `now` and has not happened; asked again after it happened, it says None.

    Reminders come after one, two, four, eight… times `remind_minutes`: a request is not forgotten, nor a nuisance.
    A clock that stood still for a day reminds once, not once for each reminder that it missed."""
    if state.status is not Status.awaiting_approval or state.asked_at is None:
        return None
    waited, rules = now - state.asked_at, state.policy
    if waited >= timedelta(hours=rules.expires_hours):
        return e.Expired()
    if rules.escalate_to and not state.escalated and waited >= timedelta(minutes=rules.escalate_minutes):
        return e.Escalated()
    number = _reminders(waited, timedelta(minutes=rules.remind_minutes))
    return e.Reminded(number=number) if number > state.reminded else None


def expires(state: State) -> datetime | None:
    """When the request that waits ends undecided; None while none waits."""
    if state.status is not Status.awaiting_approval or state.asked_at is None:
        return None
    return state.asked_at + timedelta(hours=state.policy.expires_hours)


def _reminders(waited: timedelta, every: timedelta) -> int:
    """How many reminders belong to this time: floor(log2(waited / every)) + 1, in whole numbers."""
    return (waited // every).bit_length() if every else 0
