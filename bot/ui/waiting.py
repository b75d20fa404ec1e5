"""App Home's section of what waits for this person's approval. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.refs import Ref
from bot.ui import approval
from bot.ui import text as t
from bot.ui.text import Block
from jobs.core.model import warnings
from jobs.core.state import State

SHOWN = 10


def blocks(states: Sequence[State]) -> list[Block]:
    """Each request with its buttons; nothing at all where nothing waits."""
    if not states:
        return []
    made: list[Block] = [t.section("*Waiting for you*", block_id="waiting")]
    for state in states[:SHOWN]:
        who = (
            f"{t.mention(state.requester.id)} asks for your approval" if state.requester else "Your approval is asked"
        )
        noted = len(warnings(state.results))
        told = f"; {t.count(noted, 'finding')} acknowledged, see *Show plan*" if noted else ""
        title = f"*{t.plain(state.title, 500)}*\n{who}, plan `{state.digest[:12]}`{told}"
        show = t.button("Show plan", "show_plan", Ref(m=state.id).pack(), said=f"Plan of {state.title}")
        made += [t.section(title), t.actions(f"waiting_{state.id}", [*approval.decide(state), show])]
    if len(states) > SHOWN:
        made.append(t.context(f"{t.count(len(states) - SHOWN, 'more request')} on their cards in the channels."))
    return [*made, t.divider()]
