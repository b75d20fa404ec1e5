"""Names, sizes and times as Slack shows them: harmless, within their length, and as people say them."""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ui import logs, progress
from bot.ui import text as t
from jobs.core.bidi import FSI, PDI, isolated
from jobs.core.model import Dialect, Environment, Service
from jobs.core.verdict import Receipt
from tests.bot.takes import harmless
from tests.support.tales import Tale

ANY_TEXT = st.text(max_size=200) | st.text(alphabet="<>&;ampltg*_~`a b\n", max_size=200)


@given(ANY_TEXT)
def test_plain_is_harmless_and_says_the_same(text: str) -> None:
    shown = t.plain(text)
    harmless(shown)
    said = isolated(" ".join(text.replace("\u200b", "").split()))
    assert html.unescape(shown.replace("\u200b", "")) == said or "&" in text
    for found in re.finditer(r"[*_~`]", shown):
        before, after = shown[: found.start()][-1:], shown[found.end() :][:1]
        inside_a_word = before.isascii() and before.isalnum() and after.isascii() and after.isalnum()
        assert inside_a_word or (before, after) == ("\u200b", "\u200b"), "a mark at a word's edge would format"


@given(ANY_TEXT)
def test_code_stays_one_span_on_one_line(text: str) -> None:
    shown = t.code(text)
    harmless(shown)
    assert shown.count("`") == 2 and "\n" not in shown


@given(ANY_TEXT, st.integers(1, 60))
def test_clip_fits_and_cuts_no_entity(text: str, limit: int) -> None:
    escaped = t.escape(text)
    cut = t.clip(escaped, limit)
    assert len(cut) <= limit
    harmless(cut)
    if len(escaped) <= limit:
        assert cut == escaped
    else:
        assert cut.endswith("…") and escaped.startswith(cut[:-1].rstrip(PDI))


RIGHT_TO_LEFT = st.text(alphabet="abאבعر\u202e\u2066\u2068\u2069\u200f 12→:x&<", max_size=60)


@given(RIGHT_TO_LEFT, RIGHT_TO_LEFT, st.integers(4, 90))
def test_no_name_reorders_what_stands_around_it(one: str, other: str, limit: int) -> None:
    for shown in (t.plain(one), t.code(one), isolated(one), t.clip(t.plain(f"{isolated(one)} → {other}"), limit)):
        depth = 0
        for sign in shown:
            assert sign not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u200e\u200f", "reorders its neighbours"
            depth += {FSI: 1, PDI: -1}.get(sign, 0)
            assert depth >= 0
            outside = depth == 0 and unicodedata.bidirectional(sign) in ("R", "AL", "AN")
            assert not outside, "from right to left, and not isolated"
        assert depth == 0


def test_every_sign_from_right_to_left_is_isolated() -> None:
    signs = [chr(code) for code in range(sys.maxunicode + 1)]
    strong = [sign for sign in signs if unicodedata.bidirectional(sign) in ("R", "AL", "AN")]
    assert len(strong) > 2000 and all(isolated(sign) != sign for sign in strong)


def test_source_and_target_keep_their_order_in_any_script() -> None:
    named = {"source": service_named("עברית"), "target": service_named("العربية")}
    state = Tale().done().state.model_copy(update=named)
    assert state.title == "\u2068עברית\u2069 → \u2068العربية\u2069"
    assert t.plain(state.title).strip(FSI + PDI).startswith("עברית\u2069 → \u2068")


def service_named(name: str) -> Service:
    return Service(name=name, engine=Dialect.postgresql, environment=Environment.staging, secret="env:X")


@given(st.from_regex(r"[a-z:_ +0-9]{0,40}", fullmatch=True))
def test_no_name_becomes_an_emoji(text: str) -> None:
    for shown in (t.plain(text), t.header(text)["text"]["text"]):
        assert not re.search(r"(?<![0-9]):[a-z0-9_+'-]+:", shown)


@given(st.integers(1, 400))
def test_clip_cuts_no_mention_and_no_date(limit: int) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    text = ", ".join(f"{t.mention(f'U0PERSON{n}')} {t.when(moment + timedelta(days=n))}" for n in range(4))
    harmless(t.clip(text, limit))


@given(st.integers(0, 10**18))
def test_size_has_three_figures_and_one_unit(value: int) -> None:
    number, unit = t.size(value).split(" ")
    factor = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    shown = float(number.replace(",", ""))
    assert shown < 1000 or unit == "TB"
    assert abs(shown * factor - value) <= max(
        0.51 * factor if unit in ("B", "kB") or shown >= 100 else 0.051 * factor, 1
    )


@given(st.floats(0, 10**7))
def test_span_is_near_and_never_counts_to_sixty(seconds: float) -> None:
    shown = t.span(seconds)
    units = {"s": 1, "min": 60, "h": 3600}
    parts = re.findall(r"([0-9.]+) (s|min|h)\b", shown)
    total = sum(float(n) * units[unit] for n, unit in parts)
    assert abs(total - seconds) <= (0.06 if seconds < 9.9 else 0.51 if seconds < 3599 else 60)
    assert all(float(n) < 60 for n, unit in parts if unit != "h")


@given(st.floats(-100, 10**6), st.floats(-100, 10**6))
def test_between_is_a_range_or_says_about(low: float, high: float) -> None:
    shown = t.between(low, high)
    least, _, most = shown.partition(" to ")
    assert shown.startswith("about ") if not most else least != most
    assert "-" not in shown
    assert t.between(None, high) == t.between(low, None) == "not known yet"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (t.size(None), "unknown"),
        (t.size(0), "0 B"),
        (t.size(999_999), "1.0 MB"),
        (t.size(1_340_000_000), "1.3 GB"),
        (t.size(999_960_000), "1.0 GB"),
        (t.size(5e15), "5,000 TB"),
        (t.span(0.04), "0.0 s"),
        (t.span(9.97), "10 s"),
        (t.span(59.7), "1 min"),
        (t.span(200), "3 min 20 s"),
        (t.span(7500), "2 h 5 min"),
        (t.between(50, 20), "about 50 s"),
        (t.between(7201, 7230), "about 2 h"),
        (t.between(10, 100), "10 s to 1 min 40 s"),
        (t.count(1, "table"), "1 table"),
        (t.count(2000, "person", "people"), "2,000 people"),
        (progress.bar(2.0), f"`{'█' * 20}` 100 %"),
    ],
)
def test_as_people_say_it(shown: str, said: str) -> None:
    assert shown == said


def test_within_says_what_is_missing() -> None:
    blocks = t.within([t.divider()] * 120, 100)
    assert len(blocks) == 100 and "21 more parts" in str(blocks[-1])


def test_a_receipt_without_anything_optional() -> None:
    harmless(logs.receipt(Receipt(tables=1, rows=1, bytes=1, seconds=1)))
