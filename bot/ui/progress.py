"""How far a run is, in words and figures. Pure."""

from __future__ import annotations

from bot.ui import text as t
from jobs.core.progress import RunProgress

BAR = 20


def bar(fraction: float) -> str:
    """Twenty cells and the percentage: readable without colour, and aloud."""
    fraction = min(1.0, max(0.0, fraction))
    full = int(fraction * BAR)
    return f"`{'█' * full}{'░' * (BAR - full)}` {int(fraction * 100)} %"


def fraction(progress: RunProgress) -> float:
    """By bytes while tables are copied, which is most of the work; by tasks otherwise."""
    if not progress.bytes_total:
        return progress.fraction
    by_bytes = min(1.0, progress.bytes_done / progress.bytes_total)
    return 0.6 * by_bytes + 0.4 * progress.fraction


def told(progress: RunProgress) -> list[tuple[str, str]]:
    """The figures of the card."""
    left = t.between(progress.seconds_left_low, progress.seconds_left_high)
    return [
        ("Tables", f"{progress.tables_done:,} of {progress.tables_total:,}"),
        ("Rows", f"{progress.rows_done:,}  ({progress.rows_per_second:,.0f}/s)"),
        ("Data", f"{t.size(progress.bytes_done)}  ({progress.bytes_per_second / 1e6:,.1f} MB/s)"),
        ("Time left", left),
    ]


def reached(progress: RunProgress) -> list[tuple[str, str]]:
    """The figures of a run that stands still."""
    return [
        ("Tables", f"{progress.tables_done:,} of {progress.tables_total:,}"),
        ("Rows", f"{progress.rows_done:,}"),
        ("Data", t.size(progress.bytes_done)),
    ]


def working(progress: RunProgress) -> str:
    """What the lanes do right now."""
    busy = [p for p in progress.now if p.title]
    if not busy:
        return ""
    lines = [
        f"{t.code(t.clip(p.title, 80))} {p.rows:,} rows" if p.rows else t.code(t.clip(p.title, 80)) for p in busy
    ]
    return "Now: " + ", ".join(lines[:6])
