"""What a check is, and the few words that all checks use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jobs.core.model import CheckResult, Finding, Severity
from jobs.engines.postgres.facts import SideName, Unreachable, Unreached, Unread
from jobs.engines.postgres.inventory import Inventory, Side
from jobs.engines.shared.words import counted, human, lines, listed

__all__ = ["Findings", "PgCheck", "counted", "found", "human", "lines", "listed", "look", "sides"]

Findings = Iterator[Finding]


def _nothing(_: Inventory) -> str:
    return ""


@dataclass(frozen=True)
class PgCheck:
    """A pure function over the inventory. `measured` says what was looked at when nothing was found.

    `find` may raise `Unread` or `Unreached` at any point: what it found before stands, the rest is unknown."""

    name: str
    title: str
    find: Callable[[Inventory], Findings]
    measured: Callable[[Inventory], str] = _nothing


def look(check: PgCheck, inventory: Inventory) -> CheckResult:
    """What `check` says of `inventory`: a check that could not look never counts as passed."""
    findings: list[Finding] = []
    skipped = detail = ""
    try:
        for finding in check.find(inventory):
            findings.append(finding.model_copy(update={"check": check.name}))
        detail = "" if findings else check.measured(inventory)
    except Unreached as error:
        skipped = str(error)
    except Unread as error:
        findings.append(_unread(error).model_copy(update={"check": check.name}))
    return CheckResult(check=check.name, title=check.title, findings=tuple(findings), skipped=skipped, detail=detail)


def _unread(error: Unread) -> Finding:
    return found(
        Severity.unknown,
        f"This could not be checked: {error}.",
        remedy="Let the database user read what is missing (a superuser can, or a member of pg_read_all_data and"
        " pg_monitor) and check again; or acknowledge that nobody looked.",
    )


def found(
    severity: Severity,
    message: str,
    *,
    object: str = "",
    remedy: str = "",
    side: SideName | None = None,
    field: str = "",
) -> Finding:
    """A finding; `look` writes the check's name into it."""
    return Finding(
        check="",
        severity=severity,
        message=message,
        object=object,
        remedy=remedy,
        side=side or "both",
        field=field,
    )


def sides(inventory: Inventory) -> tuple[tuple[SideName, Side | Unreachable], ...]:
    return ("source", inventory.source_side), ("target", inventory.target_side)
