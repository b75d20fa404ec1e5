"""The life of a migration, by readable examples: how runs end, and what may follow."""

from __future__ import annotations

import pytest

from bot.ui import card
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import Refused
from jobs.core.evolve import evolve, replay
from jobs.core.lifecycle import decide, react
from jobs.core.state import State, Status
from tests.support.statuses import (
    BROKEN,
    DIFFERENCE,
    ROWS,
    in_status,
)
from tests.support.tales import (
    ALICE,
    BLOCKER,
    BOB,
    LOST,
    MIGRATION,
    RECEIPT,
    WARNING,
    Tale,
    configure,
    plan,
    result,
    tell,
)


def test_proven_then_crash_then_finished() -> None:
    tale = Tale().running()
    tale.obey(tell(e.Proven(run=1, receipt=RECEIPT)))
    for command in (c.Pause(by=ALICE), c.Cancel(by=ALICE)):
        with pytest.raises(Refused, match="verified already"):
            tale.obey(command)
    # The conductor died. The next one finds the receipt, perhaps proves again, and ends.
    assert react(tale.state)[0].token == "r1"
    assert tale.obey(tell(e.Proven(run=1, receipt=RECEIPT))) == [], "proven once is told once"
    tale.obey(tell(e.RunStarted(run=1, takeover=True)), tell(e.Finished(run=1, receipt=RECEIPT)))
    assert tale.state.status is Status.done and tale.state.receipt == RECEIPT


def test_proven_then_the_tidying_fails_then_retry_finishes() -> None:
    tale = Tale().running()
    tale.obey(tell(e.Proven(run=1, receipt=RECEIPT)), tell(e.RunFailed(run=1, problem=LOST)))
    with pytest.raises(Refused, match="only the tidying failed"):
        tale.obey(c.Cancel(by=ALICE))
    assert "cancel" not in [b["action_id"] for b in card.buttons(tale.state)]
    tale.obey(c.Resume(by=ALICE), tell(e.Finished(run=2, receipt=RECEIPT)))
    assert tale.state.status is Status.done


def test_finished_without_a_proof_is_refused() -> None:
    with pytest.raises(Refused, match="Nothing is proven"):
        Tale().running().obey(tell(e.Finished(run=1, receipt=RECEIPT)))


@pytest.mark.parametrize("ask", [c.Pause(by=ALICE), c.Cancel(by=ALICE)])
def test_a_pause_or_cancel_that_came_first_wins_over_the_proof(ask: c.Command) -> None:
    tale = Tale().running()
    tale.obey(ask)
    with pytest.raises(Refused):
        tale.obey(tell(e.Proven(run=1, receipt=RECEIPT)))


def test_overlapping_validators_do_not_lose_or_double_a_finding() -> None:
    tale = in_status(Status.validating)
    tale.obey(tell(e.CheckFinished(attempt=1, result=result(WARNING, check="a"))))
    tale.obey(tell(e.ValidationStarted(attempt=1)))  # the sweep rang for a job that was still alive
    tale.obey(tell(e.CheckFinished(attempt=1, result=result(check="b"))))
    tale.obey(tell(e.CheckFinished(attempt=1, result=result(WARNING, check="a"))))
    assert [(r.check, len(r.findings)) for r in tale.state.results] == [("a", 1), ("b", 0)]
    tale.obey(tell(e.CheckFinished(attempt=1, result=result(BLOCKER, check="b"))))
    with pytest.raises(Refused, match="blocks"):
        tale.obey(tell(e.Validated(attempt=1, plan=plan())))


def test_a_new_check_begins_without_old_findings() -> None:
    tale = Tale().checked(None, result(BLOCKER))
    tale.obey(configure())
    assert tale.state.results == ()


def test_a_run_that_copies_again_after_a_takeover_is_not_verifying() -> None:
    tale = in_status(Status.verifying)
    tale.obey(tell(e.PhaseReached(run=1, phase="copy", title="Copying rows")))
    assert tale.state.status is Status.migrating
    assert tale.obey(tell(e.PhaseReached(run=1, phase="copy", title="Copying rows"))) == []


def test_pausing_keeps_its_status_whatever_the_run_reports() -> None:
    tale = in_status(Status.pausing)
    tale.obey(tell(e.PhaseReached(run=1, phase="verify", title="Verifying")))
    assert tale.state.status is Status.pausing


def test_closing_the_modal_makes_it_public_once() -> None:
    tale = in_status(Status.validating)
    assert tale.obey(c.Detach(by=ALICE)) == [e.Detached(by=ALICE)]
    assert tale.state.public and tale.obey(c.Detach(by=ALICE)) == []


def test_evolve_never_looks_at_a_clock() -> None:
    tale = Tale().done()
    again = State(id=MIGRATION)
    for recorded in tale.story:
        again = evolve(again, recorded)
    assert again == tale.state == replay(MIGRATION, tale.story)


def test_giving_up_is_a_way_out_only_after_a_cancel_failed() -> None:
    tale = Tale().failed()
    with pytest.raises(Refused, match="Press Cancel first"):
        tale.obey(c.GiveUp(by=ALICE))
    tale.obey(c.Cancel(by=ALICE), c.Tell(event=e.RunFailed(run=tale.state.run, problem=LOST)))
    tale.obey(c.GiveUp(by=ALICE))
    assert tale.state.status is Status.cancelled
    assert "not cleaned" in tale.state.undone


def test_a_waiver_names_differences_of_the_last_verdict_and_says_why() -> None:
    tale = Tale().running()
    tale.obey(tell(e.RunFailed(run=1, problem=LOST, differences=(DIFFERENCE,), rows=(ROWS,))))
    with pytest.raises(Refused, match="say why"):
        tale.obey(c.Waive(by=BOB, keys=(DIFFERENCE.key,), reason=" "))
    with pytest.raises(Refused, match="not those of the last verdict"):
        tale.obey(c.Waive(by=BOB, keys=("table:public.other",), reason="known"))
    with pytest.raises(Refused, match="not those of the last verdict"):
        tale.obey(c.Waive(by=BOB, keys=(), reason="known"))
    tale.obey(c.Waive(by=BOB, keys=(DIFFERENCE.key,), reason=" known "))
    assert tale.state.status is Status.migrating and tale.state.run == 2
    (waiver,) = tale.state.waivers
    assert (waiver.key, waiver.by, waiver.reason) == (DIFFERENCE.key, BOB, "known")
    assert tale.state.differences == () and tale.state.rows == ()


def test_every_way_out_of_a_run_ends_the_hold() -> None:
    ways: list[list[c.Command]] = [
        [c.Pause(by=ALICE), tell(e.Paused(run=1))],
        [c.Cancel(by=ALICE), tell(e.Cancelled(undone="gone"))],
        [tell(e.RunFailed(run=1, problem=LOST))],
        [tell(e.Proven(run=1, receipt=RECEIPT)), tell(e.Finished(run=1, receipt=RECEIPT))],
        [c.Release(by=BOB), tell(e.HoldEnded(run=1, why="released"))],
    ]
    for way in ways:
        tale = Tale().running()
        tale.obey(tell(e.HoldTaken(run=1)))
        assert tale.state.held
        tale.obey(*way)
        assert not tale.state.held


def test_released_once() -> None:
    tale = Tale().running()
    with pytest.raises(Refused, match="not held"):
        tale.obey(c.Release(by=BOB))
    tale.obey(tell(e.HoldTaken(run=1)), c.Release(by=BOB))
    assert decide(tale.state, c.Release(by=ALICE)) == [], "a second press is no second gesture"


def test_a_refresh_needs_a_new_proof_and_cannot_be_cancelled() -> None:
    tale = Tale().done()
    tale.obey(c.Refresh(by=ALICE))
    assert (tale.state.status, tale.state.mode, tale.state.run) == (Status.migrating, "refresh", 2)
    assert tale.state.receipt is None
    with pytest.raises(Refused, match="done before"):
        tale.obey(c.Cancel(by=ALICE))
    with pytest.raises(Refused, match="proven"):
        tale.obey(tell(e.Finished(run=2, receipt=RECEIPT)))
    tale.obey(tell(e.RunFailed(run=2, problem=LOST)), c.Resume(by=ALICE))
    assert tale.state.mode == "refresh", "what is retried is what failed"


def test_foreign_keys_are_looked_at_again_only_where_some_are_broken() -> None:
    with pytest.raises(Refused, match="valid"):
        Tale().done().obey(c.Revalidate(by=ALICE))
    receipt = RECEIPT.model_copy(update={"broken_keys": (BROKEN,)})
    tale = Tale().running()
    tale.obey(tell(e.Proven(run=1, receipt=receipt)), tell(e.Finished(run=1, receipt=receipt)))
    tale.obey(c.Revalidate(by=ALICE))
    assert tale.state.mode == "keys" and tale.state.receipt == receipt, "the rows stay proven"


def test_a_rollback_that_failed_can_only_be_tried_again_or_given_up() -> None:
    tale = Tale().done()
    tale.obey(c.RollBack(by=BOB))
    (ring,) = react(tale.state)
    assert (ring.kind, ring.token) == ("migrate", "r2-back")
    tale.obey(tell(e.RunFailed(run=2, problem=LOST)))
    for command in (c.Resume(by=ALICE), c.Cancel(by=ALICE), c.Refresh(by=ALICE)):
        with pytest.raises(Refused):
            tale.obey(command)
    tale.obey(c.RollBack(by=ALICE), tell(e.RolledBack(run=3, undone="gone")))
    assert tale.state.status is Status.rolled_back
