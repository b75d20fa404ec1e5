"""What becomes of DEFINER and of collations that the target does not know: answers, as the run reads them."""

from __future__ import annotations

from jobs.core import questions
from jobs.core.plan import MigrationPlan

DEFINER = "definer"
KEEP, TARGET, INVOKER = "keep", "target", "invoker"
"""Answers to `definer`: as they are; the target's user owns them; and they run with the rights of who calls them."""
COLLATION = "collation:"
"""A question's key is this and the unknown collation's name; the answer is a collation of the target."""


def answer(plan: MigrationPlan, key: str, otherwise: str = "") -> str:
    """What a person chose, or the question's default, or `otherwise` where nobody was asked."""
    asked = next((question for question in plan.questions if question.key == key), None)
    if asked is not None:
        return questions.answer(asked, plan.options)
    return dict(plan.options.decisions).get(key, otherwise)


def collations(plan: MigrationPlan) -> dict[str, str]:
    """Unknown collation -> the one that takes its place."""
    keys = {key for key, _ in plan.options.decisions} | {question.key for question in plan.questions}
    found = {key.removeprefix(COLLATION): answer(plan, key) for key in keys if key.startswith(COLLATION)}
    return {name: other for name, other in found.items() if other and other != name}
