"""The direct message to one person who is asked: the card's facts and buttons, until it is decided. Pure."""

from __future__ import annotations

from bot.ui import approval, findings, plan, safety
from bot.ui import text as t
from bot.ui.text import Block
from jobs.core import voices
from jobs.core.state import State, Status


def message(state: State, person: str, *, reminder: bool = False) -> tuple[str, list[Block]]:
    """Text and blocks for `person`, in whatever state the request is now; `reminder`: they were asked before."""
    title = t.plain(state.title, 1000)
    said = outcome(state, person)
    waits = state.status is Status.awaiting_approval and state.plan is not None
    again = ":bell: *Reminder:* this still waits for you.\n" if waits and reminder and not said else ""
    head = [t.section(f"{again}*{title}*\n{_asked_by(state)}", block_id="direct_title")]
    if state.status is Status.awaiting_approval and state.plan is not None:
        facts = [plan.summary(state.plan, state.rehearsal), *findings.acknowledged(state)]
        facts += safety.consequences(state.plan.options)
        gate = t.section("\n".join([*([said] if said else []), *approval.waiting(state)]), block_id="direct_gate")
        pressed = _buttons(state, person)
        asked = "Reminder: you are asked" if again else "You are asked"
        text = f"{asked} to approve the migration {title}. {said}".strip()
        return text, [*head, *facts, gate, t.actions("direct_actions", pressed)]
    made = [*head, t.section(said, block_id="direct_outcome")]
    back = approval.take_back(state) if voices.has_spoken(state, person) else []
    if back:
        made.append(t.actions("direct_actions", back))
    return f"Migration {title}: {said}", made


def outcome(state: State, person: str) -> str:
    """What was decided, and by whom; while nothing is, what this person did."""
    if state.status is Status.awaiting_approval:
        if any(a.by.id == person for a in state.approvals):
            return ":ballot_box_with_check: You approved."
        return ":ballot_box_with_check: Your voice has approved." if voices.has_spoken(state, person) else ""
    if state.declined is not None:
        why = t.plain(state.declined.reason, 1500)
        return f":no_entry_sign: Declined by {t.mention(state.declined.by.id)}: {why}"
    if state.expired:
        return ":hourglass: Not decided in time: the request ended."
    if state.drift:
        return approval.changed(state.drift)
    if state.glass is not None:
        return f":rotating_light: Started without approvals by {t.mention(state.glass.by.id)}."
    if state.status is Status.cancelled and not state.begun:
        who = f" by {t.mention(state.cancelled_by.id)}" if state.cancelled_by else ""
        return f":octagonal_sign: Cancelled{who}: there is nothing left to approve."
    if state.run and state.approvals:
        given = ", ".join(t.mention(a.by.id) for a in state.approvals[:10])
        return f":white_check_mark: Approved by {given}. The card in <#{state.channel}> tells the rest."
    return ":information_source: This request has ended; there is nothing left to approve."


def ended(state: State) -> bool:
    """Nothing that this message says can change any more."""
    if state.status is Status.awaiting_approval:
        return False
    return state.status is not Status.migrating or state.begun


def superseded(state: State) -> tuple[str, list[Block]]:
    """For a message about an earlier request."""
    text = f"Migration {t.plain(state.title, 1000)}: this request has ended; a newer one may be below."
    return text, [t.section(text, block_id="direct_outcome")]


def reminded(state: State) -> tuple[str, list[Block]]:
    """For the message before a reminder, whose buttons have moved there."""
    text = f"Migration {t.plain(state.title, 1000)}: a newer message below reminds you of this request."
    return text, [t.section(text, block_id="direct_outcome")]


def _asked_by(state: State) -> str:
    who = t.mention(state.requester.id) if state.requester else "Somebody"
    return f"{who} asks for your approval. It is discussed in <#{state.channel}>."


def _buttons(state: State, person: str) -> list[Block]:
    show = approval.buttons(state)[-1]
    if voices.has_spoken(state, person):
        own = any(a.by.id == person for a in state.approvals)
        return [*(approval.take_back(state) if own else []), show]
    may_name = approval.name_another(state) if person in voices.approvers(state) else []
    return [*approval.decide(state), *may_name, show]
