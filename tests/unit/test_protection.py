"""A protected service is never a target: each moment at which it could become one refuses it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pydantic import SecretStr

from bot.access import Denied, Verb, Who, may_answer_for, may_operate, may_request
from bot.config import Config, parse_config
from jobs.core import commands as c
from jobs.core import protection
from jobs.core.errors import Permanent, Refused
from jobs.core.model import CheckResult, Dialect, Endpoint, TlsMode, blockers
from jobs.core.policy import Policy
from jobs.core.state import Status
from jobs.flow.drift import validated
from jobs.ports.engine import Asked, Engine
from tests.support.tales import ALICE, CHANNEL, TARGET, Tale

TEXT = """
services:
  shop-new: {{engine: postgresql, environment: production, secret: "env:B", protected: {}}}
environments:
  production: {{approvals: 1, approvers: [UBOSS]}}
"""
FREE, SHUT = (parse_config(TEXT.format(word)) for word in ("false", "true"))
BOSS = Who("UBOSS", team="T1", home="T1")


def test_it_is_not_requested() -> None:
    assert may_request(FREE, ALICE.id, None, CHANNEL, TARGET)
    refused = may_request(SHUT, ALICE.id, None, CHANNEL, TARGET)
    assert isinstance(refused, Denied) and "shop-new is protected" in refused.reason


def test_a_draft_of_it_is_refused() -> None:
    shut = TARGET.model_copy(update={"protected": True})
    with pytest.raises(Refused, match="can never be the target"):
        Tale().obey(c.Draft(by=ALICE, channel=CHANNEL, target=shut, policy=Policy()))


@pytest.mark.parametrize("verb", ["resume", "retry", "refresh", "accept", "revalidate", "roll back", "start"])
def test_no_button_writes_to_it_any_more(verb: Verb) -> None:
    state = Tale().done().state
    assert may_operate(state, FREE, "UBOSS", None, verb)
    assert not may_operate(state, SHUT, "UBOSS", None, verb)


@pytest.mark.parametrize("config", [FREE, SHUT])
def test_what_ends_a_run_stays_possible(config: Config) -> None:
    verbs: tuple[Verb, ...] = ("pause", "cancel", "release", "slow down")
    assert all(may_operate(Tale().running().state, config, ALICE.id, None, verb) for verb in verbs)


def test_no_approver_answers_for_it() -> None:
    state = Tale().failed().state
    assert may_answer_for(state, FREE, BOSS, None, "accept")
    assert not may_answer_for(state, SHUT, BOSS, None, "accept")


def test_the_worker_looks_at_nothing_and_makes_no_plan() -> None:
    place = Endpoint("shop-new", Dialect.postgresql, "h", 1, "d", "u", SecretStr("p"), TlsMode.prefer)
    told: list[CheckResult] = []
    nothing = cast(Engine, object())  # would fail at the first question
    assert validated(nothing, Asked("m0000000001", place, place, protected=True), told.append) is None
    assert [f.field for f in blockers(told)] == ["target"]


@pytest.mark.parametrize("change", [{}, {"status": Status.rolling_back}, {"status": Status.done}])
def test_the_worker_goes_on_with_nothing_that_was_begun(change: dict[str, Any]) -> None:
    state = Tale().running().state.model_copy(update={"begun": True, **change})
    protection.demand(state, False)
    with pytest.raises(Permanent, match="is protected now"):
        protection.demand(state, True)


def test_the_worker_still_cancels() -> None:
    state = Tale().running().state.model_copy(update={"begun": True, "status": Status.cancelling})
    protection.demand(state, True)
