"""How fast a run was over its time: a bounded series of points for a picture. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.core.model import Frozen
from jobs.core.progress import RunProgress

MOST = 240
"""Points kept of a run: more than a small picture can show apart."""
BREAK_STEPS = 3
"""Points further apart than so many steps (and `BREAK_SECONDS`) are a pause, not a slow moment."""
BREAK_SECONDS = 20.0


class Point(Frozen):
    """`seconds` of the run from `at` (seconds since the epoch) on: mean rows a second, most lanes at work."""

    at: float
    seconds: float = 0.0
    rows_per_second: float = 0.0
    lanes: int = 0


class Samples(Frozen):
    """Points in the order of time; a point covers about `step` seconds."""

    step: float = 1.0
    points: tuple[Point, ...] = ()

    def add(self, progress: RunProgress) -> Samples:
        """With one more look at the run. Past `MOST` points each two become one and the step doubles."""
        if not progress.at or (self.points and progress.at <= self.points[-1].at):
            return self
        new = Point(at=progress.at, rows_per_second=max(0.0, progress.rows_per_second), lanes=progress.lanes)
        last = self.points[-1] if self.points else None
        if last is not None and new.at - last.at < self.step:
            new = _merged(last, new)
            return self.model_copy(update={"points": (*self.points[:-1], new)})
        points = (*self.points, new)
        if len(points) <= MOST:
            return self.model_copy(update={"points": points})
        return Samples(step=self.step * 2, points=_halved(points))

    @property
    def stretches(self) -> list[list[Point]]:
        """The points without the pauses: each list is one stretch of work."""
        made: list[list[Point]] = []
        for point in self.points:
            gap = max(BREAK_SECONDS, BREAK_STEPS * self.step)
            if not made or point.at - made[-1][-1].at > gap + made[-1][-1].seconds:
                made.append([])
            made[-1].append(point)
        return made


def _merged(one: Point, two: Point) -> Point:
    """Both as one point; each look counts for the time since the one before it."""
    seconds = two.at + two.seconds - one.at
    mine = min(1.0, one.seconds / seconds) if seconds > 0 else 0.0
    mean = one.rows_per_second * mine + two.rows_per_second * (1 - mine)
    return Point(at=one.at, seconds=seconds, rows_per_second=mean, lanes=max(one.lanes, two.lanes))


def _halved(points: Sequence[Point]) -> tuple[Point, ...]:
    pairs = [points[start : start + 2] for start in range(0, len(points), 2)]
    return tuple(_pair(pair) for pair in pairs)


def _pair(pair: Sequence[Point]) -> Point:
    """Two neighbours as one: the mean of both, which covered the same time."""
    if len(pair) == 1:
        return pair[0]
    one, two = pair
    mean = (one.rows_per_second + two.rows_per_second) / 2
    # A pause between them is no time of work: it stays a gap after this point.
    together = two.at - one.at <= BREAK_SECONDS + one.seconds
    seconds = two.at + two.seconds - one.at if together else one.seconds + two.seconds
    return Point(at=one.at, seconds=seconds, rows_per_second=mean, lanes=max(one.lanes, two.lanes))
