"""Staging first: what a rehearsal allows, and what its figures say of the run for which it was made."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.ui import card, logs, when
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.errors import Refused
from jobs.core.policy import Policy
from jobs.core.rehearsal import covers
from jobs.core.state import Status
from jobs.core.verdict import Rehearsal
from tests.support.night import NIGHT, request
from tests.support.tales import ALICE, CHANNEL, NOON, RECEIPT, Tale, configure, plan, tell

REHEARSED = Rehearsal(
    migration="m0000000009",
    at=NOON - timedelta(days=3),
    target="staging",
    seconds=7.5 * 3600,
    bytes=9,
    target_bytes=9,
)
STRICT = Policy(rehearsal_days=7)


def rehearsed(rehearsal: Rehearsal | None, policy: Policy = STRICT) -> Tale:
    tale = Tale()
    tale.obey(c.Draft(by=ALICE, channel=CHANNEL, target=NIGHT, policy=policy), configure())
    tale.obey(tell(e.ValidationStarted(attempt=1)))
    tale.obey(tell(e.Validated(attempt=1, plan=plan(), rehearsal=rehearsal)))
    return tale


def test_a_policy_that_wants_a_rehearsal() -> None:
    for missing in (None, REHEARSED.model_copy(update={"at": NOON - timedelta(days=8)})):
        tale = rehearsed(missing)
        assert "rehearsal" in str(card.blocks(tale.state)) and "Update plan here" in str(when.blocks(tale.state))
        with pytest.raises(Refused, match="rehearsal") as refused:
            tale.obey(request(tale))
        assert "staging" in refused.value.remedy
    tale = rehearsed(REHEARSED)
    tale.obey(request(tale))
    assert tale.state.status is Status.scheduled
    again = rehearsed(None, Policy())
    again.obey(request(again))


def test_the_rehearsal_is_the_estimate_and_the_receipt_compares() -> None:
    tale = rehearsed(REHEARSED)
    told = str(card.blocks(tale.state))
    assert "Rehearsed into staging" in told and "would not end within the window" in told
    assert "about 7 h 30 min, as rehearsed" in told and "10 s to 30 s" not in told
    receipt = RECEIPT.model_copy(update={"rehearsal": REHEARSED, "seconds": 9 * 3600.0, "target_bytes": 12})
    text = logs.receipt(receipt)
    assert "7 h 30 min, now 9 h (+20 %); disk 9 B, now 12 B" in text


def test_a_rehearsal_covers_every_table() -> None:
    assert covers(plan(("a", "b")), plan(("a",))) and not covers(plan(("a",)), plan(("a", "b")))
