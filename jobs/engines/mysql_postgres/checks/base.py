"""What a check of this pair is, and how the checks of the two single engines become some of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jobs.core.model import CheckResult, Finding, Severity
from jobs.engines.mysql.checks.base import MyCheck, found
from jobs.engines.mysql.facts import Unreached as SourceUnreached
from jobs.engines.mysql.facts import Unread as SourceUnread
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.postgres.checks.base import PgCheck
from jobs.engines.postgres.facts import Unreached, Unread

Findings = Iterator[Finding]

__all__ = ["Findings", "PairCheck", "found", "look", "of_source", "of_target"]


def _nothing(_: Inventory) -> str:
    return ""


@dataclass(frozen=True)
class PairCheck:
    """A pure function over the inventory; `measured` says what was looked at when nothing was found."""

    name: str
    title: str
    find: Callable[[Inventory], Findings]
    measured: Callable[[Inventory], str] = _nothing


def of_source(check: MyCheck) -> PairCheck:
    """MySQL's check of the source side."""
    return PairCheck(check.name, check.title, lambda i: check.find(i.mine), lambda i: check.measured(i.mine))


def of_target(check: PgCheck) -> PairCheck:
    """PostgreSQL's check of the target, for what is to be moved."""
    return PairCheck(check.name, check.title, lambda i: check.find(i.theirs), lambda i: check.measured(i.theirs))


def look(check: PairCheck, inventory: Inventory) -> CheckResult:
    """What `check` says of `inventory`: a check that could not look never counts as passed."""
    findings: list[Finding] = []
    skipped = detail = ""
    try:
        for finding in check.find(inventory):
            findings.append(finding.model_copy(update={"check": check.name}))
        detail = "" if findings else check.measured(inventory)
    except (Unreached, SourceUnreached) as error:
        skipped = str(error)
    except (Unread, SourceUnread) as error:
        unread = found(
            Severity.unknown,
            f"This could not be checked: {error}.",
            remedy=getattr(error, "remedy", "") or "Grant what the message names and check again; or acknowledge it.",
        )
        findings.append(unread.model_copy(update={"check": check.name}))
    return CheckResult(check=check.name, title=check.title, findings=tuple(findings), skipped=skipped, detail=detail)
