"""The story as lines of the thread, as the receipt and as the full log. Pure: events -> text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.ui import approval, findings, plan, proof, safety, throttle, when
from bot.ui import text as t
from bot.ui.text import Block
from jobs.core import events as e
from jobs.core.chain import Chain
from jobs.core.model import CheckResult, Severity, blockers, warnings
from jobs.core.state import State, Status
from jobs.core.verdict import Receipt

FINDINGS = 5
"""Findings of one check in the thread; the others stand in the full log."""


def line(event: e.Event, state: State) -> str:
    """The event as one line of the thread; empty when the thread need not hear of it."""
    match event:
        case e.Configured():
            which = "a check" if event.attempt == 1 else f"another check, number {event.attempt}"
            return f":mag: {t.mention(event.by.id)} asked for {which}."
        case e.CheckFinished():
            return _found(event.result)
        case e.Validated():
            return _validated(event, state)
        case e.ValidationBroke():
            what, remedy = t.plain(event.problem.what, 1500), t.clip(t.escape(event.problem.remedy), 1000)
            return f":x: The check broke off: {what} {remedy}"
        case e.Requested():
            gate = _asks(state)
            return f":memo: {t.mention(event.by.id)} requested the migration of plan `{event.digest[:12]}`.{gate}"
        case (
            e.Approved()
            | e.Declined()
            | e.Revoked()
            | e.Delegated()
            | e.GlassBroken()
            | e.Reminded()
            | e.Escalated()
            | e.Expired()
            | e.Drifted()
        ):
            return approval.line(event, state)
        case e.Paused() if state.status is Status.scheduled:
            return when.paused(state)
        case _:
            return _run_line(event)


def _found(result: CheckResult) -> str:
    """What a person must know of; one check that finds hundreds of things does not bury the others."""
    found = [f for f in result.findings if f.severity is not Severity.inform]
    told = [findings.finding_line(f) for f in found[:FINDINGS]]
    if len(found) > FINDINGS:
        told.append(f"… and {t.count(len(found) - FINDINGS, 'finding')} more of this check, all in the full log")
    # Each part short enough that no finding is cut away by the next.
    return "\n".join(t.clip(x, (t.SECTION - 100) // len(told)) for x in told)


def _asks(state: State) -> str:
    if not state.policy.approvals:
        return ""
    from_whom = approval.approvers(state.policy.approvers)
    return f" It waits for {t.count(state.policy.approvals, 'approval')} from {from_whom}."


def _validated(event: e.Validated, state: State) -> str:
    if event.plan is None:
        found = t.count(max(1, len(blockers(state.results))), "blocker")
        return f":no_entry: The checks found {found}: nothing can start yet."
    warned = warnings(state.results)
    told = f" {t.count(len(warned), 'finding')} to acknowledge." if warned else ""
    return f":white_check_mark: {t.count(len(state.results), 'check')} ran, nothing blocks.{told}"


def _run_line(event: e.Event) -> str:
    match event:
        case e.RunQueued():
            return f":hourglass_flowing_sand: Run {event.run} waits for a worker."
        case e.RunStarted():
            if event.takeover:
                return (
                    ":arrows_counterclockwise: The run continues where it stopped; finished tables are proven again."
                )
            return ":arrow_forward: The run has begun."
        case e.PhaseReached():
            return f":arrow_right: {t.plain(event.title)}"
        case e.Noted():
            return f"{':warning:' if event.level == 'warning' else ':page_facing_up:'} {t.plain(event.text)}"
        case e.Troubled():
            what, again = (
                t.plain(event.problem.what, 1500),
                t.between(event.retry_seconds, event.retry_seconds),
            )
            return f":warning: {what} Nothing was lost; try {event.attempt + 1} follows in {again}."
        case e.PauseAsked():
            if event.by is None:
                return f":double_vertical_bar: The run pauses itself: {t.plain(event.why, 1000)}"
            return f":double_vertical_bar: {t.mention(event.by.id)} asked for a pause."
        case e.Paused():
            return ":double_vertical_bar: Paused. What is copied stays; *Resume* continues, also hours later."
        case e.Resumed():
            if event.by is None:
                return f":arrow_forward: The window is open: run {event.run} waits for a worker."
            did = f"{t.mention(event.by.id)} {_RESUMED[event.mode]}"
            return f":arrow_forward: {did}; run {event.run} waits for a worker."
        case e.Waived():
            return proof.waived(event.by, event.keys, event.reason)
        case e.CancelAsked():
            return f":octagonal_sign: {t.mention(event.by.id)} cancelled the migration."
        case e.Cancelled():
            return f":octagonal_sign: Cancelled. {t.plain(event.undone)}"
        case e.RunFailed():
            return _failed(event)
        case e.Proven():
            tables, objects = t.count(event.receipt.tables, "table"), event.receipt.objects
            return f":mag: Verified: {tables} and {objects:,} objects agree."
        case e.Finished():
            return receipt(event.receipt)
        case _:
            return _safety_line(event)


def _safety_line(event: e.Event) -> str:
    match event:
        case e.RestorePointMade():
            return safety.point(event.point)
        case e.HoldTaken():
            return ":lock: The source is held: writers of the moved tables wait, readers go on."
        case e.ReleaseAsked():
            return f":unlock: {t.mention(event.by.id)} asked to release the source."
        case e.HoldEnded():
            why = f" ({t.plain(event.why)})" if event.why else ""
            return f":unlock: The source takes writes again{why}."
        case e.RollbackAsked():
            return f":leftwards_arrow_with_hook: {t.mention(event.by.id)} asked to roll the migration back."
        case e.RolledBack():
            return f":leftwards_arrow_with_hook: *Rolled back.* {t.plain(event.undone, 1500)}"
        case e.Scheduled() | e.Rescheduled() | e.WindowClosed():
            return when.line(event)
        case e.Throttled() | e.Strained():
            return throttle.line(event)
        case _:
            return ""


_RESUMED: dict[e.Mode, str] = {
    "move": "resumed",
    "refresh": "asked to copy again what changed",
    "keys": "asked to validate foreign keys again",
}


def _failed(event: e.RunFailed) -> str:
    problem = event.problem
    said = [f":x: *Failed:* {t.plain(problem.what, 1000)}", t.plain(problem.meaning, 400)]
    said += proof.failed(event.reasons, event.rows, 5)
    # The remedy comes last and is never what falls to the limit of a message.
    return "\n".join([*said, f"*Next:* {t.clip(t.escape(problem.remedy), 450)}"])


def receipt(r: Receipt) -> str:
    """What was proven, on which plan, by whom, between which servers."""
    lines = [
        ":clipboard: *Receipt*",
        f"{t.count(r.tables, 'table')}, {r.rows:,} rows, {t.size(r.bytes)} in {t.span(r.seconds)}"
        + (f", in {r.runs} runs" if r.runs > 1 else ""),
        *filter(None, [proof.durations(r)]),
        proof.proven(r),
        f"Checksum over all tables: `{r.checksum[:32]}`",
        f"{t.escape(r.source_engine)} {plan.version(r.source_version)} to {t.escape(r.target_engine)}"
        f" {plan.version(r.target_version)}, plan `{r.digest[:12]}`",
    ]
    if r.peak is not None:
        lines.append(f"The target's disk at its fullest: {when.peak(r.peak)}")
    lines += when.compared(r)
    if r.requester:
        lines.append(f"Requested by {t.mention(r.requester.id)}")
    if r.approvals:
        lines.append("Approved by " + ", ".join(f"{t.mention(a.by.id)} {t.when(a.at)}" for a in r.approvals[:10]))
    if r.glass:
        lines.append(
            f":rotating_light: *Started without the approvals that it needed* by {t.mention(r.glass.by.id)} "
            f"{t.when(r.glass.at)}: {t.plain(r.glass.reason, 500)}"
        )
    lines += proof.receipt_lines(r)
    if r.restore_point:
        lines.append(safety.point(r.restore_point))
    lines += [f"Did not travel: {t.plain(x, 120)}" for x in r.left_out[:5]]
    if len(r.left_out) > 5:
        lines.append(f"… and {t.count(len(r.left_out) - 5, 'thing')} more, listed in the plan")
    return "\n".join(lines)


def batches(lines: Sequence[str]) -> list[list[str]]:
    """Lines packed into messages that Slack accepts."""
    groups: list[list[str]] = []
    room = 0
    for text in (t.clip(x, t.SECTION) for x in lines):
        if not groups or len(text) + 1 > room or len(groups[-1]) >= t.MESSAGE_BLOCKS - 2:
            groups.append([])
            room = t.BLOCKS_TEXT
        groups[-1].append(text)
        room -= len(text) + 1
    return groups


def reply(lines: Sequence[str], *, repeat: bool = False, late: datetime | None = None) -> tuple[str, list[Block]]:
    """One message of the thread; `late` is when it happened, where that is not now."""
    before = [":repeat: _This may repeat an earlier message._"] if repeat else []
    if late is not None:
        before.append(f":hourglass: Told late: this happened {t.when(late)}.")
    shown = [*before, *lines]
    packed = findings.chunks(shown, t.SECTION - 10)
    text = t.clip(" ".join("\n".join(shown).split()), t.MESSAGE_TEXT)
    return text, [t.section("\n".join(chunk)) for chunk in packed]


def full(state: State, story: Sequence[e.Recorded], tables: str | None) -> str:
    """The whole log as plain text: every event with its time, then every table."""
    head = [first_line(state), state.title, f"plan {state.digest or 'none'}", ""]
    told = [f"{r.version:>5}  {_stamp(r.at)}  {plain_event(r.event)}" for r in story]
    return "\n".join([*head, *told, "", *proof.log_lines(state), *_table_lines(tables)]) + "\n"


def first_line(state: State) -> str:
    """How a log begins: whose it is, and of which end. `bot.audit` reads it."""
    return f"Ferrybot migration {state.id}, run {state.run}, {state.status.value}"


def of_file(migration: str, run: int, made: Chain) -> str:
    """What stands beside the file: with this head nobody can put another file in its place."""
    return (
        f"Full log of `{migration}`, run {run}: {t.count(made.lines, 'line')}, each with the hash of the line before "
        f"it. Head: `{made.head}`. `ferrybot audit verify FILE` finds any change."
    )


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"


def plain_event(event: e.Event) -> str:
    """The whole event on one line, as the full log has it; no reference to a secret."""
    match event:
        case e.CheckFinished():
            return _plain_check(event.result)
        case e.Validated():
            plan_made = event.plan
            if plan_made is None:
                return "validated: blocked"
            return f"validated: plan {plan_made.digest}, {len(plan_made.tables)} tables"
        case _:
            body = _without_references(event.model_dump(mode="json", exclude={"type"}, exclude_none=True))
            return f"{event.type}: {json.dumps(body, ensure_ascii=False, sort_keys=True)}"


def _without_references(body: Any) -> Any:
    """Where a secret lies is nobody's business in the channel."""
    if isinstance(body, list):
        return [_without_references(item) for item in body]
    if not isinstance(body, dict):
        return body
    return {k: _without_references(v) for k, v in body.items() if k not in ("secret", "password")}


def _plain_check(result: CheckResult) -> str:
    if not result.findings:
        how = f"not looked at, {result.skipped}" if result.skipped else "passed"
        return f"check {result.check}: {how} {result.detail}"
    told = "; ".join(f"{f.severity} {f.object} {f.message} -> {f.remedy}" for f in result.findings)
    return f"check {result.check}: {told}"


def _table_lines(tables: str | None) -> list[str]:
    if not tables:
        return []
    rows = [json.loads(x) for x in tables.splitlines() if x]
    return ["Tables", *("  " + json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows)]
