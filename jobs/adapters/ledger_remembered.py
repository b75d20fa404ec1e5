"""A ledger of which this process has read most already: only what is new of a story is read again.

A story is read before every decision and after it, and grows by one event at a time: reading it whole each time took
a quarter of a small run's processor time, and more the larger the plan in it. What was read cannot change, since
stories are only appended to; a ledger that lost its end (Redis, after a crash, its last second) or came back from a
backup is noticed by the event that stood last, and read anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from jobs.core.events import Event, Recorded
from jobs.ports.ledger import Ledger

STORIES = 32
"""Those in use longest ago are forgotten. A story is as large as its plan: about 1 MB for 1,000 tables."""


class RememberingLedger:
    """`jobs.ports.ledger.Ledger` before another one. Safe to use from many threads, as far as the other is."""

    def __init__(self, inner: Ledger, stories: int = STORIES) -> None:
        self.inner = inner
        self._most = stories
        self._lock = threading.Lock()
        self._stories: OrderedDict[str, tuple[Recorded, ...]] = OrderedDict()

    def append(self, migration: str, expected: int, events: Sequence[Event]) -> int:
        return self.inner.append(migration, expected, events)

    def read(self, migration: str, after: int = 0) -> Sequence[Recorded]:
        with self._lock:
            known = self._stories.get(migration, ())
        story = self._continued(migration, known) if known else tuple(self.inner.read(migration))
        self._keep(migration, story)
        return [recorded for recorded in story if recorded.version > after]

    def _continued(self, migration: str, known: tuple[Recorded, ...]) -> tuple[Recorded, ...]:
        last = known[-1]
        found = self.inner.read(migration, last.version - 1)
        if found and (found[0].version, found[0].at) == (last.version, last.at):
            return (*known, *found[1:])
        return tuple(self.inner.read(migration))

    def _keep(self, migration: str, story: tuple[Recorded, ...]) -> None:
        with self._lock:
            self._stories.pop(migration, None)
            if story:
                self._stories[migration] = story
            while len(self._stories) > self._most:
                self._stories.popitem(last=False)

    def open(self) -> Sequence[str]:
        return self.inner.open()

    def close(self, migration: str) -> None:
        self.inner.close(migration)

    def recent(self, limit: int = 20, before: str = "") -> Sequence[str]:
        return self.inner.recent(limit, before)

    def attach(self, migration: str, name: str, text: str) -> None:
        self.inner.attach(migration, name, text)

    def attachment(self, migration: str, name: str) -> str | None:
        return self.inner.attachment(migration, name)
