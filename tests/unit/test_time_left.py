"""The estimate of the time left: with indexes and proofs, as a range, and nothing before anything is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.core.progress import Work, seconds_left

GB = 1 << 30
COPYING = Work("copy", bytes_done=GB, bytes_left=GB, seconds=20, tasks_done=4, tasks_left=4)


def test_nothing_is_said_before_anything_was_copied() -> None:
    assert seconds_left([Work("copy", bytes_left=GB, tasks_left=3)], 2) is None
    assert seconds_left([Work("copy", bytes_done=10, bytes_left=GB, seconds=0.1, tasks_left=3)], 2) is None


def test_indexes_and_proofs_are_part_of_it() -> None:
    alone = seconds_left([COPYING], 1)
    index = Work("index", bytes_left=GB, tasks_left=2)
    verify = Work("verify", bytes_left=2 * GB, tasks_left=4)
    whole = seconds_left([COPYING, index, verify], 1)
    assert alone and whole
    assert alone[0] <= 20 <= alone[1]
    assert whole[0] <= 20 + 20 * 1.4 + 40 * 0.7 <= whole[1], "what is usual lies in the range"
    assert whole[1] > 2 * alone[1]


def test_a_kind_that_ran_goes_at_its_own_pace() -> None:
    slow = Work("index", bytes_done=GB, bytes_left=GB, seconds=100, tasks_done=1, tasks_left=1)
    low, high = seconds_left([slow], 1) or (0, 0)
    assert low <= 100 <= high


def test_lanes_share_the_work() -> None:
    one, four = seconds_left([COPYING], 1), seconds_left([COPYING], 4)
    assert one and four and four[1] < one[1] / 2


def test_a_schema_without_rows_has_an_estimate_too() -> None:
    low, high = seconds_left([Work("schema", tasks_left=1), Work("post", tasks_left=9)], 2) or (-1, -1)
    assert 0 <= low < high < 5


works = st.lists(
    st.builds(
        Work,
        st.sampled_from(["copy", "index", "verify", "new"]),
        st.integers(0, 1 << 50),
        st.integers(0, 1 << 50),
        st.floats(0, 1e7),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
    ),
    max_size=6,
)


@given(works, st.integers(1, 32))
def test_it_is_always_a_range(found: list[Work], lanes: int) -> None:
    left = seconds_left(found, lanes)
    assert left is None or 0 <= left[0] < left[1]
