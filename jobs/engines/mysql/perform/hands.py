"""What every performer works with, and how a server's refusal of a task becomes an error without row values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jobs.core.errors import FerrybotError
from jobs.engines.mysql.connect import Connection, explain
from jobs.engines.mysql.perform.stream import Stream
from jobs.ports.engine import Asked, Done, Task, Watch


@dataclass
class Hands:
    """A lane's connections: the source within the snapshot, the target within the claim's transaction.

    `ddl` opens a second session of the target, for statements that commit by themselves. `again`: the task was done
    under an earlier snapshot, and `before` is what it then kept. `streams` are the source's open result sets."""

    reader: Connection | None
    target: Connection
    open_ddl: Callable[[], Connection]
    asked: Asked
    again: bool
    before: Any = None
    streams: list[Stream] = field(default_factory=list)

    @property
    def source(self) -> Connection:
        assert self.reader is not None, "this task needs a lane of the conductor's process"
        return self.reader

    @property
    def ddl(self) -> Connection:
        return self.open_ddl()

    def stream(self, query: str) -> Stream:
        """A query whose rows are read from the socket."""
        stream = Stream(self.source, self.asked.source, query)
        self.streams.append(stream)
        return stream

    def explain(self, error: Exception, task: Task, object: str = "") -> FerrybotError:
        """Our error for a failed task."""
        named = object or task.title
        return explain(error, self.asked.target, doing=f"{_DOING.get(task.kind, task.kind)} {named}", object=named)


_DOING = {
    "database": "Setting up",
    "tables": "Creating",
    "copy": "Copying",
    "parts": "Comparing",
    "index": "Building",
    "foreign keys": "Adding",
    "counters": "Setting",
    "orphans": "Looking for",
    "programs": "Creating",
    "triggers": "Creating",
    "analyze": "Analyzing",
    "verify": "Verifying",
}

Performer = Callable[[Hands, Task, Watch], Done]
