"""Maintenance windows: read as they are written, and exact where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.core import windows
from jobs.core.windows import Calendar, Cron, Weekly, calendar, closes, instant, next_opening, parse

BERLIN = "Europe/Berlin"
ZONES = (
    "UTC",
    BERLIN,
    "America/New_York",
    "Australia/Lord_Howe",  # moves by half an hour
    "Asia/Kathmandu",  # 5:45, never changes
    "America/Sao_Paulo",  # changed at midnight, until 2019
    "Pacific/Apia",  # left a whole day out, in 2011
    "Africa/Casablanca",  # goes back for Ramadan
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str = BERLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sat 22:00-Sun 04:00", Weekly((5,), 22 * 60, 28 * 60)),
        ("sat 22:00 - sun 4:00", Weekly((5,), 22 * 60, 28 * 60)),
        ("Fri 20:00-Mon 06:00", Weekly((4,), 20 * 60, 78 * 60)),
        ("Sun 22:00-04:00", Weekly((6,), 22 * 60, 28 * 60)),
        ("Mon-Fri 01:00-05:00", Weekly((0, 1, 2, 3, 4), 60, 300)),
        ("Fri-Mon 01:00-05:00", Weekly((0, 4, 5, 6), 60, 300)),
        ("22:00-06:00", Weekly(tuple(range(7)), 22 * 60, 30 * 60)),
        ("Sat 00:00-24:00", Weekly((5,), 0, 24 * 60)),
        ("Sat 22:00-Sat 06:00", Weekly((5,), 22 * 60, 7 * 24 * 60 + 360)),
        ("0 22 * * 6 for 6h", Cron("0 22 * * 6", timedelta(hours=6))),
        ("30  1 1 * *  for 1h30m", Cron("30 1 1 * *", timedelta(minutes=90))),
        ("15 3 * * Sat for 45 min", Cron("15 3 * * Sat", timedelta(minutes=45))),
    ],
)
def test_how_windows_are_written(text: str, expected: windows.Window) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write Sat"),
        ("always", "write Sat"),
        ("Mon-Fri 22:00-Sat 04:00", "write Sat"),
        ("25:00-26:00", "24 hours"),
        ("Sat 22:00-Sat 22:00", "never closes"),
        ("22:60-23:00", "write Sat"),
        ("0 22 * * 6 for", "write Sat"),
        ("0 22 * * 6 for 900h", "how long"),
        ("* * * * * for 2m", "write Sat"),
        ("61 * * * * for 2m", "no cron expression"),
        ("0 0 30 2 * for 1h", "no cron expression"),
        ("0 0 x * * for 1h", "no cron expression"),
    ],
)
def test_what_is_no_window(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)


def test_an_unknown_zone() -> None:
    for zone in ("Europe/Berln", "", "../etc/passwd", "Europe"):
        with pytest.raises(ValueError, match="time zone"):
            calendar(("22:00-23:00",), zone)


# --- when clocks change ---------------------------------------------------------------------------------
# Berlin 2026: on 29 March 02:00 becomes 03:00; on 25 October 03:00 becomes 02:00.


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2026-03-29T01:59", "2026-03-29T00:59"),
        ("2026-03-29T02:00", "2026-03-29T01:00"),
        ("2026-03-29T02:30", "2026-03-29T01:00"),
        ("2026-03-29T03:00", "2026-03-29T01:00"),
        ("2026-03-29T03:01", "2026-03-29T01:01"),
        ("2026-10-25T01:59", "2026-10-24T23:59"),
        ("2026-10-25T02:30", "2026-10-25T00:30"),
        ("2026-10-25T03:00", "2026-10-25T02:00"),
    ],
)
def test_the_first_instant_of_a_wall_clock_time(wall: str, expected: str) -> None:
    assert instant(datetime.fromisoformat(wall), ZoneInfo(BERLIN)) == utc(expected)


@pytest.mark.parametrize(
    ("window", "day", "expected"),
    [
        ("Sun 01:00-04:00", "2026-03-29", ("2026-03-29T00:00", "2026-03-29T02:00")),  # 2 h instead of 3
        ("Sun 02:30-04:00", "2026-03-29", ("2026-03-29T01:00", "2026-03-29T02:00")),
        ("Sun 01:00-02:30", "2026-03-29", ("2026-03-29T00:00", "2026-03-29T01:00")),
        ("Sun 02:10-02:50", "2026-03-29", ("2026-04-05T00:10", "2026-04-05T00:50")),  # a week later
        ("30 2 * * 0 for 1h", "2026-03-29", ("2026-03-29T01:00", "2026-03-29T02:00")),
        ("Sun 01:00-04:00", "2026-10-25", ("2026-10-24T23:00", "2026-10-25T03:00")),  # 4 h instead of 3
        ("Sun 02:00-02:30", "2026-10-25", ("2026-10-25T00:00", "2026-10-25T00:30")),  # once
        ("30 2 * * 0 for 1h", "2026-10-25", ("2026-10-25T00:30", "2026-10-25T01:30")),
        ("0 1 * * 0 for 3h", "2026-10-25", ("2026-10-24T23:00", "2026-10-25T02:00")),  # 3 h that pass
    ],
)
def test_windows_on_the_days_that_are_longer_or_shorter(window: str, day: str, expected: tuple[str, str]) -> None:
    one = calendar((window,), BERLIN)
    opens = one.next_opening(local(f"{day}T00:00"))
    assert opens is not None and (opens, one.closes(opens)) == tuple(map(utc, expected))


def test_windows_that_touch_are_one() -> None:
    one = calendar(("Sat 22:00-24:00", "Sun 00:00-02:00", "Sun 01:00-03:00", "0 3 * * 0 for 1h"), "UTC")
    opens = one.next_opening(utc("2026-03-06T00:00"))
    assert opens == utc("2026-03-07T22:00") and one.closes(opens) == utc("2026-03-08T04:00")
    assert not one.open_at(utc("2026-03-08T04:00")) and one.open_at(utc("2026-03-08T03:59:59"))


def test_what_is_always_open_never_closes() -> None:
    one = calendar(("Sun 00:00-Wed 12:00", "Wed 12:00-Sun 00:00"), BERLIN)
    assert one.open_at(utc("2026-03-29T01:00")) and one.closes(utc("2026-03-29T01:00")) is None


def test_all_sides_must_be_open() -> None:
    at = utc("2026-03-02T12:00")  # a Monday
    night, saturday = calendar(("22:00-06:00",), "UTC"), calendar(("Sat 00:00-Sun 12:00",), "UTC")
    opens = next_opening((night, saturday), at)
    assert opens == utc("2026-03-07T00:00")
    assert closes((night, saturday), utc("2026-03-07T00:00")) == utc("2026-03-07T06:00")
    assert next_opening((), at) == at and closes((), at) is None
    assert next_opening((calendar(("Mon 01:00-02:00",), "UTC"), calendar(("Tue 01:00-02:00",), "UTC")), at) is None


# --- whatever the window, the zone and the moment --------------------------------------------------------

walls = st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - a wall clock has no zone
    lambda wall: wall.replace(microsecond=0)
)
moments = walls.map(lambda wall: wall.replace(tzinfo=UTC))
CHANGES = (
    *("2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T07:00", "2026-11-01T06:00", "2011-12-30T10:00"),
    *("2018-02-18T02:00", "2017-10-15T03:00", "2026-04-04T15:00", "2026-02-15T02:00", "2026-03-22T02:00"),
)
near_changes = st.builds(
    lambda base, minutes: utc(base) + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-1500, 1500)
)
weekly = st.builds(
    lambda days, start, length: Weekly(tuple(sorted(days)), start, start + length),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 24 * 60 - 1),
    st.integers(1, 7 * 24 * 60 - 1),
)
cron = st.builds(
    lambda minute, hour, day, hours: Cron(f"{minute} {hour} * * {day}", timedelta(minutes=hours)),
    st.integers(0, 59),
    st.integers(0, 23),
    st.sampled_from(["*", "0", "6", "1-5"]),
    st.integers(1, 600),
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
calendars = st.builds(
    lambda some, zone: Calendar(tuple(some), zone), st.lists(weekly | cron, min_size=1, max_size=3), zones
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(weekly, zones, moments | near_changes)
def test_open_is_what_the_wall_clock_says_where_it_says_one_thing(
    window: Weekly, zone: ZoneInfo, at: datetime
) -> None:
    here = at.astimezone(zone)
    if here.replace(fold=0).utcoffset() != here.replace(fold=1).utcoffset():
        return  # this time of day comes twice
    minute = here.hour * 60 + here.minute + here.second / 60
    inside = False
    for days_ago in range(8):
        day = (here.weekday() - days_ago) % 7
        inside |= day in window.days and window.start <= minute + days_ago * 24 * 60 < window.end
    assert Calendar((window,), zone).open_at(at) is inside


@settings(max_examples=300, deadline=None, derandomize=True)
@given(calendars, moments | near_changes, st.floats(0, 1))
def test_opening_and_closing_are_the_borders_of_open(one: Calendar, at: datetime, share: float) -> None:
    opens, ends = one.next_opening(at), one.closes(at)
    assert opens is not None and opens >= at
    assert one.open_at(opens) and one.open_at(at) is (opens == at)
    between = at + (opens - at) * share
    assert between == opens or not one.open_at(between), "nothing opens earlier"
    if opens != at:
        assert ends is None, "what is closed does not close"
        assert not one.open_at(opens - timedelta(microseconds=1))
    elif ends is not None:
        assert ends > at and not one.open_at(ends)
        within = at + (ends - at) * share
        assert within == ends or one.open_at(within), "it stays open until then"
        assert one.open_at(ends - timedelta(microseconds=1))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(walls, zones)
def test_an_instant_is_the_first_that_shows_the_time_or_later(wall: datetime, zone: ZoneInfo) -> None:
    found = instant(wall, zone)
    assert found.astimezone(zone).replace(tzinfo=None) >= wall
    before = (found - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    assert before < wall
