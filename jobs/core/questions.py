"""What a plan asks, and what was answered. Pure.

A check that only an answer can satisfy warns and leaves the block to the question: a blocked validation has no plan,
so nobody could answer. A question with an empty default has no answer until a person gives one, and the plan is not
started before.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobs.core.model import Options, Question
from jobs.core.plan import MigrationPlan


def answer(question: Question, options: Options) -> str:
    """The chosen value, or the default where nothing was chosen that the question still offers."""
    chosen = dict(options.decisions).get(question.key, question.default)
    return chosen if any(choice.value == chosen for choice in question.choices) else question.default


def unanswered(plan: MigrationPlan) -> list[Question]:
    """Questions of the plan without default and without an answer."""
    return [question for question in plan.questions if not answer(question, plan.options)]


def decisions(questions: Iterable[Question], options: Options) -> tuple[tuple[str, str], ...]:
    """The answers that differ from the default, of the questions that are asked, by key: as options keep them."""
    given = ((question.key, answer(question, options), question.default) for question in questions)
    return tuple(sorted((key, value) for key, value, default in given if value != default))


def said(question: Question, options: Options) -> str:
    """The answer in words."""
    value = answer(question, options)
    return next((choice.text for choice in question.choices if choice.value == value), "not answered")
