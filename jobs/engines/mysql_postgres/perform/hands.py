"""What every performer works with, and how either server's refusal becomes an error without row values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from jobs.core.errors import FerrybotError, Permanent
from jobs.engines.mysql import connect as mysql
from jobs.engines.mysql.connect import Connection as Source
from jobs.engines.postgres.connect import Connection, explain
from jobs.engines.postgres.perform.hands import place
from jobs.ports.engine import Asked, Done, Task, Watch


@dataclass(frozen=True)
class Hands:
    """A lane's connections: the source within the snapshot, the target within the claim's transaction.

    `silenced`: triggers and foreign keys do not fire. `again`: the task was done under an earlier snapshot, and
    `before` is what it then kept with its mark."""

    source: Source
    target: Connection
    asked: Asked
    silenced: bool
    again: bool
    before: Any = None

    def explain(self, error: psycopg.Error, task: Task, object: str = "") -> FerrybotError:
        """Our error for what the target refused; data errors are named by their class: their text quotes values."""
        named, state = object or task.title, error.sqlstate or ""
        doing = f"{_DOING.get(task.kind, task.kind)} {named}"
        if state[:2] in ("22", "23") and task.kind in _DATA:
            words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__).lower()
            what = f"{doing}: {words}{_column(error) or place(error)}"
            return Permanent(what, remedy=_REMEDY, object=named)
        return explain(error, self.asked.target, doing=doing, object=named)

    def explain_source(self, error: Exception, task: Task, object: str = "") -> FerrybotError:
        named = object or task.title
        doing = f"{_DOING.get(task.kind, task.kind)} {named}"
        return mysql.explain(error, self.asked.source, doing=doing, object=named)


def _column(error: psycopg.Error) -> str:
    """`COPY t, line 7, column at: "…"`: the column, without the value."""
    found = re.search(r"^COPY .*?, line (\d+), column ([^:\n]+)", error.diag.context or "", re.M)
    return f" (row {found[1]}, column {found[2]})" if found else ""


_DATA = ("copy", "parts", "index", "post", "validate", "verify")
_DOING = {
    "schema": "Creating",
    "parts": "Proving",
    "copy": "Copying",
    "index": "Building",
    "foreign keys": "Adding",
    "validate": "Validating",
    "post": "Creating",
    "views": "Creating",
    "analyze": "Analyzing",
    "verify": "Verifying",
}
_REMEDY = (
    "The source holds a value that PostgreSQL does not take. Run the checks again: they count such values and ask"
    " what shall become of them. Or mend the rows in the source, then press Retry; what is done stays done."
)

Performer = Callable[[Hands, Task, Watch], Done]
