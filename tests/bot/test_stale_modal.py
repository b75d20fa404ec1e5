"""A check that is over before its modal is drawn: what is drawn last is what holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.calls import Calls, Pace
from bot.courier import Courier
from bot.refs import Ref
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import events as e
from jobs.core.commands import Tell
from jobs.core.lifecycle import Ring
from tests.bot.office import Office, office
from tests.bot.sandbox_support import client_of
from tests.bot.test_processes import until
from tests.support.tales import ALICE, CHANNEL, MIGRATION, Tale, plan, result


@pytest.fixture
def bureau(redis_url: str, tmp_path: Path) -> Iterator[Office]:
    with office(redis_url, tmp_path) as made:
        yield made


class Fast:
    """A worker and a courier that are done before the bell has stopped: each once for all bells of its moment."""

    def __init__(self, bureau: Office) -> None:
        self._bureau = bureau
        self._checked = self._at_work = False

    def ring(self, ring: Ring) -> bool:
        if self._at_work:
            return False
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
    modal = bureau.modal(ALICE.id, "Step 2 of 3")
    if press == "update_plan":
        alice.submit()
        modal = bureau.modal(ALICE.id, "Step 3 of 3")
    fast = Fast(bureau)
    monkeypatch.setattr(RqDoorbell, "ring", lambda _, ring: fast.ring(ring))
    alice.click(modal, press)
    version = bureau.deps.desk.state(MIGRATION).version

    def known() -> bool | None:
        shown = bureau.deps.modals.open(MIGRATION)
        return True if shown is not None and shown.version == version else None

    until(known, "the modal is known to be as the story", 10)
    bureau.modal(ALICE.id, "arrived_meanwhile" if press == "update_plan" else "1 check passed")
