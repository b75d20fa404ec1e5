"""A disk at its fullest, and what a rehearsal's peak says of the run for which it was made."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.core import rehearsal
from jobs.core.disk import CHECK, Disk, expected, greater
from jobs.core.model import CheckResult, Severity
from jobs.core.plan import Measures
from jobs.core.verdict import Receipt, Rehearsal
from jobs.flow import drift
from jobs.ports.engine import Asked
from tests.support.tales import NOON, RECEIPT, Tale, plan

PEAK = Disk(database=700, temporary=200, log=100)


def rehearsed(peak: Disk | None = PEAK, source_bytes: int = 3000) -> Rehearsal:
    values: dict[str, Any] = {"migration": "m0000000009", "at": NOON, "target": "staged", "seconds": 9.0}
    return Rehearsal(**values, peak=peak, source_bytes=source_bytes)


def with_room(have: int | None) -> Measures:
    """Of the plan's two tables, 3000 bytes together."""
    return plan().measures.model_copy(update={"have_bytes": have})


def test_the_fullest_moment_is_kept_whole() -> None:
    later = Disk(database=900)
    assert PEAK.total == 1000 and greater(None, later) == later
    assert greater(PEAK, later) == PEAK and greater(later, PEAK) == PEAK
    assert PEAK.unseen == () and later.unseen == ("temporary files", "the server's log")


def test_a_source_that_grew_needs_more_and_a_smaller_one_no_less() -> None:
    assert [expected(PEAK, 100, now) for now in (50, 100, 150)] == [1000, 1000, 1500]
    assert expected(PEAK, 0, 150) == 1000, "nobody measured the source then"


@pytest.mark.parametrize(
    ("have", "severity"),
    [(999, Severity.block), (1000, Severity.warn), (1299, Severity.warn), (1300, None), (None, None)],
)
def test_the_peak_is_held_against_what_is_free(have: int | None, severity: Severity | None) -> None:
    found = rehearsal.room(rehearsed(), plan(measures=with_room(have)))
    assert found is not None and found.severity == severity and found.check == CHECK
    for finding in found.findings:
        assert (finding.object, finding.field, finding.side) == ("shop-new", "free_bytes", "target")
    assert severity is not None or "its peak makes" in found.detail


def test_without_a_measured_rehearsal_there_is_no_such_check() -> None:
    assert rehearsal.room(None, plan()) is None and rehearsal.room(rehearsed(None), plan()) is None


def test_what_a_rehearsal_tells_comes_from_its_receipt_and_plan() -> None:
    state = Tale().done().state
    told = rehearsal.of(state, NOON, RECEIPT.model_copy(update={"peak": PEAK}))
    assert told.peak == PEAK and told.source_bytes == 3000
    assert rehearsal.of(state, NOON, RECEIPT).peak is None
    # As it was stored before there were peaks.
    assert Receipt.model_validate_json(RECEIPT.model_dump_json(exclude={"peak"})) == RECEIPT


class Engine:
    """Two sides about which no check has anything to say."""

    checks = ()

    def __init__(self, have: int) -> None:
        self.have = have

    def inspect(self, asked: Asked) -> None:
        return None

    def plan(self, asked: Asked, inventory: None) -> Any:
        return plan(measures=with_room(self.have))


@pytest.mark.parametrize(
    ("have", "planned", "approved"), [(999, False, ()), (1299, True, (CHECK,)), (9999, True, ())]
)
def test_a_plan_stands_on_its_rehearsal(have: int, planned: bool, approved: tuple[str, ...]) -> None:
    told: list[CheckResult] = []
    asked: Any = type("Asked", (), {"protected": False})
    made = drift.validated(Engine(have), asked, told.append, lambda _: rehearsed())  # type: ignore[arg-type]  # in part
    assert [one.check for one in told] == [CHECK] and (made is not None) is planned
    assert made is None or made.validation == tuple(f"warn:{name}:shop-new" for name in approved)
