"""A run's samples: bounded however long it takes, true in the mean, with its pauses; and the picture made of them."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.ui import chart
from jobs.core.progress import RunProgress
from jobs.core.samples import MOST, Samples

BEGIN = 1_790_000_000.0


def look(second: float, rows: float = 100.0, lanes: int = 2) -> RunProgress:
    return RunProgress(at=BEGIN + second, rows_per_second=rows, lanes=lanes)


def run_of(seconds: int, rows: float = 100.0, begin: Samples | None = None, at: float = 0.0) -> Samples:
    samples = begin or Samples()
    for second in range(seconds):
        samples = samples.add(look(at + second, rows))
    return samples


def test_a_day_fits_and_covers_the_whole_day() -> None:
    samples = run_of(24 * 3600)
    assert 100 < len(samples.points) <= MOST
    last = samples.points[-1]
    assert samples.points[0].at == BEGIN and last.at + last.seconds == BEGIN + 24 * 3600 - 1
    assert all(abs(p.rows_per_second - 100) < 1e-6 and p.lanes == 2 for p in samples.points)
    assert len(samples.stretches) == 1


@given(st.lists(st.tuples(st.floats(0.1, 40), st.floats(0, 1e7), st.integers(0, 32)), max_size=600))
def test_bounded_in_order_and_within_what_was_seen(looks: list[tuple[float, float, int]]) -> None:
    samples, now = Samples(), 0.0
    for after, rows, lanes in looks:
        now += after
        samples = samples.add(look(now, rows, lanes))
    times = [p.at for p in samples.points]
    assert len(times) <= MOST and times == sorted(times)
    if looks:
        assert max(p.rows_per_second for p in samples.points) <= max(rows for _, rows, _ in looks) * (1 + 1e-9)
        assert max(p.lanes for p in samples.points) == max(lanes for _, _, lanes in looks)
        assert sum(map(len, samples.stretches)) == len(times)
    if chart.worth(samples):
        assert len(chart.said(samples)) <= chart.ALT_TEXT


def test_a_look_that_came_late_or_twice_changes_nothing() -> None:
    samples = run_of(10)
    assert samples.add(look(3)) == samples and samples.add(RunProgress()) == samples


def test_a_pause_is_a_gap_and_not_a_slow_hour() -> None:
    before = run_of(300)
    samples = run_of(300, begin=before, at=300 + 7 * 24 * 3600)
    assert len(samples.stretches) == 2
    words = chart.said(samples)
    assert "over 9 min 58 s of work" in words and "interrupted 1 time" in words and "100 in the mean" in words


def test_the_picture_is_a_png_with_its_figures_in_words() -> None:
    samples = Samples()
    for second in range(120):
        samples = samples.add(look(second, 50.0 if second < 60 else 1250.0, 1 + second // 60))
    drawn = Image.open(io.BytesIO(chart.draw(samples, "Migration m0000000001, run 1")))
    assert (drawn.format, drawn.size) == ("PNG", (chart.WIDTH, chart.HEIGHT))
    colours = {colour for _, colour in drawn.convert("RGB").getcolors(100_000) or []}
    assert {(0x0B, 0x4F, 0x55), (0x8A, 0x4B, 0x08)} <= colours, "both curves are there"
    words = chart.said(samples)
    assert "at most 1,250, after 1 min" in words and "Lanes at work: at most 2" in words


def test_too_little_is_no_picture_and_nothing_is_too_odd_to_draw() -> None:
    assert not chart.worth(None) and not chart.worth(Samples()) and not chart.worth(run_of(2))
    idle = Samples()
    for second in range(5):
        idle = idle.add(look(second, 0.0, 0))
    assert chart.worth(idle) and chart.draw(idle, "nothing moved")
    broken = Samples()
    for second in range(40):
        broken = broken.add(look(second * 100.0, 1e12))
    assert len(broken.stretches) == 40
    assert not chart.worth(broken) or chart.draw(broken, "forty breaks")
