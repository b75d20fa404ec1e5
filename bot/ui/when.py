"""When a run begins, whether it fits into its windows, what it was rehearsed with: asked, told and changed. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.refs import Sheet
from bot.ui import text as t
from bot.ui.text import Block, View
from jobs.core import events as e
from jobs.core import rehearsal, schedule
from jobs.core.disk import Disk
from jobs.core.model import Service
from jobs.core.state import State, Status
from jobs.core.verdict import Receipt, Rehearsal

CALLBACK = "ferrybot_when"
PAUSE = "pause_at_close"
SHOWN = 5
_APPROVALS_STAY = "The time is no part of the plan: changing it voids no approval."


def asked(state: State) -> list[Block]:
    """Step 3: the earliest start, and what happens when a window closes over the run."""
    blocks = [_picker(state, "Empty: as soon as everything needed is given and the windows are open.")]
    if not _windowed(state):
        return blocks
    option = t.option("Pause at the window's end", PAUSE, "And resume at the next opening, by itself")
    box: Block = {"type": "checkboxes", "action_id": "pause_at_close_check", "options": [option]}
    if state.pause_at_close:
        box["initial_options"] = [option]
    hint = "Otherwise a run that has begun goes on after the window's end. A pause rolls the table in hand back."
    return [*blocks, t.field(PAUSE, "When the window closes", box, optional=True, hint=hint)]


def _picker(state: State, hint: str) -> Block:
    element: Block = {"type": "datetimepicker", "action_id": "start_at_picker"}
    if state.start_at is not None:
        element["initial_date_time"] = int(state.start_at.timestamp())
    return t.field("start_at", "Start at (your own time zone)", element, optional=True, hint=hint)


def how_soon(state: State) -> str:
    """When a run that everybody agreed to starts."""
    if state.start_at is not None:
        return "at its time"
    return "as soon as its windows are open" if _windowed(state) else "at once"


def _services(state: State) -> list[Service]:
    return [side for side in (state.target, state.source) if isinstance(side, Service) and side.windows]


def _windowed(state: State) -> bool:
    return any(service.windows_bind for service in _services(state))


def lines(state: State) -> list[str]:
    """Windows, start, rehearsal, and whether the run fits: before it begins, as of the last event."""
    said = [_windows(service) for service in _services(state)]
    if state.start_at is not None and state.opens is None:
        said.append(f":alarm_clock: Not before {t.due(state.start_at)}.")
    if state.rehearsal is not None:
        said.append(rehearsed(state.rehearsal))
    if state.status is Status.ready and (wanted := rehearsal.missing(state, state.changed)):
        said.append(f":no_entry: {wanted} {rehearsal.REMEDY}")
    return [*said, *_fit(state)]


def blocks(state: State) -> list[Block]:
    """`lines` as a part of step 3 or of the card."""
    said = lines(state)
    return [t.section(t.clip("\n".join(said), 2800), block_id="card_when")] if said else []


def _windows(service: Service) -> str:
    listed = ", ".join(t.escape(t.clip(window, 60)) for window in service.windows[:SHOWN])
    more = f" and {len(service.windows) - SHOWN} more" if len(service.windows) > SHOWN else ""
    binds = "" if service.windows_bind else "; they do not bind"
    name = t.plain(t.clip(service.name, 70))
    return f":calendar: Windows of {name}: {listed}{more} ({t.escape(service.time_zone)}{binds})"


def _fit(state: State) -> list[str]:
    if state.changed is None:
        return []
    fit = schedule.fit(state, state.changed)
    if fit is None or fit.fits:
        return []
    needs, left = t.between(fit.low, fit.high), t.span((fit.closes - fit.opens).total_seconds())
    after = (
        "It pauses then, and resumes at the next opening."
        if state.pause_at_close
        else "It would run past the window's end."
    )
    may = "may not" if fit.low < (fit.closes - fit.opens).total_seconds() else "would not"
    return [
        f":warning: *It {may} end within the window:* it needs {needs}; begun {t.due(fit.opens)}, it has {left} "
        f"until the window closes {t.due(fit.closes)}. {after}"
    ]


def waiting(state: State) -> list[Block]:
    """The card of what waits for its time."""
    if state.opens is None:
        return []
    did = "It goes on" if state.resuming else "It starts"
    told = f"{did} by itself {t.due(state.opens)}; both databases are checked again then. {_APPROVALS_STAY}"
    return [t.section(told, block_id="card_opens"), *blocks(state)]


def headline(state: State) -> str:
    """What the scheduled card is called."""
    return "Paused until its window opens" if state.resuming else "Scheduled"


def row(state: State) -> str:
    """For lists: when it goes on."""
    return f", starts {t.due(state.opens)}" if state.status is Status.scheduled and state.opens else ""


def buttons(state: State, value: str) -> list[Block]:
    """What may be done with a run that waits."""
    sure = t.confirm("Start it now?", "Only while its windows are open. What was approved is what runs.", "Start now")
    made = [t.button("Start now", "start_now", value, style="primary", confirm=sure), _change(value)]
    if state.resuming:
        made.append(t.button("Stay paused", "pause", value, said="Do not resume by itself"))
    return made


def change(state: State, value: str) -> list[Block]:
    """Before the approvals, where time is of any concern."""
    return [_change(value)] if state.start_at is not None or _windowed(state) else []


def _change(value: str) -> Block:
    return t.button("Change time…", "change_time", value, said="Choose another time to start at")


def modal(state: State) -> View:
    """Another time."""
    now = f"It is to start {t.due(state.opens)}." if state.opens else "It starts as soon as it is approved."
    said = [f"{t.plain(state.title, 1000)}\n{now} {_APPROVALS_STAY}", *lines(state)]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": Sheet(m=state.id, step="when", channel=state.channel).pack(),
        "title": t.label("Change time", 24),
        "submit": t.label("Save", 24),
        "close": t.label("Go back", 24),
        "blocks": [
            t.section(t.clip("\n".join(said), t.SECTION)),
            _picker(state, "Empty: at the next moment at which the windows are open."),
        ],
    }


def rehearsed(before: Rehearsal) -> str:
    """What the estimate goes by."""
    disk = f", {t.size(before.target_bytes)} on the target's disk" if before.target_bytes is not None else ""
    if before.peak is not None:
        disk = f", on the target's disk at most {peak(before.peak)}"
    return (
        f":performing_arts: Rehearsed into {t.plain(t.clip(before.target, 70))} {t.when(before.at)}: "
        f"{t.span(before.seconds)} for {t.size(before.bytes)}{disk} (`{before.migration}`)"
    )


def peak(disk: Disk) -> str:
    """What the target's disk held at its fullest, and what of it nobody could see."""
    parts = {"database": disk.database, "temporary files": disk.temporary, "log": disk.log}
    told = ", ".join(f"{name} {t.size(size)}" for name, size in parts.items() if size)
    unseen = f"; not shown to us: {' and '.join(disk.unseen)}" if disk.unseen else ""
    return f"{t.size(disk.total)} ({told}{unseen})"


def _peaks(before: Disk, now: Disk) -> str:
    """Two peaks as far as both were seen: what only one server shows would look like growth."""
    if before.unseen == now.unseen:
        return f"disk at its fullest {t.size(before.total)}, now {t.size(now.total)}"
    return f"database at its fullest {t.size(before.database)}, now {t.size(now.database)}"


def compared(receipt: Receipt) -> list[str]:
    """The receipt beside its rehearsal."""
    before = receipt.rehearsal
    if before is None:
        return []
    told = f"Rehearsal {t.when(before.at)} (`{before.migration}`): {t.span(before.seconds)}"
    told += f", now {t.span(receipt.seconds)}"
    if before.seconds > 0:
        told += f" ({(receipt.seconds / before.seconds - 1) * 100:+,.0f} %)"
    if before.peak is not None and receipt.peak is not None:
        told += f"; {_peaks(before.peak, receipt.peak)}"
    elif before.target_bytes is not None and receipt.target_bytes is not None:
        told += f"; disk {t.size(before.target_bytes)}, now {t.size(receipt.target_bytes)}"
    return [told]


def line(event: e.Scheduled | e.Rescheduled | e.WindowClosed) -> str:
    """The event in the thread."""
    match event:
        case e.Scheduled():
            did = "goes on" if event.resumes else "starts"
            return f":alarm_clock: It {did} by itself {t.due(event.until)}."
        case e.Rescheduled():
            to = f"not before {t.due(event.start_at)}" if event.start_at else "as soon as its windows allow"
            return f":alarm_clock: {t.mention(event.by.id)} lets it start {to}. Approvals stay."
        case e.WindowClosed():
            return (
                f":alarm_clock: The maintenance window is over: the run pauses, and resumes {t.due(event.until)} "
                "by itself."
            )


def paused(state: State) -> str:
    """The pause at a window's end, in the thread."""
    goes_on = f" It goes on {t.due(state.opens)} by itself." if state.opens else ""
    return f":double_vertical_bar: Paused until the window opens. What is copied stays.{goes_on}"


def start_of(cell: object) -> datetime | None:
    """The chosen time of a `datetimepicker`; None when it is empty."""
    return datetime.fromtimestamp(cell, UTC) if isinstance(cell, int) and cell else None
