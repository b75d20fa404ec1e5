"""Questions in step 3: every one can be reached and answered, within Slack's limits, and no answer gets lost."""

from __future__ import annotations

from typing import Any

import pytest

from bot.ui import plan as plan_view
from bot.ui import questions as ui
from jobs.core import commands as c
from jobs.core.errors import Refused
from jobs.core.model import Choice, Options, Question
from jobs.core.questions import answer, unanswered
from tests.bot.nasty import NASTY, grown
from tests.bot.takes import good_view
from tests.support.tales import ALICE, Tale, plan

YES_NO = (Choice(value="yes", text="Yes"), Choice(value="no", text="No"))


def question(number: int = 0, **changes: Any) -> Question:
    values: dict[str, Any] = {
        "key": f"k{number}",
        "title": f"Question {number}?",
        "choices": YES_NO,
        "default": "yes",
    }
    return Question(**(values | changes))


def values_of(view: dict[str, Any], **given: str) -> dict[str, dict[str, Any]]:
    """A modal's state as Slack sends it: initial options, and what a person chose (block id -> option's text)."""
    state: dict[str, dict[str, Any]] = {}
    for block in view["blocks"]:
        element = block.get("element") or {}
        if element.get("action_id") == ui.ACTION:
            texts = {o["text"]["text"]: o for o in element["options"]}
            chosen = texts[given[block["block_id"]]] if block["block_id"] in given else element.get("initial_option")
            state[block["block_id"]] = {ui.ACTION: {"selected_option": chosen}}
    return state


def ready(*questions: Question, options: Options | None = None) -> Tale:
    return Tale().checked(plan(questions=questions, options=options or Options()))


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY.keys())
def test_any_question_fits(nasty: str) -> None:
    long = grown(nasty, 3000)
    choices = tuple(Choice(value=f"{nasty}{n}", text=f"{nasty}{n}") for n in range(60))
    many = [
        question(n, key=f"{long}{n}", title=long, detail=long, choices=choices, default=choices[n].value)
        for n in range(6)
    ]
    state = ready(*many).state
    turned = len(ui.pages(many))
    seen = []
    for page in range(turned):
        view = plan_view.view(state, page=page)
        good_view(view)
        seen += [b["block_id"] for b in view["blocks"] if b.get("block_id", "").startswith("q_")]
    assert seen == [ui.block_id(q) for q in many]
    for page in range(3):
        good_view(plan_view.whole(state, page))


def test_answers_of_every_page_come_together() -> None:
    many = [question(n) for n in range(25)]
    state = ready(*many).state
    options = Options()
    for page in range(3):
        view = plan_view.view(state, options=options, page=page)
        good_view(view)
        given = {ui.block_id(q): "No" for q in many[page * 10 : page * 10 + 10 : 3]}
        options = options.model_copy(update={"decisions": ui.answered(values_of(view, **given), many, options)})
    assert dict(options.decisions) == {f"k{n}": "no" for n in (0, 3, 6, 9, 10, 13, 16, 19, 20, 23)}
    assert options.decisions == tuple(sorted(options.decisions))
    # What was answered stands in the form again, and can be taken back.
    view = plan_view.view(state, options=options, page=0)
    back = ui.answered(values_of(view, **{ui.block_id(many[0]): "Yes"}), many, options)
    assert "k0" not in dict(back) and len(back) == 9


def test_the_chosen_and_the_default_are_offered_among_many() -> None:
    choices = tuple(Choice(value=str(n), text=f"choice {n}") for n in range(300))
    asked = question(choices=choices, default="299")
    options = Options(decisions=(("k0", "298"),))
    (field,) = [b for b in plan_view.view(ready(asked, options=options).state)["blocks"] if "element" in b][-1:]
    texts = [o["text"]["text"] for o in field["element"]["options"]]
    assert field["element"]["initial_option"]["text"]["text"] == "choice 298"
    assert "choice 299" in texts and len(texts) == ui.CHOICES


def test_what_is_not_offered_any_more_is_no_answer() -> None:
    options = Options(decisions=(("k0", "gone"), ("k9", "no")))
    assert answer(question(), options) == "yes"
    assert ui.answered({}, [question()], options) == ()


def test_nothing_starts_before_every_question_without_default_is_answered() -> None:
    tale = ready(question(1), question(2, default="", title="Zero dates?"))
    field = next(b for b in plan_view.view(tale.state)["blocks"] if b.get("block_id") == ui.block_id(question(2)))
    assert "initial_option" not in field["element"]
    with pytest.raises(Refused, match="Zero dates"):
        tale.obey(c.Request(by=ALICE, digest=tale.state.digest))
    answered = Options(decisions=(("k2", "no"),))
    tale = ready(question(1), question(2, default="", title="Zero dates?"), options=answered)
    assert tale.state.plan is not None and unanswered(tale.state.plan) == []
    assert tale.obey(c.Request(by=ALICE, digest=tale.state.digest))


def test_approvers_read_the_answers() -> None:
    state = ready(question(title="Definers <!channel>"), options=Options(decisions=(("k0", "no"),))).state
    said = str(plan_view.whole(state)["blocks"])
    assert "Definers &lt;!channel&gt;: *No*" in said
