"""Patterns that choose tables: laws that hold for any names."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.engines.postgres.select import Key, idle, matches, selected


@dataclass(frozen=True)
class Item:
    key: Key
    parent: Key | None = None


NAMES = st.text(st.sampled_from('ab.*"\n ü_%\\[?'), min_size=1, max_size=5)
KEYS = st.tuples(NAMES, NAMES)


@st.composite
def families(draw: st.DrawFn) -> list[Item]:
    """Tables, each perhaps a partition of an earlier one."""
    items: list[Item] = []
    for key in draw(st.lists(KEYS, unique=True, max_size=8)):
        parent = draw(st.sampled_from([None, *[i.key for i in items]]))
        items.append(Item(key, parent))
    return items


PATTERNS = st.lists(st.builds(".".join, KEYS) | NAMES | st.just("*.*"), max_size=3)


@given(families(), PATTERNS, PATTERNS)
def test_laws(items: list[Item], include: list[str], exclude: list[str]) -> None:
    chosen = selected(items, include, exclude)
    keys = {i.key for i in chosen}
    assert chosen == [i for i in items if i in chosen]  # in order, none twice
    assert all(i.parent is None or i.parent in keys for i in chosen)  # attachable
    assert not any(matches(p, i.key) for i in chosen for p in exclude)  # exclusion has the last word
    assert selected(chosen, include, exclude) == chosen  # nothing more to take away
    assert selected(items, [], []) == items
    assert {i.key for i in selected(items, include, [*exclude, "*.*"])} == set()
    assert keys <= {i.key for i in selected(items, include, [])}


@given(KEYS)
def test_a_name_written_out_chooses_itself(key: Key) -> None:
    assert matches(".".join(key), key)
    assert matches("*.*", key)
    assert matches(f"{key[0]}.*", key) and matches(f"*.{key[1]}", key)
    assert idle([Item(key)], [".".join(key)]) == []


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("public.orders", ("public", "orders"), True),
        ("public.orders", ("public", "orders_old"), False),
        ("public.Orders", ("public", "orders"), False),
        ("public.ord*", ("public", "orders"), True),
        ("*.orders", ("sales", "orders"), True),
        ("*.*", ("a", "b\nc"), True),
        ("public.a.b", ("public", "a.b"), True),
        ("public.a.b", ("public.a", "b"), True),
        ("public.[o]rders", ("public", "orders"), False),
        ("public.o?ders", ("public", "orders"), False),
        ("orders", ("public", "orders"), False),
        ("", ("public", "orders"), False),
    ],
)
def test_matches(pattern: str, key: Key, expected: bool) -> None:
    assert matches(pattern, key) is expected


def test_partitions_follow_and_bring_their_tables() -> None:
    root, part, leaf, other = (
        Item(("s", "root")),
        Item(("s", "part"), ("s", "root")),
        Item(("s", "leaf"), ("s", "part")),
        Item(("s", "other"), ("s", "root")),
    )
    every = [root, part, leaf, other]
    assert selected(every, ["s.root"], []) == every
    assert selected(every, ["s.leaf"], []) == [root, part, leaf]
    assert selected(every, [], ["s.part"]) == [root, other]
    assert selected(every, ["s.root"], ["s.leaf"]) == [root, part, other]
    assert selected(every, ["s.leaf"], ["s.root"]) == []
