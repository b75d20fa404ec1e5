"""Comments on extensions and their members: set where the target lets us; what it refuses is kept and told."""

from __future__ import annotations

import psycopg

from jobs.engines.postgres import extension_comments, wire
from jobs.engines.postgres.connect import first_line
from jobs.engines.postgres.perform.hands import Hands
from jobs.ports.engine import Done, Task, Watch


def set_comments(hands: Hands, task: Task, watch: Watch) -> Done:
    """Of extensions that this run made. Idempotent: only what differs is set."""
    refused: dict[str, str] = {}
    for comment in extension_comments.compared(hands.source, hands.target):
        if comment.source == comment.target or comment.extension in task.payload["before"]:
            continue
        try:
            with hands.target.transaction():
                wire.run(hands.target, comment.statement, watch.check)
        except psycopg.OperationalError:
            raise
        except psycopg.DatabaseError as error:
            refused[comment.name] = f"the target refused it: {first_line(error.diag.message_primary or '')}"
    return Done(result=refused or None)
