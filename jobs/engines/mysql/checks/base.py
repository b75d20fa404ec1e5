"""MySQL's checks, and the few words that all of them use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jobs.engines.mysql.facts import SideName, Unreachable
from jobs.engines.mysql.inventory import Inventory, Side
from jobs.engines.shared.checks import Check, Findings, found, look
from jobs.engines.shared.words import counted, human, lines, listed

__all__ = ["Findings", "MyCheck", "counted", "found", "human", "lines", "listed", "look", "reached", "sides"]


@dataclass(frozen=True)
class MyCheck(Check[Inventory]):
    """A check of two sides that are MySQL or MariaDB."""

    unread_remedy: ClassVar[str] = "Grant the right that the message names and check again; or acknowledge it."


def sides(inventory: Inventory) -> tuple[tuple[SideName, Side | Unreachable], ...]:
    return ("source", inventory.source_side), ("target", inventory.target_side)


def reached(inventory: Inventory) -> tuple[tuple[SideName, Side], ...]:
    """Both sides. Raises `Unreached`."""
    return ("source", inventory.source), ("target", inventory.target)
