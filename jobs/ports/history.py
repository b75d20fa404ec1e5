"""The history: one summary per migration, made from the ledger and always able to be made anew from it.

Why a list made of it is right. The courier writes a migration's summary before it closes the migration in the
ledger, so whatever is closed stands here in its last form; what is open is read from the ledger itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from jobs.core.summary import Summary


class History(Protocol):
    def put(self, summary: Summary) -> None:
        """Keeps `summary`, unless a newer one of the same migration is there."""

    def latest(self) -> Iterator[Summary]:
        """Every summary, the youngest migration first; read in pages, as far as somebody goes on."""

    def get(self, ids: Sequence[str]) -> Mapping[str, Summary]:
        """The summaries that are there, by id."""

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of `ids` of which there is no summary."""

    def made_until(self) -> str | None:
        """Up to which id, the youngest first, an index that is being made anew has come.

        Empty before it was begun; None when it is complete."""

    def made(self, until: str | None) -> None:
        """Remembers how far making it anew has come."""
