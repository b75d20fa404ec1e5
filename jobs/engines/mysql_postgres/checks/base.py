"""What a check of this pair is, and how the checks of the two single engines become some of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jobs.engines.mysql.checks.base import MyCheck
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.postgres.checks.base import PgCheck
from jobs.engines.shared.checks import Check, Findings, found, look

__all__ = ["Findings", "PairCheck", "found", "look", "of_source", "of_target"]


@dataclass(frozen=True)
class PairCheck(Check[Inventory]):
    """A check of a MySQL source and a PostgreSQL target."""

    unread_remedy: ClassVar[str] = "Grant what the message names and check again; or acknowledge it."


def of_source(check: MyCheck) -> PairCheck:
    """MySQL's check of the source side."""
    return PairCheck(check.name, check.title, lambda i: check.find(i.mine), lambda i: check.measured(i.mine))


def of_target(check: PgCheck) -> PairCheck:
    """PostgreSQL's check of the target, for what is to be moved."""
    return PairCheck(check.name, check.title, lambda i: check.find(i.theirs), lambda i: check.measured(i.theirs))
