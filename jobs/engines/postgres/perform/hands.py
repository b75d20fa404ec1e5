"""What every performer works with, and how a server's refusal of a task becomes an error without row values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from jobs.core.errors import FerrybotError, Permanent
from jobs.engines.postgres.connect import Connection, explain
from jobs.ports.engine import Asked, Done, Task, Watch


@dataclass(frozen=True)
class Hands:
    """A lane's connections: the source within the snapshot, the target within the claim's transaction.

    `silenced`: triggers and foreign keys do not fire. `again`: the task was done under an earlier snapshot, and
    `before` is what it then kept with its mark."""

    source: Connection
    target: Connection
    asked: Asked
    silenced: bool
    again: bool
    before: Any = None

    @property
    def oldest(self) -> int:
        """The older server's version, which decides how both are asked."""
        return min(self.source.info.server_version, self.target.info.server_version)

    def explain(self, error: psycopg.Error, task: Task, object: str = "") -> FerrybotError:
        """Our error for a failed task; data errors are named by their class, since their text quotes values."""
        named = object or task.title
        if task.kind in _READS_ROWS and _TOO_LONG.search(str(error)):
            return Permanent(
                f"{_DOING[task.kind]} {named}: a row or a field of it is too long for the server to write down"
                " (its limit is 1 GB, and a bytea takes twice its length as text)",
                remedy="Shorten the value in the source, or leave the table's rows out and move them by other means.",
                object=named,
            )
        state = error.sqlstate or ""
        if task.kind == "copy" and state in _NAMES_NOTHING and place(error):
            return Permanent(f"Copying {named}: {_NAMELESS}{place(error)}", remedy=_REMEDY_NAMELESS, object=named)
        if state[:2] in ("22", "23") and task.kind in _QUOTES_VALUES:
            words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__).lower()
            what = f"{_DOING.get(task.kind, task.kind)} {named}: {words}{place(error)}"
            remedy = _REMEDY if task.kind not in _CREATES else _REMEDY_CREATING
            return Permanent(what, remedy=remedy, object=named)
        return explain(error, self.asked.target, doing=f"{_DOING.get(task.kind, task.kind)} {named}", object=named)


_DOING = {
    "parts": "Proving",
    "schema": "Creating",
    "copy": "Copying",
    "index": "Building",
    "foreign keys": "Adding",
    "validate": "Validating",
    "post": "Creating",
    "comments": "Writing",
    "refresh": "Refreshing",
    "analyze": "Analyzing",
    "verify": "Verifying",
}
_CREATES = ("schema", "post")
_QUOTES_VALUES = (*_CREATES, "copy", "index", "refresh", "validate")
_READS_ROWS = ("parts", "copy", "verify")
_TOO_LONG = re.compile(
    r"invalid memory alloc request size|[Cc]annot enlarge string buffer|requested length too large"
)
"""What servers say of a value beyond MaxAllocSize (memutils.h): an internal error, by its words only."""
_REMEDY = "Mend the row in the source or the rule in the target, then press Retry; what is done stays done."
_REMEDY_CREATING = "Mend the cause and press Retry; what is done stays done."


_NAMES_NOTHING = ("42P01", "42883", "42704", "3F000")
"""Undefined table, function, object, schema: within a COPY a value of regclass or the like names it."""
_NAMELESS = "a value (of regclass or the like) names an object that is not on the target"
_REMEDY_NAMELESS = (
    "It names what stays behind or is made after all rows, such as a table left out, a TOAST table or an index of a"
    " materialized view. Change the value in the source, or leave the table's rows out; then press Retry."
)


def place(error: psycopg.Error) -> str:
    """Line and column of a COPY's failure, and the constraint; never the value, which the context also quotes."""
    found = re.search(r"^COPY .*?, line (\d+)", error.diag.context or "", re.M | re.S)
    column = error.diag.column_name or ""
    constraint = error.diag.constraint_name or ""
    parts = [
        f"line {found[1]}" if found else "",
        column and f"column {column}",
        constraint and f"constraint {constraint}",
    ]
    said = ", ".join(part for part in parts if part)
    return f" ({said})" if said else ""


Performer = Callable[[Hands, Task, Watch], Done]
