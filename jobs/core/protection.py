"""A protected service can never be a target: not chosen, not approved, not run, not taken back. Pure.

The configuration of today decides, at each of these moments anew: it may have changed since the one before.
"""

from __future__ import annotations

from jobs.core.errors import Permanent
from jobs.core.model import CheckResult, Finding, Severity
from jobs.core.state import State, Status

CHECK = "protection"
REMEDY = "Choose another target. Whoever runs Ferrybot can change `protected` in ferrybot.yaml."


def said(name: str) -> str:
    """The refusal, for a person."""
    return f"{name} is protected, so it can never be the target of a migration. {REMEDY}"


def result(name: str) -> CheckResult:
    """The check of a protected target: it blocks."""
    finding = Finding(
        check=CHECK,
        severity=Severity.block,
        message=f"{name} is protected: it can never be the target of a migration.",
        object=name,
        remedy=REMEDY,
        side="target",
        field="target",
    )
    return CheckResult(check=CHECK, title="Target is not protected", findings=(finding,))


def demand(state: State, protected: bool) -> None:
    """Before a worker goes on with a run that has written already. Raises `Permanent`.

    A run that has not begun is compared first (`jobs.flow.drift`), where `result` blocks; a cancel takes out only
    what the run itself made, and must stay possible."""
    if not protected or state.target is None or state.status is Status.cancelling:
        return
    if state.begun:
        raise Permanent(
            f"{state.target.name} is protected now, so nothing more is written to it.",
            meaning="The run stopped where it was; what it had copied is still in the target.",
            remedy="Cancel removes what it made; or change `protected` in ferrybot.yaml, then press Retry.",
            object=state.target.name,
        )
