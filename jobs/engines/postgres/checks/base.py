"""PostgreSQL's checks, and the few words that all of them use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jobs.engines.postgres.facts import SideName, Unreachable
from jobs.engines.postgres.inventory import Inventory, Side
from jobs.engines.shared.checks import Check, Findings, found, look
from jobs.engines.shared.words import counted, human, lines, listed

__all__ = ["Findings", "PgCheck", "counted", "found", "human", "lines", "listed", "look", "sides"]


@dataclass(frozen=True)
class PgCheck(Check[Inventory]):
    """A check of two PostgreSQL sides."""

    unread_remedy: ClassVar[str] = (
        "Let the database user read what is missing (a superuser can, or a member of pg_read_all_data and"
        " pg_monitor) and check again; or acknowledge that nobody looked."
    )


def sides(inventory: Inventory) -> tuple[tuple[SideName, Side | Unreachable], ...]:
    return ("source", inventory.source_side), ("target", inventory.target_side)
