"""How what must exist before rows is made by several lanes: in stages of texts that do not need each other.

Creating tables is work of one processor: three hundred small ones take a third of a run's time. pg_restore makes
them one after the other, in the archive's order; between tables that do not name each other that order means nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jobs.engines.postgres.archive import Entry

SIDE_BY_SIDE = frozenset({"TABLE", "SEQUENCE", "SEQUENCE OWNED BY", "DEFAULT", "COMMENT"})
"""What the archive's `needs` tell in full. Functions may speak of tables in their bodies: all else stays in order."""
LEAST = 60
"""Fewer entries are made before a second lane has come."""
NAME_BYTES = 55
"""Array types are called after their table, cut to 63 bytes and made unique by underscores in front."""


def stages(entries: Sequence[Entry], lanes: int, most: int) -> Iterator[list[list[Entry]]]:
    """Batches of about `most` entries at work at once; every batch of a stage needs the whole stage before."""
    serial: list[Entry] = []
    for run, loose in _runs(entries):
        batches = _batches(run, lanes, most) if loose and lanes > 1 and len(run) >= LEAST else []
        if len(batches) < 2:
            serial += run
            continue
        yield from ([batch] for batch in _cut(serial, most))
        serial = []
        yield batches
    yield from ([batch] for batch in _cut(serial, most))


def _runs(entries: Sequence[Entry]) -> Iterator[tuple[list[Entry], bool]]:
    run: list[Entry] = []
    for entry in entries:
        if run and (entry.desc in SIDE_BY_SIDE) != (run[-1].desc in SIDE_BY_SIDE):
            yield run, run[-1].desc in SIDE_BY_SIDE
            run = []
        run.append(entry)
    if run:
        yield run, run[-1].desc in SIDE_BY_SIDE


def _batches(run: Sequence[Entry], lanes: int, most: int) -> list[list[Entry]]:
    """Entries that need each other together, in the archive's order. All batches' locks fit side by side."""
    families = _families(run)
    size = min(-(-len(run) // lanes), max(1, most // lanes))
    batches: list[list[Entry]] = [[]]
    for family in families:
        if batches[-1] and len(batches[-1]) + len(family) > size:
            batches.append([])
        batches[-1] += family
    place = {entry.id: number for number, entry in enumerate(run)}
    return [sorted(batch, key=lambda entry: place[entry.id]) for batch in batches]


def _families(run: Sequence[Entry]) -> list[list[Entry]]:
    """Entries that need each other, or whose types may have one name, in one list each; by their first entry."""
    head: dict[Hashable, Hashable] = {entry.id: entry.id for entry in run}

    def find(item: Hashable) -> Hashable:
        while head.setdefault(item, item) != item:
            head[item] = item = head[head[item]]
        return item

    for entry in run:
        # Two backends that make types of the same name at once wait for each other, and one fails.
        named = (entry.schema, entry.tag.lstrip("_").encode()[:NAME_BYTES])
        for other in (named, *(need for need in entry.needs if need in head)):
            head[find(other)] = find(entry.id)
    families: dict[Hashable, list[Entry]] = defaultdict(list)
    for entry in run:
        families[find(entry.id)].append(entry)
    return list(families.values())


def _cut(entries: Sequence[Entry], most: int) -> Iterator[list[Entry]]:
    for start in range(0, len(entries), most):
        yield list(entries[start : start + most])


def chain(
    add: Callable[..., int], entries: Sequence[Entry], lanes: int, most: int, first: int,
    payload: Callable[[list[Entry]], dict[str, Any]],
) -> int:  # fmt: skip
    """Adds the tasks behind task `first`; the id of the one that everything is done with.

    `payload` is asked by several threads at once."""
    last: tuple[int, ...] = (first,)
    for stage in stages(entries, lanes, most):
        with ThreadPoolExecutor(len(stage)) as pool:
            # Each is a pg_restore of its own.
            payloads = list(pool.map(payload, stage))
        last = tuple(add("schema", 10, "schema", payload=made, needs=last) for made in payloads)
    if len(last) == 1:
        return last[0]
    return add("schema", 10, "schema", payload=payload([]), needs=last)
