"""Copying a table or a part of it, and proving it instead where an earlier snapshot brought it already."""

from __future__ import annotations

import time
from typing import Any

from jobs.core.errors import Permanent
from jobs.core.model import Scope
from jobs.engines.mysql import quote, worktable
from jobs.engines.mysql.columns import FIELD, ROW, START
from jobs.engines.mysql.connect import rows, run
from jobs.engines.mysql.perform.checksum import both
from jobs.engines.mysql.perform.hands import Hands
from jobs.engines.mysql.perform.inserts import insert
from jobs.engines.mysql.perform.stream import Loaded, escaped, lines, load
from jobs.ports.engine import Done, Task, Watch

_HARMLESS = frozenset({1265})
"""Said of a blank ENUM, which arrives as the source has it; the proof decides."""


def copy(hands: Hands, task: Task, watch: Watch) -> Done:
    """Brings the task's tables; small ones share a task."""
    brought = [_bring(hands, task, table, watch) for table in task.payload["tables"]]
    return Done(
        rows=sum(line["rows"] for line in brought), bytes=sum(line["bytes"] for line in brought), result=brought
    )


def _bring(hands: Hands, task: Task, table: dict[str, Any], watch: Watch) -> dict[str, Any]:
    began = time.monotonic()
    rows_there, method, size = _proven(hands, table), "proven equal", 0
    if rows_there is None:
        _make_room(hands, table, watch)
        loaded, size = move(hands, task, table, watch)
        rows_there, method = loaded.rows, table["method"]
    seconds = time.monotonic() - began
    return {"table": table["label"], "rows": rows_there, "bytes": size, "seconds": seconds, "method": method}


def _proven(hands: Hands, table: dict[str, Any]) -> int | None:
    """The rows, where what an earlier snapshot brought is right under this one."""
    if not hands.again:
        return None
    if table.get("parts") is not None:
        kept = worktable.result(hands.target, table["parts"]) or {}
        found = kept.get("proven", {}).get(str(table["number"]))
        return None if found is None else int(found)
    ours, theirs = both(hands, table)
    return ours[0] if ours == theirs else None


def _make_room(hands: Hands, table: dict[str, Any], watch: Watch) -> None:
    """A table of ours may hold rows of a snapshot before; anybody else's must be empty.

    An engine without transactions keeps what a broken load brought: that it began is written down beforehand."""
    if table.get("parts") is not None:
        return
    begun = not table["transactional"] and not worktable.intend(hands.ddl, "rows", table["name"])
    if hands.again or begun:
        delete(hands, table, table["condition"])
    elif hands.asked.options.scope is Scope.data_only and rows(
        hands.target,
        f"select 1 from {quote.name(table['name'])} limit 1",  # noqa: S608 - quoted
    ):
        label = table["label"]
        raise Permanent(f"{label} holds rows in the target", remedy="Empty it or leave it out.", object=label)


def delete(hands: Hands, table: dict[str, Any], condition: str) -> None:
    """Within the claim's transaction, so that a crash leaves the rows as they were."""
    where = f" where {condition}" if condition else ""
    run(hands.target, f"delete from {quote.name(table['name'])}{where}")  # noqa: S608 - quoted
    if table["versioned"]:
        run(hands.target, f"delete history from {quote.name(table['name'])}")


def move(hands: Hands, task: Task, table: dict[str, Any], watch: Watch) -> tuple[Loaded, int]:
    """Streams the rows; what LOAD DATA says, and the bytes."""
    where = f" where {table['condition']}" if table["condition"] else ""
    stream = hands.stream(f"select {table['read']} from {table['from']}{where}")  # noqa: S608 - quoted
    size = 0

    def moved(total: int) -> None:
        nonlocal size
        size = total
        watch.check()
        watch.report(str(task.id), task.title, stream.rows, total)

    if table["method"] == "inserts":
        head = f"insert into {quote.name(table['name'])} ({table['names']}) values ".encode()  # noqa: S608 - quoted
        loaded = insert(hands.target, head, stream.packets(), table["how"], moved)
    else:
        plain = table["method"] == "plain rows"
        pieces = escaped(stream.plain()) if plain else lines(stream.packets(), table["bare"])
        loaded = load(hands.target, statement(table), pieces, moved)
    serious = loaded.codes - _HARMLESS
    if loaded.skipped or serious:
        raise Permanent(
            f"The target did not take {loaded.skipped or 'some'} rows of {table['label']} as they are"
            f" (warnings {', '.join(map(str, sorted(loaded.codes))) or 'none'})",
            remedy="Look at these error numbers in the server's manual, mend the cause, then press Retry.",
            object=table["label"],
        )
    return loaded, size


def statement(table: dict[str, Any]) -> str:
    """LOAD DATA for the way in which the rows come."""
    plain = table["method"] == "plain rows"
    fields = _hex(FIELD) if plain else "'\\t'"
    lines_ = f"starting by {_hex(START)} terminated by {_hex(ROW)}" if plain else "terminated by '\\n'"
    return (
        f"load data local infile 'ferrybot' into table {quote.name(table['name'])} character set binary"
        # Only the backslash as escape keeps \\N and zero dates what they are.
        f" fields terminated by {fields} escaped by '\\\\' lines {lines_} ({table['into']}){table['set']}"
    )


def _hex(value: bytes) -> str:
    return f"x'{value.hex()}'"


def look_at_parts(hands: Hands, task: Task, watch: Watch) -> Done:
    """Under a new snapshot: which parts are still right; the rows of all others go, before any part is copied again.

    All at once, since a row that moved from one part to another would meet itself. First, nothing is there yet."""
    table = task.payload["table"]
    if not hands.again:
        if hands.asked.options.scope is Scope.data_only:
            _make_room(hands, table, watch)
        return Done()
    proven: dict[str, int] = {}
    for number, condition in enumerate(task.payload["conditions"]):
        watch.check()
        watch.report(str(task.id), f"proving {table['label']}", 0, 0)
        ours, theirs = both(hands, table, condition)
        if ours == theirs:
            proven[str(number)] = ours[0]
        else:
            delete(hands, table, condition)
    return Done(result={"proven": proven})


def verify(hands: Hands, task: Task, watch: Watch) -> Done:
    """Counts and checksums of the task's tables; what differs is kept, not raised: the verdict says it."""
    documents = []
    for table in task.payload["tables"]:
        watch.check()
        watch.report(str(task.id), task.title, 0, 0)
        began = time.monotonic()
        ours, theirs = both(hands, table, table["condition"])
        documents.append(
            {
                "table": table["label"],
                "source_rows": ours[0],
                "target_rows": theirs[0],
                "source_sum": ours[1],
                "target_sum": theirs[1],
                "bytes": table["bytes"],
                "seconds": time.monotonic() - began,
            }
        )
    return Done(rows=sum(d["target_rows"] for d in documents), bytes=task.size, result=documents)
