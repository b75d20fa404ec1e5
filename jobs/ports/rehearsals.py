"""Which migrations moved a source before: an index only, the ledger is the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Rehearsals(Protocol):
    def note(self, source: str, migration: str) -> None:
        """This migration moved the source of this name; harmless when repeated."""

    def latest(self, source: str) -> Sequence[str]:
        """Migrations of this source, the youngest first; some tens at most."""
