"""The plan's questions in step 3: what only a person can decide. Pure: questions and answers -> blocks, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from bot.refs import Ref
from bot.ui import text as t
from bot.ui.text import Block
from jobs.core.model import Choice, Options, Question
from jobs.core.questions import answer, decisions, said

PER_PAGE = 10
PAGE_TEXT = 4_000
"""Characters of the questions on one page: with the rest of step 3 they stay under a view's 250 kB of JSON, at up to
12 bytes a character (docs.slack.dev/reference/methods/views.open, view_too_large)."""
CHOICES = 40
TITLE, DETAIL = 250, 500
ACTION = "question_select"


def pages(questions: Sequence[Question]) -> list[list[Question]]:
    """The questions packed into pages; at least one, which may be empty."""
    made: list[list[Question]] = [[]]
    room = PAGE_TEXT
    for question in questions:
        if made[-1] and (len(made[-1]) == PER_PAGE or _weight(question) > room):
            made.append([])
            room = PAGE_TEXT
        made[-1].append(question)
        room -= _weight(question)
    return made


def _weight(question: Question) -> int:
    texts = sum(min(len(choice.text), t.OPTION) for choice in question.choices[:CHOICES])
    return min(len(question.title), TITLE) + min(len(question.detail), DETAIL) + texts


def blocks(questions: Sequence[Question], options: Options, migration: str, page: int) -> list[Block]:
    """One page of the questions as fields, with buttons to turn it."""
    if not questions:
        return []
    every = pages(questions)
    page = min(page, len(every) - 1)
    made = [t.divider(), t.section(_head(questions, options, page, len(every)), block_id="questions")]
    made += [_field(question, options) for question in every[page]]
    turn = _turn(migration, page, len(every))
    return [*made, t.actions("questions_pages", turn)] if turn else made


def _head(questions: Sequence[Question], options: Options, page: int, count: int) -> str:
    where = f" Page {page + 1} of {count}." if count > 1 else ""
    missing = sum(not answer(question, options) for question in questions)
    still = f" :grey_question: {missing:,} {'has' if missing == 1 else 'have'} no answer yet." if missing else ""
    return f"*{t.count(len(questions), 'question')} for you.* After an answer press *Update plan*.{where}{still}"


def _turn(migration: str, page: int, count: int) -> list[Block]:
    value = Ref(m=migration).pack()
    back = [t.button("Previous questions", "questions_previous", value)] if page else []
    return back + ([t.button("Next questions", "questions_next", value)] if page + 1 < count else [])


def _field(question: Question, options: Options) -> Block:
    chosen = answer(question, options)
    select: Block = {
        "type": "static_select",
        "action_id": ACTION,
        "placeholder": t.label("Please decide"),
        "options": [_option(choice) for choice in _shown(question, chosen)],
    }
    initial = next((choice for choice in question.choices if choice.value == chosen), None)
    if initial is not None:
        select["initial_option"] = _option(initial)
    title = t.clip(" ".join(question.title.split()) or question.key, TITLE)
    return t.field(block_id(question), title, select, hint=t.clip(question.detail.strip(), DETAIL))


def _shown(question: Question, chosen: str) -> list[Choice]:
    """The chosen and the default are among them, however many there are."""
    kept = {chosen, question.default}
    first = [choice for choice in question.choices if choice.value in kept]
    others = [choice for choice in question.choices if choice.value not in kept]
    listed = {choice.value for choice in [*first, *others][:CHOICES]}
    return [choice for choice in question.choices if choice.value in listed]


def _option(choice: Choice) -> Block:
    return t.option(" ".join(choice.text.split()) or "(empty)", _id(choice.value))


def block_id(question: Question) -> str:
    """The field of a question: its key may be longer than Slack takes."""
    return f"q_{_id(question.key)}"


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def _id(text: str) -> str:
    """96 bits of a hash, in letters as all our block ids."""
    return hashlib.sha256(text.encode()).hexdigest()[:24].translate(_LETTERS)


def answered(
    values: Mapping[str, Mapping[str, Any]], questions: Sequence[Question], before: Options
) -> tuple[tuple[str, str], ...]:
    """The decisions as they stand in the modal, over `before` for the questions on other pages."""
    given = dict(before.decisions)
    for question in questions:
        option = (values.get(block_id(question), {}).get(ACTION) or {}).get("selected_option") or {}
        by_id = {_id(choice.value): choice.value for choice in question.choices}
        if option.get("value") in by_id:
            given[question.key] = by_id[option["value"]]
    return decisions(questions, before.model_copy(update={"decisions": tuple(given.items())}))


def lines(questions: Sequence[Question], options: Options) -> list[str]:
    """Each question with its answer in one line, for those who approve."""
    return [f"{t.plain(t.clip(q.title, 120))}: *{t.plain(t.clip(said(q, options), 75))}*" for q in questions]
