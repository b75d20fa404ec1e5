"""What the flow makes of a verdict."""

from __future__ import annotations

from jobs.core.model import Finding, Severity
from jobs.core.state import State
from jobs.core.verdict import BrokenKey, Difference, TableProof, Verdict, Waiver
from jobs.flow import proof
from tests.support.tales import ALICE, BOB, MIGRATION, result

EQUAL = TableProof(table="s.t", source_rows=1, target_rows=1, source_sum="7", target_sum="7")
UNEQUAL = EQUAL.model_copy(update={"target_sum": "8"})
OBJECT = Difference(kind="table", name="s.more", what="unexpected on the target")


def state(*findings: Finding, ticked: bool = True, **more: object) -> State:
    acknowledged = tuple(f.key for f in findings) if ticked else ()
    checked = (result(*findings, check="orphans"),)
    return State(id=MIGRATION, requester=ALICE, results=checked, acknowledged=acknowledged).model_copy(update=more)


def orphans(severity: Severity = Severity.warn, check: str = "orphans") -> Finding:
    return Finding(check=check, severity=severity, message="88 rows", object="s.t.fk")


def test_orphans_that_were_known_before_are_the_requesters_word() -> None:
    (given,) = proof.waivers(state(orphans()))
    assert (given.key, given.by) == ("foreign key:s.t.fk", ALICE)


def test_what_was_not_looked_at_or_not_acknowledged_is_no_consent() -> None:
    assert proof.waivers(state(orphans(Severity.unknown))) == ()
    assert proof.waivers(state(orphans(), ticked=False)) == ()


def test_a_later_word_stands_instead_of_an_earlier_one() -> None:
    later = Waiver(key="foreign key:s.t.fk", by=BOB, reason="known")
    assert proof.waivers(state(orphans(), waivers=(later,))) == (later,)


def test_only_what_was_needed_stands_in_the_receipt() -> None:
    needed, idle = Waiver(key=OBJECT.key, by=BOB), Waiver(key="table:s.other", by=BOB)
    assert proof.used(Verdict(waived=(OBJECT,)), (idle, needed)) == (needed,)


def test_the_remedy_fits_what_is_wrong() -> None:
    rows = proof.problem(Verdict(proofs=(UNEQUAL, EQUAL), differences=(OBJECT,), expected_tables=2))
    assert rows.what == "1 table of 2 differs between source and target." and "Press Repair" in rows.remedy
    objects = proof.problem(Verdict(proofs=(EQUAL,), differences=(OBJECT,), expected_tables=1))
    assert "every row is equal" in objects.what and "accept" in objects.remedy
    missing = proof.problem(Verdict(proofs=(EQUAL,), differences=(OBJECT,), expected_tables=2))
    assert "every row is equal" not in missing.what and "not proven" in missing.meaning
    unchecked = proof.problem(Verdict(proofs=(EQUAL,), unchecked=("every view",), expected_tables=1))
    assert "could not prove" in unchecked.what and "accept" not in unchecked.remedy


def test_keys_that_were_validated_are_counted() -> None:
    keys = tuple(BrokenKey(name=f"s.t.k{n}", orphans=n, find="") for n in (1, 2))
    assert proof.validated(keys, ()) == "2 of 2 foreign keys validated."
    assert proof.validated(keys, keys[1:]) == "1 of 2 foreign keys validated. 2 rows still break s.t.k2."
