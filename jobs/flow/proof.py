"""What the flow makes of a verdict: which differences people consented to, and the words when it is not green."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.core.model import Finding, Problem, Severity
from jobs.core.state import State
from jobs.core.verdict import BrokenKey, Verdict, Waiver

ORPHANS = "orphans"
"""The check that finds rows without their parents; its findings name foreign keys as differences do."""
SHOWN = 50
MOST_DIFFERENCES = 500
"""More than a person can read before accepting them: then none is offered, and the log has the reasons."""


def waivers(state: State) -> tuple[Waiver, ...]:
    """What may differ: what people accepted after a verdict, and orphans that they knew of before the run."""
    known = [f for r in state.results if r.check == ORPHANS for f in r.findings if _consented(f, state)]
    if state.requester is None or not known:
        return state.waivers
    said = {waiver.key for waiver in state.waivers}
    before = [
        Waiver(key=f"foreign key:{finding.object}", by=state.requester, reason="acknowledged before the run")
        for finding in known
        if f"foreign key:{finding.object}" not in said
    ]
    return (*before, *state.waivers)


def _consented(finding: Finding, state: State) -> bool:
    """A count that a person saw and ticked; that a key was not looked at is no consent to what it hides."""
    return finding.severity is Severity.warn and finding.key in state.acknowledged


def used(verdict: Verdict, given: Sequence[Waiver]) -> tuple[Waiver, ...]:
    """The waivers without which the verdict would not be green."""
    keys = {difference.key for difference in verdict.waived}
    return tuple(waiver for waiver in given if waiver.key in keys)


def problem(verdict: Verdict) -> Problem:
    """The verdict in a person's words."""
    reasons = verdict.reasons
    if verdict.unequal:
        differ = "differs" if len(verdict.unequal) == 1 else "differ"
        what = f"{_count(len(verdict.unequal), 'table')} of {len(verdict.proofs)} {differ} between source and target."
        meaning = "The target is not a faithful copy; do not use it. The source was only read."
        remedy = (
            "Press Repair: a new run takes a new snapshot, proves every table, and copies again those that differ."
        )
    elif verdict.differences and not verdict.unchecked and len(verdict.proofs) == verdict.expected_tables:
        differ = "differs" if len(verdict.differences) == 1 else "differ"
        what = f"{_count(len(verdict.differences), 'object')} {differ}; every row is equal."
        meaning = "All rows have arrived. The source was only read."
        remedy = "Mend the differences and press Retry, or accept them with a reason."
    else:
        what = f"The verification could not prove everything: {_count(len(reasons), 'reason')}."
        meaning = "The target is not proven to be a faithful copy; do not use it. The source was only read."
        remedy = "Look at the reasons in the log, then press Retry."
    return Problem(what=what, meaning=meaning, remedy=remedy, object=reasons[0] if reasons else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def validated(before: Sequence[BrokenKey], left: Sequence[BrokenKey]) -> str:
    """What validating keys again brought."""
    done = len(before) - len(left)
    said = f"{done} of {_count(len(before), 'foreign key')} validated."
    rows = sum(key.orphans for key in left)
    return f"{said} {_count(rows, 'row')} still break {', '.join(key.name for key in left[:5])}." if left else said
