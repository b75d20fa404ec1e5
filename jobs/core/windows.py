"""Maintenance windows: when a service may be loaded. Pure: texts, a time zone and a moment in, moments (UTC) out.

A window is written `Sat 22:00-Sun 04:00`, `Mon-Fri 01:00-05:00`, `22:00-06:00` (every day), or as cron with a length,
`0 22 * * 6 for 6h`. When clocks change: a time of the wall clock stands for the *first* instant at which the zone's
clock shows it or a later time. So what lies in the missing hour happens when that hour is skipped, a window within it
does not open, and of the hour that comes twice the first one counts. A window of cron is open for its whole length.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import croniter  # type: ignore[import-untyped]  # it ships no types
from croniter.croniter import CroniterError  # type: ignore[import-untyped]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FAR = timedelta(days=35)
"""A window that stays open for longer never closes, for anybody who plans a run."""
HORIZON = timedelta(days=400)
"""Windows of two services that do not meet within a year never do."""
_DAY = f"({'|'.join(DAYS)})"
_CLOCK = r"(\d{1,2}):([0-5]\d)"
_WEEKLY = re.compile(rf"(?:{_DAY}(?:\s*-\s*{_DAY})?\s+)?{_CLOCK}\s*-\s*(?:{_DAY}\s+)?{_CLOCK}", re.IGNORECASE)
# One start an hour at most: whether it stays open for weeks is then found in hundreds of steps.
_CRON = re.compile(r"(\d{1,2}(?:\s+\S+){4})\s+for\s+(?:(\d{1,3})\s*h)?\s*(?:(\d{1,4})\s*m(?:in)?)?", re.IGNORECASE)
_SAID = "write Sat 22:00-Sun 04:00, Mon-Fri 01:00-05:00, 22:00-06:00, or cron and a length: 0 22 * * 6 for 6h"


@dataclass(frozen=True)
class Weekly:
    """On each of `days` (0 is Monday) from minute `start` to minute `end`, counted from that day's midnight."""

    days: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Cron:
    """From each time that the expression names, for `length`."""

    expression: str
    length: timedelta


Window = Weekly | Cron
Span = tuple[datetime, datetime]
"""opens, closes; open at `opens`, not at `closes`"""


def parse(text: str) -> Window:
    """A window as it is written; raises `ValueError` with how to write one."""
    if found := _WEEKLY.fullmatch(text.strip()):
        return _weekly(*found.groups())
    if found := _CRON.fullmatch(text.strip()):
        return _cron(*found.groups())
    raise ValueError(_SAID)


def _weekly(first: str | None, last: str | None, h1: str, m1: str, end_day: str | None, h2: str, m2: str) -> Weekly:
    start, end = int(h1) * 60 + int(m1), int(h2) * 60 + int(m2)
    if start >= 24 * 60 or end > 24 * 60:
        raise ValueError("a day has 24 hours")
    if end_day and (last or not first):
        raise ValueError(_SAID)
    begins = _day(first) if first else 0
    if end_day:
        end += (_day(end_day) - begins) % 7 * 24 * 60
        end += 7 * 24 * 60 if end < start else 0
    elif end <= start:
        end += 24 * 60
    if end == start or end - start >= 7 * 24 * 60:
        raise ValueError("this window never closes; leave it out instead")
    days = range(7) if not first else range(begins, begins + (_day(last) - begins) % 7 + 1 if last else begins + 1)
    return Weekly(tuple(sorted(day % 7 for day in days)), start, end)


def _day(name: str) -> int:
    return DAYS.index(name.capitalize())


def _cron(expression: str, hours: str | None, minutes: str | None) -> Cron:
    length = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if not timedelta(0) < length < FAR:
        raise ValueError("write how long the window stays open, for example: 0 22 * * 6 for 6h")
    try:
        croniter(expression, datetime(2026, 1, 1)).get_next(datetime)  # noqa: DTZ001 - a wall clock has no zone
    except (CroniterError, ValueError, KeyError):
        raise ValueError("this is no cron expression of five fields: minute hour day month weekday") from None
    return Cron(" ".join(expression.split()), length)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the zone's clock shows `wall` (naive) or later."""
    found = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(found, zone) == wall:
        return found
    # The clock jumps over it: somewhere between these two, found to the second.
    before, after = int(wall.replace(tzinfo=zone, fold=1).timestamp()), int(found.timestamp())
    while after - before > 1:
        middle = (before + after) // 2
        if _wall(datetime.fromtimestamp(middle, UTC), zone) >= wall:
            after = middle
        else:
            before = middle
    return datetime.fromtimestamp(after, UTC)


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def _times(window: Window, zone: ZoneInfo, since: datetime) -> Iterator[Span]:
    """The window's spans that close after `since`, in order, without end."""
    for opens, closes in (
        _weekly_times(window, zone, since) if isinstance(window, Weekly) else _cron_times(window, zone, since)
    ):
        if opens < closes and closes > since:
            yield opens, closes


def _weekly_times(window: Weekly, zone: ZoneInfo, since: datetime) -> Iterator[Span]:
    day: date = _wall(since, zone).date() - timedelta(days=8)
    while True:
        if day.weekday() in window.days:
            midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall clock has no zone
            start, end = (midnight + timedelta(minutes=minute) for minute in (window.start, window.end))
            yield instant(start, zone), instant(end, zone)
        day += timedelta(days=1)


def _cron_times(window: Cron, zone: ZoneInfo, since: datetime) -> Iterator[Span]:
    # A day earlier, since a clock that is put back or on moves the wall against the length.
    found = croniter(window.expression, _wall(since, zone) - window.length - timedelta(days=1))
    while True:
        try:
            opens = instant(found.get_next(datetime), zone)
        except CroniterError:
            return
        yield opens, opens + window.length


@dataclass(frozen=True)
class Calendar:
    """One service's windows in its time zone; open in any of them."""

    windows: tuple[Window, ...]
    zone: ZoneInfo
    label: str = ""

    def _spans(self, since: datetime) -> Iterator[Span]:
        """Windows that touch are one; cut where a span is longer than `FAR` from `since`."""
        merged = heapq.merge(*(_times(window, self.zone, since) for window in self.windows))
        opens, closes = next(merged, (None, None))
        if opens is None or closes is None:
            return
        for start, end in merged:
            if start <= closes and closes - since <= FAR:
                closes = max(closes, end)
                continue
            yield opens, closes
            opens, closes = start, end
        yield opens, closes

    def open_at(self, at: datetime) -> bool:
        return self.next_opening(at) == at

    def next_opening(self, at: datetime) -> datetime | None:
        """`at` while a window is open; None when none opens ever again."""
        opens, _ = next(self._spans(at), (None, None))
        return None if opens is None else max(opens, at)

    def closes(self, at: datetime) -> datetime | None:
        """When the windows that are open at `at` end; None when none is open, or for weeks."""
        opens, closes = next(self._spans(at), (None, None))
        if opens is None or closes is None or opens > at or closes - at > FAR:
            return None
        return closes


@lru_cache(maxsize=256)
def calendar(texts: tuple[str, ...], zone: str, label: str = "") -> Calendar:
    """Raises `ValueError` (an unknown zone too) for what cannot be read."""
    try:
        known = ZoneInfo(zone)
    except (KeyError, OSError, ValueError):
        raise ValueError("unknown time zone") from None
    return Calendar(tuple(parse(text) for text in texts), known, label)


def next_opening(calendars: Sequence[Calendar], at: datetime) -> datetime | None:
    """The first moment from `at` on at which all are open; `at` where there is none to ask; None: never."""
    now, last = at, at + HORIZON
    while now <= last:
        openings = [one.next_opening(now) for one in calendars]
        if any(opening is None for opening in openings):
            return None
        latest = max((opening for opening in openings if opening is not None), default=now)
        if latest == now:
            return now
        now = latest
    return None


def closes(calendars: Sequence[Calendar], at: datetime) -> datetime | None:
    """When the first of them closes; None when none of them does within weeks."""
    return min((end for one in calendars if (end := one.closes(at)) is not None), default=None)
