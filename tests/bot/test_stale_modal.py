"""A check that is over before its modal is drawn: what is drawn last is what holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.calls import Calls, Pace
from bot.courier import Courier
from bot.once import UNDONE
from bot.refs import Ref
from bot.sandbox.slack.views import View
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import events as e
from jobs.core.commands import Tell
from jobs.core.lifecycle import Ring
from jobs.core.state import Status
from tests.bot.office import Office, office
from tests.bot.sandbox_support import client_of
from tests.support.tales import ALICE, CHANNEL, MIGRATION, Tale, plan, result
from tests.support.waiting import until


@pytest.fixture
def bureau(redis_url: str, tmp_path: Path) -> Iterator[Office]:
    with office(redis_url, tmp_path) as made:
        yield made


def shown(bureau: Office, step: str, words: str) -> View:
    """The modal at this step, once it is remembered, too: nobody presses within a millisecond."""
    modal = bureau.modal(ALICE.id, words)

    def remembered() -> bool | None:
        known = bureau.deps.modals.open(MIGRATION)
        return True if known is not None and known.step == step else None

    until(remembered, "the modal is remembered", 20)
    return modal


class Fast:
    """A worker and a courier that are done before the bell has stopped: each once for all bells of its moment."""

    def __init__(self, bureau: Office) -> None:
        self._bureau = bureau
        self._checked = self._at_work = False
        self._turn = threading.RLock()  # gestures ring from threads of their own

    def ring(self, ring: Ring) -> bool:
        with self._turn:
            return not self._at_work and self._answer(ring)

    def _answer(self, ring: Ring) -> bool:
        self._at_work = True
        try:
            if ring.kind == "validate" and not self._checked:
                self._checked = True
                self._check()
            self._deliver()
        finally:
            self._at_work = False
        return True

    def _check(self) -> None:
        desk = self._bureau.deps.desk
        attempt = desk.state(MIGRATION).attempt
        found = plan(("orders", "people", "arrived_meanwhile"))
        desk.obey(MIGRATION, Tell(event=e.ValidationStarted(attempt=attempt)))
        desk.obey(MIGRATION, Tell(event=e.CheckFinished(attempt=attempt, result=result())))
        desk.obey(MIGRATION, Tell(event=e.Validated(attempt=attempt, plan=found)))

    def _deliver(self) -> None:
        deps = self._bureau.deps
        calls = Calls(client_of(self._bureau.slack, timeout=5), Pace(deps.redis, enabled=False))
        Courier(deps.redis, deps.desk, deps.board, calls).deliver(MIGRATION)


@pytest.mark.parametrize("press", ["update_plan", "rerun_check"])
def test_a_check_that_is_faster_than_its_modal(bureau: Office, monkeypatch: pytest.MonkeyPatch, press: str) -> None:
    bureau.write(MIGRATION, [r.event for r in Tale().checked(plan()).story])
    value = Ref(m=MIGRATION).pack()
    button = {
        "type": "button",
        "action_id": "open_migration",
        "value": value,
        "text": {"type": "plain_text", "text": "A"},
    }
    blocks: list[Any] = [{"type": "actions", "elements": [button]}]
    posted = client_of(bureau.slack).chat_postMessage(channel=CHANNEL, text="a draft", blocks=blocks)
    alice = bureau.person(ALICE.id)
    alice.click(next(m for m in bureau.slack.channel(CHANNEL).messages if m.ts == posted["ts"]), "open_migration")
    modal = shown(bureau, "validation", "Step 2 of 3")
    if press == "update_plan":
        alice.submit()
        modal = shown(bureau, "migration", "Step 3 of 3")
    fast = Fast(bureau)
    monkeypatch.setattr(RqDoorbell, "ring", lambda _, ring: fast.ring(ring))
    alice.click(modal, press)
    until(lambda: None if bureau.deps.redis.hlen(UNDONE) else True, "the gesture has ended", 20)
    state, now = bureau.deps.desk.state(MIGRATION), bureau.deps.modals.open(MIGRATION)
    assert (state.status, state.attempt) == (Status.ready, 2) and now is not None and now.version == state.version
    bureau.modal(ALICE.id, "arrived_meanwhile" if press == "update_plan" else "1 check passed")
