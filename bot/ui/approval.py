"""The gate: what approvers read before they press, and the modal in which one declines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, assert_never

from bot.refs import Ref, Sheet
from bot.ui import text as t
from bot.ui import when
from bot.ui.text import Block, View
from jobs.core import events as e
from jobs.core import voices
from jobs.core.gate import LEAST_REASON
from jobs.core.model import Approval
from jobs.core.policy import counted
from jobs.core.state import State, Status
from jobs.core.waiting import expires

CALLBACK = "ferrybot_decline"
DELEGATE = "ferrybot_delegate"
GLASS = "ferrybot_glass"


def approvers(ids: Sequence[str]) -> str:
    """People and groups, named so that they are told."""
    named = [f"<!subteam^{i}>" if i.startswith("S") else t.mention(i) for i in ids[:20]]
    return ", ".join(named) or "nobody is configured"


def waiting(state: State) -> list[str]:
    """How far the request has come: given, missing, who may, and until when. One line each."""
    requester = state.requester.id if state.requester else ""
    given = counted(state.policy, requester, state.digest, state.approvals)
    may = approvers((*state.policy.approvers, *(state.policy.escalate_to if state.escalated else ())))
    line = f"*{len(given)} of {state.policy.approvals}* approvals. May approve: {may}"
    if not state.policy.self_approval:
        line += ", but not the requester"
    lines = [line]
    if given:
        lines.append("Approved by " + ", ".join(_named(a) for a in given[:10]))
    lines += [f"{t.mention(d.to.id)} may speak for {t.mention(d.by.id)}" for d in state.delegations[:10]]
    ends = expires(state)
    return [*lines, f"Without them the request ends {t.due(ends)}."] if ends else lines


def _named(approval: Approval) -> str:
    who = t.mention(approval.by.id)
    return f"{who} for {t.mention(approval.instead_of)}" if approval.instead_of else who


def buttons(state: State) -> list[Block]:
    """Approve, Decline and the plan, bound to the digest of the plan that is shown beside them."""
    show = t.button("Show plan", "show_plan", Ref(m=state.id).pack())
    return [*decide(state), show]


def decide(state: State) -> list[Block]:
    """Approve and Decline."""
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
    ]


def take_back(state: State) -> list[Block]:
    """While nothing has been written, whoever approved may take it back."""
    if not state.approvals or state.begun or state.glass is not None:
        return []
    if state.status not in (Status.awaiting_approval, Status.migrating):
        return []
    value = Ref(m=state.id, d=state.digest).pack()
    return [t.button("Take back", "revoke", value, said="Take my approval back")]


def name_another(state: State) -> list[Block]:
    """An approver who has no time names somebody who has."""
    if state.status is not Status.awaiting_approval or not voices.approvers(state):
        return []
    value = Ref(m=state.id, d=state.digest).pack()
    return [t.button("Name another person", "delegate", value, said="Let a person of your choice approve for you")]


def more_row(state: State) -> list[Block]:
    """The card's second row: what is needed more rarely."""
    made = [*name_another(state), *take_back(state)]
    if state.status is Status.awaiting_approval and state.policy.break_glass:
        value = Ref(m=state.id, d=state.digest).pack()
        made.append(t.button("Break glass", "break_glass", value, style="danger", said="Start without approvals"))
    return [t.actions("card_gate_more", made)] if made else []


def ask_again(state: State) -> list[Block]:
    """After a request that ended undecided: the same plan, one press."""
    if state.status is not Status.ready or not state.expired or state.plan is None:
        return []
    value = Ref(m=state.id, d=state.digest).pack()
    return [t.button("Ask again", "ask_again", value, style="primary", said="Request the same plan again")]


def told(state: State) -> list[Block]:
    """What became of the last request, on a card that waits for the requester."""
    if state.drift:
        return [t.section(changed(state.drift), block_id="card_drift")]
    if state.expired:
        hours = t.count(state.policy.expires_hours, "hour")
        text = f":hourglass: Nobody decided within {hours}, so the request ended. Nothing is lost: *Ask again*."
        return [t.section(text, block_id="card_expired")]
    return []


def changed(changes: Sequence[str]) -> str:
    """Why the run did not begin."""
    listed = [f"• {t.plain(change, 250)}" for change in changes[:8]]
    if len(changes) > 8:
        listed.append(f"… and {t.count(len(changes) - 8, 'change')} more")
    return "\n".join(
        [
            ":warning: *The plan changed before the run began.* Nothing was written; approvals are void.",
            *listed,
            "Open it, look at the plan of now, and press *Migrate* again.",
        ]
    )


def glass(state: State) -> list[Block]:
    """Never to be overlooked: nobody approved this."""
    if state.glass is None:
        return []
    who, why = t.mention(state.glass.by.id), t.plain(state.glass.reason, 1500)
    return [
        t.section(f":rotating_light: *Started without approvals* by {who}: {why}", block_id="card_glass"),
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
                f"{t.plain(state.title, 1000)}\nThe requester reads your reason in the thread and may ask again."
            ),
            t.field("reason", "Reason", reason),
        ],
    }


def delegate(state: State, digest: str) -> View:
    """Asks for whom."""
    person: Block = {
        "type": "users_select",
        "action_id": "person_select",
        "placeholder": t.label("Choose a person"),
    }
    return {
        **_sheet(state, digest, "delegate", DELEGATE),
        "title": t.label("Name another person", 24),
        "submit": t.label("Name", 24),
        "blocks": [
            t.section(
                f"{t.plain(state.title, 1000)}\n"
                "This person may approve or decline for you. You share one voice: whoever speaks first has spoken."
            ),
            t.field(
                "person", "Person", person, hint="A member of this workspace who was not asked, not the requester."
            ),
        ],
    }


def break_glass(state: State, digest: str) -> View:
    """Asks why, and says what it means."""
    reason: Block = {
        "type": "plain_text_input",
        "action_id": "reason_input",
        "multiline": True,
        "min_length": LEAST_REASON,
        "max_length": 500,
        "placeholder": t.label("What cannot wait, and who knows of it?"),
    }
    lacking = t.count(voices.missing(state), "approval")
    return {
        **_sheet(state, digest, "glass", GLASS),
        "title": t.label("Break glass", 24),
        "submit": t.label("Start now", 24),
        "blocks": [
            t.section(
                f":rotating_light: *{t.plain(state.title, 1000)} starts at once, without {lacking}.*\n"
                "Your name and reason are told to the whole channel and stand in the receipt and in the log."
            ),
            t.field("reason", "Reason", reason),
        ],
    }


def _sheet(state: State, digest: str, step: Literal["delegate", "glass"], callback: str) -> View:
    return {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": Sheet(m=state.id, step=step, channel=state.channel, d=digest).pack(),
        "close": t.label("Go back", 24),
    }


_Told = (
    e.Approved
    | e.Revoked
    | e.Delegated
    | e.GlassBroken
    | e.Reminded
    | e.Escalated
    | e.Expired
    | e.Declined
    | e.Drifted
)


def is_loud(event: e.Event) -> bool:
    """The whole channel must see it, not only who follows the thread."""
    return isinstance(event, e.GlassBroken)


def line(event: _Told, state: State) -> str:
    """What the thread says of it."""
    match event:
        case e.Approved():
            return f":ballot_box_with_check: {_named(event.approval)} approved plan `{event.approval.digest[:12]}`."
        case e.Declined():
            return f":no_entry_sign: {t.mention(event.by.id)} declined: {t.plain(event.reason)}"
        case e.Revoked() if event.lapsed:
            return (
                f":leftwards_arrow_with_hook: {t.mention(event.by.id)} may not approve any more, so that approval no "
                f"longer counts; {_lacking(state)}."
            )
        case e.Revoked():
            return f":leftwards_arrow_with_hook: {t.mention(event.by.id)} took the approval back; {_lacking(state)}."
        case e.Delegated():
            return f":busts_in_silhouette: {t.mention(event.by.id)} named {t.mention(event.to.id)} to speak for them."
        case e.GlassBroken():
            return (
                f":rotating_light: *Glass broken:* {t.mention(event.by.id)} starts "
                f"{t.plain(state.title, 300)} without {t.count(voices.missing(state), 'approval')}, "
                f"plan `{event.digest[:12]}`. Reason: {t.plain(event.reason, 1500)}"
            )
        case e.Reminded():
            # Whoever was asked is named, not the group: those who have decided are left in peace.
            open_ = approvers(voices.silent(state) or state.policy.approvers)
            return f":bell: Still waiting: {_lacking(state)}, from {open_}."
        case e.Escalated():
            return f":loudspeaker: Nobody has decided yet, so {approvers(state.policy.escalate_to)} may approve, too."
        case e.Expired():
            hours = t.count(state.policy.expires_hours, "hour")
            return f":hourglass: Not decided within {hours}: the request ended. *Ask again* on the card renews it."
        case e.Drifted():
            return changed(event.changes)
        case _:
            assert_never(event)


def _lacking(state: State) -> str:
    number = voices.missing(state)
    return f"{t.count(number, 'approval')} {'is' if number == 1 else 'are'} missing"
