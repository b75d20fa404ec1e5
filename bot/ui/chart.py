"""The picture of a run: rows a second and lanes over its time, and the same in words. Pure: samples -> PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from bot.ui import text as t
from jobs.core.samples import Point, Samples

LEAST_POINTS = 3
"""Fewer are no picture."""
ALT_TEXT = 1000
"""Characters of a picture's description (docs.slack.dev/reference/methods/files.getUploadURLExternal, alt_txt)."""

WIDTH, HEIGHT = 1200, 560
LEFT, RIGHT = 130, 30
UPPER, LOWER = (80, 330), (400, 490)
"""Top and bottom of the two panels, in pixels."""
BREAK = 36
"""Pixels that a pause takes, however long it was…"""
BREAKS = 360
"""…and all pauses together."""
PAPER, INK, FAINT, RATE, FILL, LANES = "#ffffff", "#1d1c1d", "#c8c8c8", "#0b4f55", "#cfe3e5", "#8a4b08"


def worth(samples: Samples | None) -> bool:
    """Whether there is anything to show."""
    return samples is not None and len(samples.points) >= LEAST_POINTS and _span(samples) > 0


def said(samples: Samples) -> str:
    """The picture in words, for people who do not see it."""
    best = max(samples.points, key=lambda p: p.rows_per_second)
    pauses = len(samples.stretches) - 1
    words = [
        f"Two charts over {t.span(_span(samples))} of work.",
        f"Rows per second: at most {best.rows_per_second:,.0f}, after {t.span(_worked_until(samples, best))};"
        f" {_mean(samples):,.0f} in the mean.",
        f"Lanes at work: at most {max(p.lanes for p in samples.points)}.",
    ]
    if pauses > 0:
        words.append(f"The work was interrupted {t.count(pauses, 'time')}; the breaks are not drawn to length.")
    return t.clip(" ".join(words), ALT_TEXT)


def draw(samples: Samples, title: str) -> bytes:
    """A PNG. `title` is plain words of ours: the font knows no other scripts."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    canvas = _Canvas(ImageDraw.Draw(image), _places(samples))
    canvas.words((LEFT, 12), title, 24)
    _rates(canvas, samples)
    _lanes(canvas, samples)
    _time(canvas, samples)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


@dataclass
class _Canvas:
    """`places`: of each stretch its points with their x, the last end included."""

    pen: ImageDraw.ImageDraw
    places: list[list[tuple[float, Point]]]

    def words(self, at: tuple[float, float], text: str, size: int = 18, anchor: str = "lt", ink: str = INK) -> None:
        self.pen.text(at, text, fill=ink, font=ImageFont.load_default(size), anchor=anchor)

    def scale(self, panel: tuple[int, int], most: float, name: str) -> None:
        """The panel's frame: what it shows, its greatest value, and half of it."""
        top, bottom = panel
        self.words((LEFT, top - 30), name)
        for share in (0.0, 0.5, 1.0):
            y = bottom - share * (bottom - top)
            self.pen.line((LEFT, y, WIDTH - RIGHT, y), fill=FAINT if share else INK, width=1)
            if share != 0.5 or most >= 2:
                self.words((LEFT - 12, y), _short(most * share), anchor="rm")


def _rates(canvas: _Canvas, samples: Samples) -> None:
    most = _round_up(max(p.rows_per_second for p in samples.points))
    canvas.scale(UPPER, most, "Rows per second")
    top, bottom = UPPER
    for stretch in canvas.places:
        line = [(x, bottom - point.rows_per_second / most * (bottom - top)) for x, point in stretch]
        if len(line) > 1:
            canvas.pen.polygon([(line[0][0], bottom), *line, (line[-1][0], bottom)], fill=FILL)
            canvas.pen.line(line, fill=RATE, width=3, joint="curve")


def _lanes(canvas: _Canvas, samples: Samples) -> None:
    most = max(1, *(p.lanes for p in samples.points))
    canvas.scale(LOWER, most, "Lanes at work")
    top, bottom = LOWER
    for stretch in canvas.places:
        for (x, point), (following, _) in pairwise(stretch):
            y = bottom - point.lanes / most * (bottom - top)
            if point.lanes:
                canvas.pen.rectangle((x, y, max(x + 1, following), bottom), fill=LANES)


def _time(canvas: _Canvas, samples: Samples) -> None:
    """Working time under the panels, and a mark where the work was interrupted."""
    y = LOWER[1] + 14
    canvas.words((LEFT, y), "0 s")
    canvas.words((WIDTH - RIGHT, y), f"{t.span(_span(samples))} of work", anchor="rt")
    for before, after in pairwise(canvas.places):
        x = (before[-1][0] + after[0][0]) / 2
        for top, bottom in (UPPER, LOWER):
            for start in range(top, bottom, 16):
                canvas.pen.line((x, start, x, start + 8), fill=INK, width=2)
        canvas.words((x, y), "break", anchor="mt")


def _places(samples: Samples) -> list[list[tuple[float, Point]]]:
    stretches = samples.stretches
    pauses = len(stretches) - 1
    gap = min(BREAK, BREAKS / pauses) if pauses else 0.0
    room = WIDTH - LEFT - RIGHT - gap * pauses
    each, x = room / _span(samples), float(LEFT)
    made = []
    for stretch in stretches:
        begin = stretch[0].at
        places = [(x + (point.at - begin) * each, point) for point in stretch]
        end = x + _length(stretch) * each
        made.append([*places, (end, stretch[-1])])
        x = end + gap
    return made


def _length(stretch: list[Point]) -> float:
    return stretch[-1].at + stretch[-1].seconds - stretch[0].at


def _span(samples: Samples) -> float:
    """Seconds of work, without the breaks."""
    return sum(map(_length, samples.stretches))


def _worked_until(samples: Samples, point: Point) -> float:
    worked = 0.0
    for stretch in samples.stretches:
        if point in stretch:
            return worked + point.at - stretch[0].at
        worked += _length(stretch)
    return worked


def _mean(samples: Samples) -> float:
    """Over the time of work: each point counts until the next one."""
    total = 0.0
    for stretch in samples.stretches:
        ends = [*(p.at for p in stretch[1:]), stretch[-1].at + stretch[-1].seconds]
        total += sum(point.rows_per_second * (end - point.at) for point, end in zip(stretch, ends, strict=True))
    return total / _span(samples)


def _round_up(value: float) -> float:
    """A little more than `value`, with one figure or two: where a scale may end."""
    step = 1.0
    while step * 10 < value:
        step *= 10
    for factor in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10):
        if step * factor >= value:
            return step * factor
    return step * 10


def _short(value: float) -> str:
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}{unit}"
    return f"{value:.3g}"
