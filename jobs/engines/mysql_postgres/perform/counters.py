"""Sets identity columns to the source's next AUTO_INCREMENT value.

It stands outside of snapshots: what is read is its present state, at or beyond that of the snapshot, so no number is
ever given out twice. What was set is kept with the mark: the census compares the target with that.
"""

from __future__ import annotations

from jobs.core.errors import Permanent
from jobs.engines.mysql_postgres import reader
from jobs.engines.mysql_postgres.perform.hands import Hands
from jobs.engines.postgres import quote, wire
from jobs.ports.engine import Done, Task, Watch

_NEXT = "select table_name, auto_increment from information_schema.tables where table_schema = database()"


def set_counters(hands: Hands, task: Task, watch: Watch) -> Done:
    """The next value of each, never below what the rows need."""
    found = dict(reader.ask(hands.source, hands.asked.source, _NEXT, watch.check))
    values = []
    for column in task.payload["columns"]:
        next_value = max(int(found.get(column["source"]) or 1), 1)
        relation, name = quote.qualified(column["schema"], column["table"]), quote.name(column["column"])
        needed = wire.run(hands.target, f"select coalesce(max({name}), 0)::numeric + 1 from {relation}", watch.check)  # noqa: S608
        next_value = max(next_value, int(needed[0][0] or 1))
        full = int(needed[0][0] or 1) > column["most"]
        if next_value > column["most"] and not full:
            raise Permanent(
                f"The next value of {column['source']} is {next_value}, beyond its type",
                remedy="Answer the question about its type otherwise, or lower AUTO_INCREMENT in the source.",
                object=column["source"],
            )
        named = f"pg_get_serial_sequence({quote.text(relation)}, {quote.text(column['column'])})"
        # The last number is given out: the next insert fails, as in the source.
        state = [column["most"], True] if full else [next_value, False]
        setting = f"setval({named}, {state[0]}, {str(state[1]).lower()})"
        row = wire.run(hands.target, f"select {named}, {setting}", watch.check)[0]
        values.append([row[0], *state])
    return Done(rows=len(values), result=values)
