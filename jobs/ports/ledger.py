"""The ledger: the story of each migration, appended in order, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jobs.core.events import Event, Recorded


class Ledger(Protocol):
    def append(self, migration: str, expected: int, events: Sequence[Event]) -> int:
        """Writes `events` as versions `expected + 1`…; returns the new version.

        All or nothing. Raises `Conflict` when the story is longer than `expected`."""

    def read(self, migration: str, after: int = 0) -> Sequence[Recorded]:
        """The story after version `after`, in order; empty for an unknown migration."""

    def open(self) -> Sequence[str]:
        """Ids of the migrations that have not ended, or whose end was not yet told in Slack."""

    def close(self, migration: str) -> None:
        """Takes an ended migration whose story was told from the open ones."""

    def recent(self, limit: int = 20, before: str = "") -> Sequence[str]:
        """Ids, the youngest first; `before` is the last id of the page before."""

    def attach(self, migration: str, name: str, text: str) -> None:
        """Keeps a document with the story, replacing one of the same name."""

    def attachment(self, migration: str, name: str) -> str | None:
        """A kept document, or None."""
