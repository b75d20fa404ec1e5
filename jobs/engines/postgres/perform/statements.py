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
    """Proves foreign keys over all rows; where rows break one, says how many and how to find them."""
    for key in task.payload["keys"]:
        watch.report("validate", key["title"], 0, 0)
        hands.target.execute("savepoint before_validation")
        try:
            wire.run(hands.target, key["sql"], watch.check)
        except psycopg.errors.ForeignKeyViolation:
            hands.target.execute("rollback to savepoint before_validation")
            found = wire.run(hands.target, f"select count(*) {key['orphans']}", watch.check)
            raise _broken(key, found[0][0] or "") from None
        hands.target.execute("release savepoint before_validation")
    return Done()


def _broken(key: dict[str, str], rows: str) -> Permanent:
    return Permanent(
        f"{rows} rows break the foreign key {key['title']}",
        meaning="The source holds them too: its key was not enforced when they came. All rows are copied.",
        remedy=f"Mend them in the source, then press Retry. Find them: select t.* {key['orphans']}",
        object=key["title"],
    )
