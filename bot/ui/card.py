"""The card: one message per migration that is always true. Pure: state -> (text, blocks)."""

from __future__ import annotations

from bot.refs import Ref
from bot.ui import approval, findings, plan, progress, proof, safety, throttle, when
from bot.ui import text as t
from bot.ui.text import Block
from jobs.core.progress import RunProgress
from jobs.core.state import RUNNING, State, Status, say

_ICONS = {
    Status.configured: ":mag:",
    Status.validating: ":mag:",
    Status.blocked: ":no_entry:",
    Status.ready: ":ballot_box_with_check:",
    Status.awaiting_approval: ":lock:",
    Status.scheduled: ":alarm_clock:",
    Status.migrating: ":ferry:",
    Status.verifying: ":mag:",
    Status.pausing: ":double_vertical_bar:",
    Status.paused: ":double_vertical_bar:",
    Status.cancelling: ":octagonal_sign:",
    Status.cancelled: ":octagonal_sign:",
    Status.failed: ":x:",
    Status.done: ":white_check_mark:",
    Status.rolling_back: ":leftwards_arrow_with_hook:",
    Status.rolled_back: ":leftwards_arrow_with_hook:",
}
_WORDS = {
    Status.configured: "Waiting for its checks",
    Status.validating: "Being checked",
    Status.blocked: "A check blocks",
    Status.ready: "Ready to start",
    Status.awaiting_approval: "Waiting for approval",
    Status.scheduled: "Scheduled",
    Status.migrating: "Running",
    Status.verifying: "Verifying",
    Status.pausing: "Pausing: the table in hand is rolled back or finished",
    Status.paused: "Paused",
    Status.cancelling: "Cancelling",
    Status.cancelled: "Cancelled",
    Status.failed: "Failed",
    Status.done: "Done and verified",
    Status.rolling_back: "Rolling back",
    Status.rolled_back: "Rolled back",
}


def text(state: State) -> str:
    """What a notification and a screen reader say."""
    title = t.plain(state.title, 1000)
    return f"Migration {title}: {_word(state)}"


def _word(state: State) -> str:
    """A plan that somebody declined is no more ready to start than before."""
    if state.status is Status.ready and state.declined is not None:
        return "Declined"
    return _WORDS.get(state.status, say(state.status))


def _icon(state: State) -> str:
    declined = state.status is Status.ready and state.declined is not None
    return ":no_entry_sign:" if declined else _ICONS.get(state.status, "")


def blocks(state: State, now: RunProgress | None = None) -> list[Block]:
    """The card in this state."""
    body = _body(state, now)
    planned = any(block.get("block_id") == plan.SUMMARY for block in body)
    made: list[Block] = [
        t.header(f"Migration: {state.title}"),
        t.section(f"{_icon(state)} *{_headline(state)}*", block_id="card_status"),
        *approval.glass(state),
        *body,
        t.context(*_people(state, planned=planned), block_id="card_people"),
    ]
    pressed = buttons(state)
    if pressed:
        made.append(t.actions("card_actions", pressed))
    made += approval.more_row(state)
    made += safety.roll_back_row(state, Ref(m=state.id, r=state.run).pack())
    return made


def behind(seconds: float) -> Block:
    """That the thread lags, in steps of a minute: each other step would cost an edit."""
    lag = "less than a minute" if seconds < 60 else f"about {t.count(int(seconds // 60), 'minute')}"
    said = f":hourglass: The thread is {lag} behind: Slack limits how fast I may write. Nothing is lost."
    return t.context(said, block_id="card_behind")


def _headline(state: State) -> str:
    if state.status is Status.scheduled:
        return when.headline(state)
    words = _word(state)
    if state.status in (Status.migrating, Status.verifying) and state.phase_title:
        return f"{words}: {t.plain(state.phase_title, 500)}"
    return words


def _body(state: State, now: RunProgress | None) -> list[Block]:
    if state.status in (Status.configured, Status.validating, Status.blocked):
        return [*approval.told(state), *_checks(state)]
    if state.status is Status.done and state.receipt is not None:
        # Nothing moves any more: one line of figures; the receipt in the thread has the rest.
        return [t.section(proof.figures(state.receipt), block_id="card_end"), *proof.done(state), *safety.held(state)]
    if state.status is Status.rolling_back:
        return [*_trouble(state), *safety.held(state)]
    if state.status in RUNNING or state.status is Status.paused:
        still = state.status is Status.paused
        running = [*(_resting(now) if still else _running(now)), *throttle.block(state)]
        return [*_paused(state), *_trouble(state), *running, *safety.held(state)]
    if state.status is Status.failed:
        return [*_failure(state), *safety.held(state)]
    if state.status in (Status.cancelled, Status.rolled_back):
        return [t.section(t.plain(state.undone, 2500) or "The target is as it was.", block_id="card_end")]
    if state.status is Status.scheduled:
        return [*approval.told(state), *when.waiting(state), *_planned(state)]
    return [*_declined(state), *approval.told(state), *_planned(state), *when.blocks(state), *_gate(state)]


def _planned(state: State) -> list[Block]:
    if state.plan is None:
        return []
    asked = state.status in (Status.awaiting_approval, Status.scheduled)
    noted = findings.acknowledged(state) if asked else []
    return [plan.summary(state.plan, state.rehearsal), *noted, *safety.consequences(state.plan.options)]


def _checks(state: State) -> list[Block]:
    told = findings.lines(state.results, limit=5)
    shown = [line for line in told if not line.startswith(":heavy_check_mark:")][:6]
    rest = t.context(f"{t.count(len(state.results), 'check')} finished", block_id="card_checks_count")
    made = [t.section(t.clip("\n".join(shown), 2800), block_id="card_checks")] if shown else []
    return [*made, rest]


def _running(now: RunProgress | None) -> list[Block]:
    if now is None or not now.tasks_total:
        return [t.context("Figures follow as soon as the first lane is at work.", block_id="card_wait")]
    made = [
        t.section(progress.bar(progress.fraction(now)), block_id="card_bar"),
        t.fields(progress.told(now), block_id="card_figures"),
    ]
    doing = progress.working(now)
    return [*made, t.context(doing, block_id="card_now")] if doing else made


def _resting(now: RunProgress | None) -> list[Block]:
    """Of a paused run: how far it came. Rates and the time left are those of a run that moves."""
    kept = t.context("What is copied stays; *Resume* goes on from there.", block_id="card_wait")
    if now is None or not now.tasks_total:
        return [kept]
    return [
        t.section(progress.bar(progress.fraction(now)), block_id="card_bar"),
        t.fields(progress.reached(now), block_id="card_figures"),
        kept,
    ]


def _paused(state: State) -> list[Block]:
    """Why the run paused itself."""
    if not state.pause_why or state.status not in (Status.pausing, Status.paused):
        return []
    said = f":warning: The run paused itself: {t.plain(state.pause_why, 1000)}"
    return [t.section(said, block_id="card_pause")]


def _trouble(state: State) -> list[Block]:
    if state.trouble is None:
        return []
    return [
        t.section(
            f":warning: {t.plain(state.trouble.what, 1500)}\nIt is tried again by itself.",
            block_id="card_trouble",
        )
    ]


def _failure(state: State) -> list[Block]:
    problem = state.problem
    if problem is None:
        return []
    said = [t.plain(problem.what, 800), t.plain(problem.meaning, 400)]
    said += proof.failed(state.reasons, state.rows, 5)
    return [
        t.section("\n".join([*said, f"*Next:* {t.clip(t.escape(problem.remedy), 600)}"]), block_id="card_failure")
    ]


def _declined(state: State) -> list[Block]:
    if state.declined is None:
        return []
    who, why = t.mention(state.declined.by.id), t.plain(state.declined.reason, 1500)
    said = f"Declined by {who}: {why}\n*Open* leads back to the plan, which can be changed and asked for again."
    return [t.section(said, block_id="card_declined")]


def _gate(state: State) -> list[Block]:
    if state.status is not Status.awaiting_approval:
        return []
    return [t.section("\n".join(approval.waiting(state)), block_id="card_gate")]


def _people(state: State, *, planned: bool) -> list[str]:
    """Who and which; the plan's digest where the card does not show it already."""
    said = [f"Requested by {t.mention(state.requester.id)}"] if state.requester else []
    if state.approvals:
        said.append("Approved by " + ", ".join(t.mention(a.by.id) for a in state.approvals[:10]))
    if state.cancelled_by:
        said.append(f"Cancelled by {t.mention(state.cancelled_by.id)}")
    if state.rolled_back_by:
        said.append(f"Rolled back by {t.mention(state.rolled_back_by.id)}")
    if state.digest and not planned:
        said.append(f"Plan `{state.digest[:12]}`")
    return [*said, f"Id `{state.id}`"]


def buttons(state: State) -> list[Block]:
    """What may be done now; buttons of a past state vanish with it."""
    value = Ref(m=state.id, r=state.run).pack()
    logs = t.button("Show logs", "show_logs", value)
    show = t.button("Show plan", "show_plan", value)
    match state.status:
        case Status.blocked | Status.ready:
            again = approval.ask_again(state)
            opened = t.button("Open", "open_migration", value, style="" if again else "primary")
            return [*again, opened, _cancel(state, value), logs]
        case Status.configured | Status.validating:
            return [t.button("Open", "open_migration", value), logs]
        case Status.awaiting_approval:
            return [*approval.buttons(state), *when.change(state, value), _cancel(state, value), logs]
        case Status.migrating | Status.verifying:
            stop = [] if state.receipt else [t.button("Pause", "pause", value), *_cancel_of_a_move(state, value)]
            slow = throttle.button(state, value)
            return [*stop, *slow, *safety.release_button(state, value), logs, show]
        case Status.scheduled:
            cancel = _cancel_of_a_move(state, value)
            return [*when.buttons(state, value), *cancel, logs, show]
        case Status.paused:
            go_on = t.button("Resume", "resume", value, style="primary")
            return [go_on, *_cancel_of_a_move(state, value), logs, show]
        case Status.failed:
            if state.rolled_back_by is not None:
                return [logs, show]
            retry = [proof.retry(state, value), *proof.accept(state, value)]
            resumable = state.problem is None or state.problem.resumable
            # What is proven is not undone: only the tidying is left, and Retry does it.
            cancel = [] if state.receipt else _cancel_of_a_move(state, value)
            return [*(retry if resumable else []), *cancel, *_give_up(state, value), logs, show]
        case Status.done:
            return [*proof.done_buttons(state, value), logs, *([show] if state.plan else [])]
        case Status.pausing | Status.cancelling:
            return [*safety.release_button(state, value), logs, show]
        case Status.cancelled | Status.rolling_back | Status.rolled_back:
            return [logs, show] if state.plan else [logs]
        case _:
            return []


def _give_up(state: State, value: str) -> list[Block]:
    """A way out when a cancel could not reach the target."""
    if state.cancelled_by is None or state.receipt is not None:
        return []
    sure = t.confirm(
        "Give this migration up?",
        "The target could not be cleaned. What was copied stays there, and nobody removes it later.",
        "Give up",
        danger=True,
    )
    return [t.button("Give up", "give_up", value, confirm=sure, said="End without cleaning the target")]


def _cancel_of_a_move(state: State, value: str) -> list[Block]:
    """A run that only brings a finished target up to date takes nothing out of it again."""
    return [_cancel(state, value)] if state.mode == "move" else []


def _cancel(state: State, value: str) -> Block:
    if state.begun:
        text = "The run stops and what it created in the target is removed again. The source was only read."
    else:
        text = "Nothing has been copied yet. The request and its approvals end."
    sure = t.confirm("Cancel this migration?", text, "Cancel migration", danger=True)
    return t.button("Cancel", "cancel", value, style="danger", confirm=sure, said="Cancel this migration")
