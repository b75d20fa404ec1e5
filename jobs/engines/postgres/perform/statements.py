"""Tasks that are SQL of the schema: each text as it is, in the claim's transaction, so nothing is half made."""

from __future__ import annotations

import psycopg

from jobs.core.errors import Permanent
from jobs.engines.postgres import wire
from jobs.engines.postgres.perform.hands import Hands
from jobs.ports.engine import Done, Task, Watch


def run_texts(hands: Hands, task: Task, watch: Watch) -> Done:
    """Runs the task's texts in order."""
    for text in task.payload["sql"]:
        watch.report(task.kind, task.title, 0, 0)
        wire.run(hands.target, text, watch.check)
    return Done()


def validate(hands: Hands, task: Task, watch: Watch) -> Done:
    """Proves a foreign key over all rows; where rows break it, says how many and how to find them."""
    hands.target.execute("savepoint before_validation")
    try:
        return run_texts(hands, task, watch)
    except psycopg.errors.ForeignKeyViolation:
        hands.target.execute("rollback to savepoint before_validation")
        found = wire.run(hands.target, f"select count(*) {task.payload['orphans']}", watch.check)
        raise Permanent(
            f"{found[0][0]} rows break the foreign key {task.title}",
            meaning="The source holds them too: its key was not enforced when they came. All rows are copied.",
            remedy=f"Mend them in the source, then press Retry. Find them: select t.* {task.payload['orphans']}",
            object=task.title,
        ) from None
