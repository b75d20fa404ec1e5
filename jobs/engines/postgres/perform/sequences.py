"""Sets sequences to where the source's stand.

A sequence is outside of transactions and snapshots: what is read is its present state, at or beyond that of the
snapshot, so no number is ever given out twice. The values read are kept with the mark: the census compares the
target with them, not with a source that moved on.
"""

from __future__ import annotations

from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.perform.hands import Hands
from jobs.ports.engine import Done, Task, Watch

PER_STATEMENT = 200


def set_sequences(hands: Hands, task: Task, watch: Watch) -> Done:
    """Copies `last_value` and `is_called` of every sequence, exactly."""
    names = [(schema, name) for schema, name in task.payload["names"]]
    values: list[list[str]] = []
    for start in range(0, len(names), PER_STATEMENT):
        watch.check()
        part = names[start : start + PER_STATEMENT]
        found = dict[int, tuple[str, str]]()
        for number, value, called in wire.run(hands.source, read_values(part), watch.check):
            found[int(number or 0)] = (value or "", called or "")
        wire.run(hands.target, _write(part, found), watch.check)
        values += [[schema, name, *found[number]] for number, (schema, name) in enumerate(part)]
    return Done(rows=len(names), result=values)


def read_values(names: list[tuple[str, str]]) -> str:
    """One statement: a row each of place in the list, last value, is called."""
    return " union all ".join(
        f"select {number}, last_value, is_called from {quote.qualified(*name)}"  # noqa: S608 - quoted
        for number, name in enumerate(names)
    )


def _write(names: list[tuple[str, str]], values: dict[int, tuple[str, str]]) -> str:
    calls = (
        f"setval({quote.text(quote.qualified(*name))}::regclass, {values[number][0]}, '{values[number][1]}')"
        for number, name in enumerate(names)
    )
    return "select " + ", ".join(calls)
