"""The hash chain of the full log: whatever is done to a file of it is found, at a line that is named."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs.core.chain import BEGIN, Broken, chained, plain, verified

LINES = st.lists(st.text(max_size=30), max_size=12)


def refused(data: bytes) -> int:
    with pytest.raises(Broken) as broken:
        verified(data)
    return broken.value.line


@given(LINES)
def test_what_was_written_is_read_again(lines: list[str]) -> None:
    made = chained(lines)
    found = verified(made.text.encode())
    assert found == made
    assert plain(found) == [one for line in lines for one in line.split("\n")]


def test_each_line_begins_with_the_hash_of_the_line_before() -> None:
    made = chained(["one", "two"])
    first, second, end = made.text.splitlines(keepends=True)
    assert first == f"{BEGIN} one\n"
    assert second == f"{hashlib.sha256(first.encode()).hexdigest()} two\n"
    assert made.head == hashlib.sha256(end.encode()).hexdigest() and made.lines == 2


@given(LINES, st.data())
def test_an_edited_line_is_found(lines: list[str], data: st.DataObject) -> None:
    whole = chained(lines).text.encode()
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255))
    assume(whole[at] != other)
    edited = whole[:at] + bytes([other]) + whole[at + 1 :]
    line = whole.count(b"\n", 0, at) + 1
    found = refused(edited)
    ending = edited.endswith(b"\r\n")
    assert found in (line, line + 1) or ending, "the line itself, or the next one, which does not follow it"


@given(st.lists(st.text(max_size=30), min_size=1, max_size=12), st.data())
def test_dropped_doubled_and_swapped_lines_are_found(lines: list[str], data: st.DataObject) -> None:
    whole = chained(lines).text.encode().split(b"\n")[:-1]
    one = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, len(whole) - 1))
    dropped = [*whole[:one], *whole[one + 1 :]]
    doubled = [*whole[: one + 1], *whole[one:]]
    swapped = list(whole)
    swapped[one], swapped[other] = whole[other], whole[one]
    assert refused(b"".join(line + b"\n" for line in dropped)) <= one + 1
    assert refused(b"".join(line + b"\n" for line in doubled)) <= one + 2
    if one != other:
        assert refused(b"".join(line + b"\n" for line in swapped)) <= min(one, other) + 1


@given(LINES, st.data())
def test_a_file_that_was_cut_off_or_added_to_is_found(lines: list[str], data: st.DataObject) -> None:
    whole = chained(lines).text.encode()
    refused(whole[: data.draw(st.integers(0, len(whole) - 1))])
    refused(whole + data.draw(st.binary(min_size=1, max_size=100)))


@given(LINES, LINES)
def test_a_log_written_anew_has_another_head(lines: list[str], others: list[str]) -> None:
    one, other = chained(lines), chained(others)
    assert (one.head == other.head) == (one.text == other.text)


def test_changed_line_endings_say_so() -> None:
    with pytest.raises(Broken, match="line 1: the line endings were changed"):
        verified(chained(["one"]).text.replace("\n", "\r\n").encode())
