"""Looking through the migrations of a workspace: from the history what is closed, from the ledger what is open."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from bot import access
from bot.config import Config
from bot.deps import Deps
from jobs.adapters.history_redis import RedisHistory
from jobs.core.errors import Unreadable
from jobs.core.state import State
from jobs.core.summary import Summary, Wanted, summary_of
from jobs.desk import Desk
from jobs.ports.history import History

EVERYTHING = Wanted()


def seen(deps: Deps, user: str, channel: str, wanted: Wanted = EVERYTHING) -> Iterator[Summary]:
    """What this person may see here of what is wanted, the youngest first; looks no further than one goes on."""
    eyes = _Eyes(deps, user, channel)
    return (summary for summary in every(deps.desk, RedisHistory(deps.redis), wanted) if eyes.may_see(summary.state))


def seen_open(deps: Deps, user: str, channel: str) -> Iterator[Summary]:
    """The same of those that are open alone, whatever lies in the past."""
    eyes = _Eyes(deps, user, channel)
    live = open_now(deps.desk, RedisHistory(deps.redis)).values()
    return (summary for summary in sorted(live, key=_begun, reverse=True) if eyes.may_see(summary.state))


def remembered(deps: Deps) -> bool:
    """Whether the history is complete; after an update it is made anew for a while."""
    return RedisHistory(deps.redis).made_until() is None


def every(desk: Desk, history: History, wanted: Wanted = EVERYTHING) -> Iterator[Summary]:
    """Every migration that is wanted, as it is now."""
    live = open_now(desk, history)
    closed = (summary for summary in history.latest() if summary.id not in live)
    youngest = sorted(live.values(), key=_begun, reverse=True)
    merged: Iterable[Summary] = heapq.merge(youngest, closed, key=_begun, reverse=True)
    return (summary for summary in merged if wanted.fits(summary))


def open_now(desk: Desk, history: History) -> dict[str, Summary]:
    """Those that are open, as the ledger has them; a story that has not grown since is not read again."""
    ids = desk.ledger.open()
    known = history.get(ids)
    return {one: summary for one in ids if (summary := _fresh(desk, one, known.get(one))) is not None}


def _fresh(desk: Desk, migration: str, known: Summary | None) -> Summary | None:
    if known is not None and not desk.ledger.read(migration, after=known.version):
        return known
    try:
        state = desk.state(migration)
    except (ValueError, Unreadable):
        # A story that this version cannot read; the sweep has logged it.
        return known
    return summary_of(state) if state.version else None


def _begun(summary: Summary) -> tuple[float, str]:
    return summary.created.timestamp(), summary.id


class _Eyes:
    """One person's rights during one search: each set of groups is asked for once, whether Slack answers or not."""

    def __init__(self, deps: Deps, user: str, channel: str) -> None:
        self._deps = deps
        self._config: Config = deps.config
        self._user = user
        self._channel = channel
        self._groups: dict[frozenset[str], access.Groups] = {}

    def may_see(self, state: State) -> bool:
        needed = access.operate_groups_needed(state, self._config)
        if needed not in self._groups:
            self._groups[needed] = self._deps.people.groups(needed)
        decision = access.may_see(state, self._config, self._user, self._groups[needed], self._channel)
        return isinstance(decision, access.Allowed)
