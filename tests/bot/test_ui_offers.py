"""What a card and a form offer in each state, and that the dialogs say all that they warn of."""

from __future__ import annotations

from bot.sandbox.slack.messages import elements_of
from bot.ui import card, findings
from bot.ui import text as t
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.model import CheckResult, Finding, Options, Scope, Severity
from jobs.core.state import State, Status
from jobs.core.verdict import RestorePoint
from tests.support.tales import BOB, LOST, RECEIPT, Tale, plan, tell


def offered(state: State) -> set[str]:
    return {element["action_id"] for _, element in elements_of(card.blocks(state))}


def test_the_buttons_of_hold_and_rollback() -> None:
    tale = Tale().running()
    assert "release" not in offered(tale.state)
    tale.obey(tell(e.HoldTaken(run=1)))
    assert "release" in offered(tale.state)
    tale.obey(c.Release(by=BOB))
    assert "release" not in offered(tale.state) and "being released" in str(card.blocks(tale.state))
    tale = Tale().done()
    assert {"roll_back", "show_logs"} <= offered(tale.state)
    tale.obey(c.RollBack(by=BOB))
    assert not {"roll_back", "cancel", "pause"} & offered(tale.state)
    tale.obey(tell(e.RunFailed(run=2, problem=LOST)))
    assert {"roll_back", "give_up"} <= offered(tale.state) and not {"retry", "cancel"} & offered(tale.state)
    tale.obey(c.RollBack(by=BOB), tell(e.RolledBack(run=3, undone="All is back.")))
    assert "roll_back" not in offered(tale.state) and "All is back." in str(card.blocks(tale.state))


def test_no_dialog_is_cut_in_the_middle_of_its_warning() -> None:
    def dialogs(blocks: list[t.Block]) -> list[str]:
        return [e["confirm"]["text"]["text"] for _, e in elements_of(blocks) if "confirm" in e]

    tale = Tale().done()
    point = RestorePoint(path="/srv/x.dump", bytes=1, sha256="ab" * 32)
    receipt = RECEIPT.model_copy(update={"tables": 10**6})
    many = tale.state.model_copy(update={"receipt": receipt})
    data = plan(options=Options(scope=Scope.data_only))
    for state in (many, many.model_copy(update={"restore_point": point}), many.model_copy(update={"plan": data})):
        shown = dialogs(card.blocks(state))
        assert any("1,000,000 tables" in text for text in shown)
        assert all(text.endswith((".", "?")) for text in shown), shown
    found = Finding(check="target_empty", severity=Severity.block, message="full", remedy="empty it")
    result = CheckResult(check="target_empty", title="x", findings=(found,))
    blocked = Tale().checked(None, result).state
    assert blocked.status is Status.blocked
    shown = dialogs(findings.view(blocked)["blocks"])
    assert shown and all(text.endswith(".") for text in shown)
