"""The plan to the letter: what the digest is computed from, readable and on pages. Pure."""

from __future__ import annotations

import json

from bot.refs import Ref
from bot.ui import plan as plan_view
from bot.ui import text as t
from bot.ui.text import Block, View
from jobs.core.plan import MigrationPlan
from jobs.core.state import State

PAGE = 9_000
"""Escaped characters on a page: all text of a view together must stay under Slack's sizes."""
BLOCK = 2_000
MESSAGE = 5_000
"""A plan so short stands whole in the answer to `/migrate plan`."""


def lines(plan: MigrationPlan) -> list[str]:
    """The canonical JSON with line breaks: the same keys and values in the same order."""
    text = json.dumps(json.loads(plan.canonical()), sort_keys=True, indent=1, ensure_ascii=False)
    return text.splitlines()


def message(state: State) -> list[Block]:
    """The answer to `/migrate plan`: whole where it is short, else its beginning and a way to the rest."""
    plan = state.plan
    assert plan is not None
    told = lines(plan)
    head = [
        t.section(f"*{t.plain(state.title, 1000)}*"),
        plan_view.summary(plan, state.rehearsal),
        _digest(plan),
    ]
    value = Ref(m=state.id).pack()
    buttons = [t.button("Show to the letter", "show_canonical", value), t.button("Show plan", "show_plan", value)]
    shown = _blocks(_taken(told, MESSAGE))
    whole = sum(len(line) + 1 for line in told) <= MESSAGE
    more = [] if whole else [t.context("This is its beginning; *Show to the letter* has all of it, on pages.")]
    return [*head, *shown, *more, t.actions("plan_more", buttons)]


def view(state: State, page: int = 0) -> View:
    """The whole plan to the letter, on pages."""
    plan = state.plan
    assert plan is not None
    pages = _pages(lines(plan))
    page = min(page, len(pages) - 1)
    head = [_digest(plan), t.context(f"page {page + 1} of {len(pages)}")]
    return plan_view.paged("Plan to the letter", "canonical", state, page, len(pages), [*head, *_blocks(pages[page])])


def _digest(plan: MigrationPlan) -> Block:
    return t.section(
        f"*Digest*\n`{plan.digest}`\nSHA-256 of the plan below in one line without spaces; approvals name it.",
        block_id="canonical_digest",
    )


def _pages(told: list[str]) -> list[list[str]]:
    pages: list[list[str]] = [[]]
    room = PAGE
    for line in _broken(told):
        if len(t.escape(line)) + 1 > room:
            pages.append([])
            room = PAGE
        pages[-1].append(line)
        room -= len(t.escape(line)) + 1
    return pages


def _taken(told: list[str], room: int) -> list[str]:
    made = []
    for line in _broken(told):
        room -= len(t.escape(line)) + 1
        if room < 0:
            break
        made.append(line)
    return made


def _broken(told: list[str]) -> list[str]:
    """A line that is longer than a block goes on in the next one."""
    return [line[at : at + BLOCK // 5] for line in told for at in range(0, max(1, len(line)), BLOCK // 5)]


def _blocks(told: list[str]) -> list[Block]:
    groups: list[list[str]] = []
    room = 0
    for line in told:
        shown = t.escape(line).replace("`", "ˋ")
        if len(shown) + 1 > room or not groups:
            groups.append([])
            room = BLOCK
        groups[-1].append(shown)
        room -= len(shown) + 1
    return [t.section("```\n" + "\n".join(group) + "\n```") for group in groups]
