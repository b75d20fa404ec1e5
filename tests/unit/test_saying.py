"""When a stream says how far it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.engines.shared.saying import REPORT_BYTES, SILENT_SECONDS, Saying

STEPS = st.lists(st.tuples(st.integers(0, 3 * REPORT_BYTES), st.floats(0, 3 * SILENT_SECONDS)), max_size=50)


@given(STEPS)
def test_nothing_is_untold_for_long_and_nothing_is_told_twice(steps: list[tuple[int, float]]) -> None:
    """Whenever a piece has come: told at once, or less than a megabyte and a tenth of a second are untold."""
    now = [100.0]
    saying, moved, said, at = Saying(lambda: now[0]), 0, 0, 100.0
    for size, seconds in steps:
        moved, now[0] = moved + size, now[0] + seconds
        if saying.due(moved):
            assert moved > said, "nothing new"
            assert moved - said >= REPORT_BYTES or now[0] - at >= SILENT_SECONDS, "too soon"
            said, at = moved, now[0]
        assert not saying.due(moved), "once each"
        assert moved == said or (moved - said < REPORT_BYTES and now[0] - at < SILENT_SECONDS)
