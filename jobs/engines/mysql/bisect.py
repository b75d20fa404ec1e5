"""Which rows of an unequal table differ: found by their keys, told by their keys, never by their values.

A range of the key that differs is cut in two until few enough rows are left; those are compared one by one by their
hashes. Both sides answer alike, since boundaries are values of the key's own type and collation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pymysql

from jobs.core.errors import FerrybotError
from jobs.core.verdict import RowDifference
from jobs.engines.mysql import parts
from jobs.engines.mysql.catalog import Table
from jobs.engines.mysql.columns import hashed
from jobs.engines.mysql.connect import Connection, rows
from jobs.engines.mysql.perform.checksum import summed
from jobs.ports.engine import Asked

FEW = 2000
"""Rows to compare one by one: one query on each side."""
EXAMPLES = 10
MOST_RANGES = 200
"""Looked into before it is said that there are more."""

Condition = str


def differing(
    source: Connection, target: Connection, asked: Asked, table: Table, document: dict[str, Any]
) -> RowDifference:
    """Counts and keys of rows that only one side has or that differ; without a key only the counts of whole rows."""
    label = document["label"]
    key = parts.key_of(table)
    if key is None:
        return _by_whole_rows(source, target, document)
    found = RowDifference(table=label, key=tuple(column.name for column in key.columns))
    open_ranges: list[tuple[Condition, int]] = [("", 0)]
    looked = 0
    try:
        while open_ranges:
            condition, _ = open_ranges.pop(0)
            looked += 1
            if looked > MOST_RANGES:
                return found.model_copy(update={"at_least": True})
            ours = summed(source, asked.source, document, condition)
            theirs = summed(target, asked.target, document, condition)
            if ours == theirs:
                continue
            # Few on both sides: else the other side's rows would be read without bound.
            if max(ours[0], theirs[0]) <= FEW:
                found = _one_by_one(source, target, document, key, condition, found)
                continue
            fuller = source if ours[0] >= theirs[0] else target
            halves = parts.halves(fuller, document["from"], key, condition, max(ours[0], theirs[0]))
            open_ranges += [(half, 0) for half in halves]
    except (pymysql.MySQLError, FerrybotError):
        return found.model_copy(update={"at_least": True})
    return found


def _one_by_one(
    source: Connection,
    target: Connection,
    document: dict[str, Any],
    key: parts.Key,
    condition: Condition,
    found: RowDifference,
) -> RowDifference:
    query = (
        f"select {key.listed}, {hashed(document['compare'])} from {document['from']}"  # noqa: S608 - quoted
        f"{f' where {condition}' if condition else ''} limit {FEW * 2}"
    )
    ours = {tuple(map(str, row[:-1])): row[-1] for row in rows(source, query)}
    theirs = {tuple(map(str, row[:-1])): row[-1] for row in rows(target, query)}
    missing, unexpected = ours.keys() - theirs.keys(), theirs.keys() - ours.keys()
    changed = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
    examples = [key.shown(name) for name in sorted(missing | unexpected | changed)]
    return found.model_copy(
        update={
            "missing": found.missing + len(missing),
            "unexpected": found.unexpected + len(unexpected),
            "changed": found.changed + len(changed),
            "examples": (*found.examples, *examples)[:EXAMPLES],
        }
    )


def _by_whole_rows(source: Connection, target: Connection, document: dict[str, Any]) -> RowDifference:
    query = f"select {hashed(document['compare'])} from {document['from']} limit {FEW * 50}"  # noqa: S608 - quoted
    ours, theirs = _counted(rows(source, query)), _counted(rows(target, query))
    missing = sum(max(0, count - theirs.get(row, 0)) for row, count in ours.items())
    unexpected = sum(max(0, count - ours.get(row, 0)) for row, count in theirs.items())
    most = max(sum(ours.values()), sum(theirs.values()))
    return RowDifference(table=document["label"], missing=missing, unexpected=unexpected, at_least=most >= FEW * 50)


def _counted(found: Sequence[tuple[Any, ...]]) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for (row,) in found:
        counts[row] = counts.get(row, 0) + 1
    return counts
