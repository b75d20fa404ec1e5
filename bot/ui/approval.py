"""The gate: what approvers read before they press, and the modal in which one declines. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.refs import Ref, Sheet
from bot.ui import text as t
from bot.ui import when
from bot.ui.text import Block, View
from jobs.core.state import State

CALLBACK = "ferrybot_decline"


def approvers(ids: Sequence[str]) -> str:
    """People and groups, named so that they are told."""
    named = [f"<!subteam^{i}>" if i.startswith("S") else t.mention(i) for i in ids[:20]]
    return ", ".join(named) or "nobody is configured"


def buttons(state: State) -> list[Block]:
    """Approve and Decline, bound to the digest of the plan that is shown beside them."""
    value = Ref(m=state.id, d=state.digest).pack()
    plan = state.plan
    target = plan.target.label if plan else "the target"
    sure = t.confirm(
        "Approve this migration?",
        f"Plan {state.digest[:12]}: {t.clip(state.title, 80)}. "
        f"It will create schema and write data in {t.clip(target, 50)}. "
        f"When enough people have approved, it starts {when.how_soon(state)}.",
        "Approve",
    )
    return [
        t.button(
            "Approve", "approve", value, style="primary", confirm=sure, said=f"Approve plan {state.digest[:12]}"
        ),
        t.button("Decline", "decline", value, style="danger", said="Decline with a reason"),
        t.button("Show plan", "show_plan", Ref(m=state.id).pack()),
    ]


def decline(state: State, digest: str) -> View:
    """Asks why."""
    reason: Block = {
        "type": "plain_text_input",
        "action_id": "reason_input",
        "multiline": True,
        "max_length": 500,
        "placeholder": t.label("What should be different?"),
    }
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": Sheet(m=state.id, step="decline", channel=state.channel, d=digest).pack(),
        "title": t.label("Decline migration", 24),
        "submit": t.label("Decline", 24),
        "close": t.label("Go back", 24),
        "blocks": [
            t.section(
                f"{t.clip(t.plain(state.title), 1000)}\n"
                "The requester reads your reason in the thread and may ask again."
            ),
            t.field("reason", "Reason", reason),
        ],
    }
