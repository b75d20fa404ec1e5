"""Which entries of a schema may be made side by side: nothing is lost, doubled or made before what it needs."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.engines.postgres import predata
from jobs.engines.postgres.archive import Entry, Section

LANES, MOST = 3, 90


def entry(number: int, desc: str, tag: str, needs: tuple[int, ...] = ()) -> Entry:
    return Entry(number, 1259, 1000 + number, tag, desc, Section.pre_data, "", "", "public", "me", needs)


@st.composite
def schemas(draw: st.DrawFn) -> list[Entry]:
    """Archives in which each entry names entries before it, in stretches long enough to be cut."""
    found: list[Entry] = []
    for _ in range(draw(st.integers(0, 5))):
        kinds = draw(st.sampled_from([["TABLE"], ["TABLE", "SEQUENCE", "DEFAULT", "COMMENT"], ["FUNCTION", "TABLE"]]))
        for _ in range(draw(st.integers(0, 150))):
            number = len(found) + 1
            back = draw(st.lists(st.integers(1, 40), max_size=2)) if draw(st.integers(0, 3)) == 0 else []
            needs = tuple({number - step for step in back if number > step})
            tag = draw(st.sampled_from(["", "_", "__"])) + f"t{draw(st.integers(1, 500))}"
            found.append(entry(number, draw(st.sampled_from(kinds)), tag, needs))
    return found


# Hundreds of entries are drawn for each example: on a busy machine that takes a second for nine.
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(schemas())
def test_every_entry_once_and_after_what_it_needs(entries: list[Entry]) -> None:
    made: set[int] = set()
    for stage in predata.stages(entries, LANES, MOST):
        assert len(stage) == 1 or sum(map(len, stage)) >= predata.LEAST
        arrived: set[int] = set()
        names: list[set[str]] = []
        for batch in stage:
            here: set[int] = set()
            for one in batch:
                assert one.id not in made | arrived | here
                assert made | here >= set(one.needs)
                here.add(one.id)
            arrived |= here
            names.append({one.tag.lstrip("_") for one in batch})
            assert len(stage) > 1 or len(batch) <= MOST
        assert not any(a & b for number, a in enumerate(names) for b in names[:number]), "array types may collide"
        made |= arrived
    assert made == {one.id for one in entries}


def test_tables_of_one_schema_are_shared_by_the_lanes() -> None:
    """That all need one schema does not bind them together, nor does one family keep the others."""
    tables = [entry(number, "TABLE", f"t{number}", (1,)) for number in range(2, 302)]
    tree = [entry(number, "TABLE", f"p{number}", (400,)) for number in range(401, 500)]
    stages = list(
        predata.stages([entry(1, "SCHEMA", "s"), *tables, entry(400, "TABLE", "root", (1,)), *tree], 2, 1000)
    )
    assert [[len(batch) for batch in stage] for stage in stages] == [[1], [200, 200]]
    assert len(list(predata.stages(tables, 1, 1000))) == 1, "one lane, one text"
