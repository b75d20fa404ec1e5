"""Whatever stands in a database or in a person's words, Slack takes what we show of it, and it can do no harm."""

from __future__ import annotations

import pytest

from bot.ui import (
    approval,
    canonical,
    card,
    configure,
    direct,
    findings,
    home,
    log_view,
    logs,
    proof,
    services,
    throttle,
    when,
)
from bot.ui import plan as plan_view
from bot.ui import text as t
from bot.ui.log_view import Look
from jobs.core import events as e
from jobs.core import voices
from jobs.core.model import CheckResult, Finding, Problem, Severity
from jobs.core.progress import RunProgress, TaskProgress
from jobs.core.state import State, Status
from tests.bot.nasty import NASTY, grown, tale_of
from tests.bot.nasty_lives import lives
from tests.bot.takes import good_message, good_view, harmless, mrkdwn_of
from tests.support.tales import CHANNEL, MIGRATION, NOON, Tale, plan


@pytest.fixture(scope="module", params=sorted(NASTY))
def told(request: pytest.FixtureRequest) -> list[tuple[State, list[e.Recorded]]]:
    """Snapshots of the nasty lives: each tale goes on after it was yielded."""
    return [(tale.state, list(tale.story)) for tale in lives(NASTY[request.param])]


# --- every surface --------------------------------------------------------------------------------------


def busy(nasty: str) -> RunProgress:
    lanes = [TaskProgress(task=str(n), title=grown(nasty, 300), rows=10**12, lane=str(n)) for n in range(32)]
    return RunProgress(tasks_total=10**7, tables_total=10**6, rows_done=10**13, bytes_total=1, now=tuple(lanes))


def test_cards(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, story in told:
        nasty = story[0].event.target.description if isinstance(story[0].event, e.Drafted) else ""
        for now in (None, busy(nasty)):
            good_message(card.text(state), card.blocks(state, now))


def test_the_plan_to_the_letter(told: list[tuple[State, list[e.Recorded]]]) -> None:
    state = told[0][0]
    pages = [canonical.view(state, page) for page in (0, 1, 10_000)]
    for view in pages:
        good_view(view)
    good_message("Plan", canonical.message(state))


def test_direct_messages_and_what_waits(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state in [state for state, _ in told if state.requests][:9]:
        for person in (*voices.everybody(state)[:1], *voices.everybody(state)[-1:], "U0NOBODY"):
            good_message(*direct.message(state, person))
            good_message(*direct.message(state, person, reminder=True))
        good_message(*direct.superseded(state))
        good_message(*direct.reminded(state))
        waits = [state.model_copy(update={"id": f"m00000000{n:02}"}) for n in range(15)]
        good_view(home.view([], waits, waits))


def test_modals(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, _ in told:
        good_view(findings.view(state))
        good_view(plan_view.view(state, note="why not"))
        good_view(proof.modal(state))
        good_view(when.modal(state))
        good_view(throttle.modal(state))
        good_view(approval.decline(state, state.digest or "0" * 64))
        good_view(approval.delegate(state, state.digest or "0" * 64))
        good_view(approval.break_glass(state, state.digest or "0" * 64))
        good_view(configure.view(configure.draft_of(state, ask_channel=True)))
        others = [state.model_copy(update={"id": f"m000000000{n}"}) for n in range(3)]
        good_view(configure.view(configure.Draft(channel=CHANNEL, unfinished=others)))


def test_the_buttons_are_never_what_falls_off(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, _ in told:
        assert findings.view(state)["blocks"][-1]["block_id"] == "validation_actions"
        if state.status is Status.ready and state.plan is not None:
            inputs = [b["block_id"] for b in plan_view.view(state)["blocks"] if b["type"] == "input"]
            assert "acknowledge" in inputs and "parallelism" in inputs


def test_the_form_with_nasty_words_in_it(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, _ in told:
        typed = {**findings.form_of(state).typed, "secret_ref": "file:/" + "x" * 400, "tls": ""}
        form = findings.Form(kind=findings.TYPED, typed=typed, password_link="https://ferry.example.com/once/abc")
        good_view(findings.view(state, form))


def test_lists_and_home(told: list[tuple[State, list[e.Recorded]]]) -> None:
    states = [state.model_copy(update={"public": True}) for state, _ in told for _ in range(4)]
    good_message(*home.listing(states, "Latest migrations"))
    targets = [state.target for state in states if state.target]
    good_view(home.view(services.home_blocks(targets * 5, {}, NOON), states))
    for service in targets:
        harmless(home.unknown(service.name))
        check = configure.service_option(service)
        assert len(check["text"]["text"]) <= 75 and len(check["value"]) <= 150


def test_every_line_and_every_batch_of_the_thread(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, story in told:
        lines = [line for r in story if (line := logs.line(r.event, state))]
        for line in lines:
            good_message(*logs.reply([line], repeat=True))
        batches = logs.batches(lines)
        assert [t.clip(line, t.SECTION) for line in lines] == [line for batch in batches for line in batch]
        for batch in batches:
            good_message(*logs.reply(batch, repeat=True))


def test_the_log_on_pages_and_as_a_file(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, story in told:
        seen = 0
        for page in (0, 1, 99):
            view = log_view.view(state, story, Look(page=page))
            good_view(view)
            seen += len(view["blocks"])
        assert seen
        assert "env:X" not in logs.full(state, story, None)


def test_the_whole_plan_of_five_thousand_tables() -> None:
    for kind in ("mention", "emoji", "ampersands"):
        state = tale_of(NASTY[kind], tables=5000).state
        assert state.plan is not None
        good_view(plan_view.view(state))
        for page in (0, 1, 30, 62, 999):
            good_view(plan_view.whole(state, page))
    names = [f"table_{n:04}" for n in range(5000)]
    whole = Tale().checked(plan(names)).state
    shown = "\n".join("\n".join(mrkdwn_of(plan_view.whole(whole, page)["blocks"])) for page in range(63))
    assert all(f"public.{name}`" in shown for name in names), "every table stands on some page"


def test_two_hundred_findings_of_one_check() -> None:
    for nasty in NASTY.values():
        found = tuple(
            Finding(check="a", severity=Severity.block, message=grown(nasty, 3000), object=f"o{n}", remedy=nasty)
            for n in range(200)
        )
        tale = Tale().checked(None, CheckResult(check="a", title="A", findings=found))
        good_view(findings.view(tale.state))
        good_message(card.text(tale.state), card.blocks(tale.state))
        line = logs.line(e.CheckFinished(attempt=1, result=tale.state.results[0]), tale.state)
        assert len(line) <= t.SECTION and "195 findings more" in line and "`o4`" in line
        good_message(*logs.reply([line]))
        assert logs.full(tale.state, tale.story, None).count(" -> ") == 200, "the file has them all"


def test_the_remedy_is_never_what_falls_off() -> None:
    problem = Problem(what="&" * 3000, meaning="&" * 3000, remedy="press this", object="")
    line = logs.line(e.RunFailed(run=1, problem=problem, reasons=("&" * 3000,) * 50), State(id=MIGRATION))
    assert t.clip(line, t.SECTION).endswith("*Next:* press this")
    failed = Tale().failed(problem).state.model_copy(update={"reasons": ("&" * 3000,) * 50})
    (told,) = [b for b in card.blocks(failed) if b.get("block_id") == "card_failure"]
    assert told["text"]["text"].endswith("*Next:* press this")


def test_the_confirmation_says_what_will_happen_whatever_the_names() -> None:
    state = tale_of("x" * 63).state
    asked = approval.buttons(state)[0]["confirm"]["text"]["text"]
    assert "write data in" in asked and asked.endswith("it starts at once.")


def test_a_log_line_says_what_was_true_then() -> None:
    tale = Tale().checked(None, CheckResult(check="a", title="A", findings=(_blocker("x"), _blocker("y"))))
    tale.checked(plan())
    shown = "\n".join(mrkdwn_of(log_view.view(tale.state, tale.story)["blocks"]))
    assert "found 2 blockers" in shown and "1 check ran, nothing blocks" in shown


def _blocker(name: str) -> Finding:
    return Finding(check="a", severity=Severity.block, message=f"{name} is in the way", object=name)
