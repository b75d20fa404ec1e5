"""What a check is in every engine: a pure function over its inventory, and what is said when it could not look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar

from jobs.core.model import CheckResult, Finding, Severity

SideName = Literal["source", "target"]
Findings = Iterator[Finding]
I = TypeVar("I")  # noqa: E741 - an inventory


class Unread(Exception):
    """A fact was asked for that could not be read; the text says why, `remedy` what grants it, if that is known."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


class Unreached(Exception):
    """A side was asked for that could not be reached; the text says which."""


def _nothing(_: object) -> str:
    return ""


@dataclass(frozen=True)
class Check(Generic[I]):
    """A pure function over the inventory. `measured` says what was looked at when nothing was found.

    `find` may raise `Unread` or `Unreached` at any point: what it found before stands, the rest is unknown."""

    unread_remedy: ClassVar[str] = ""

    name: str
    title: str
    find: Callable[[I], Findings]
    measured: Callable[[I], str] = _nothing


def look(check: Check[I], inventory: I) -> CheckResult:
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
        remedy = error.remedy or check.unread_remedy
        unread = found(Severity.unknown, f"This could not be checked: {error}.", remedy=remedy)
        findings.append(unread.model_copy(update={"check": check.name}))
    return CheckResult(check=check.name, title=check.title, findings=tuple(findings), skipped=skipped, detail=detail)


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
